// node oracle.cjs CAPSTAN, in a folder with node_modules: see tests/check_long_tokenizers.
const fs = require('fs');
const { execFileSync } = require('child_process');
const hugging = require('tokenizers');
const tiktoken = require('tiktoken');
const capstan = process.argv[2];
let failed = 0;

const run = (...args) =>
  execFileSync(capstan, ['tokenizer', ...args.map(String)], 
    { maxBuffer: 1 << 30, stdio: ['ignore', 'pipe', 'inherit'] });

function ours(tokenizer, text, ...more) {
  fs.writeFileSync('text', text);
  return JSON.parse(run('encode', '--tokenizer', tokenizer, '--input', 'text', '--json', ...more));
}

function compare(what, got, expected) {
  let i = 0;
  while (i < got.length && i < expected.length && got[i] === expected[i]) i++;
  const same = i === got.length && i === expected.length;
  if (!same) failed++;
  console.log(`${same ? 'same  ' : 'FAILED'} ${what}: ${expected.length} tokens` +
    (same ? '' : `; at ${i}: ${got.slice(i, i + 8)} and not ${expected.slice(i, i + 8)}`));
}

// What tokenizers get wrong. The seeded part mixes characters of many kinds at random.
function awkward() {
  const parts = [
    "Hello world! I'm you're WE'LL they'VE don'T it'S 'sup 'Tis rock'n'roll I'D he'd 'ſ x'ſ ''s 's's",
    '  leading\n\n\n  mixed \t tabs\t\t\r\n\r\nCRLF \u00a0nbsp\u00a0\u00a0x \u0085nel\u0085\u0085 y\u2028ls\u2028\u2029 z' +
      '\u3000ideo \u200bzwsp \ufeffbom \u180emvs \u202f\u205f\u1680q',
    'emoji 👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽 🇩🇪🇫🇷 ☃️ a👍b',
    'combining e\u0301 a\u0308\u0323 Z\u0351\u036b\u0343 หน้าตา हिन्दी தமிழ் ברָכָה عَرَبِيّ',
    'CJK 漢字かな交じり文、テスト。中文测试！한국어 테스트 ㄱㄴ ﾊﾝｶｸ 豈 𠀀𪜀',
    'numbers 1 12 123 1234 12345 3.14159 1,000,000 ٣٤٥ Ⅷ ½ ² 1st 2nd 0x1F 12a34b',
    'punct !!! ??? ... --- ___ ### $$$ %%% // /* */ \\n {}[]() \'\'\' """ `~ «» „“ ¿¡ ‽ #hash ##hash',
    'İstanbul ǅ ß SS ﬁ ﬂ ŉ K Å ĳ É é Ελλάς Ёлка ΐ ΰ',
    'function foo() {\n    return bar(x, y);\n\t\t}\n\n\n\n    \n',
    ' '.repeat(37) + 'x' + ' '.repeat(100) + '\n' + ' '.repeat(17) + '\n\n' + '\t'.repeat(9) + 'end   ',
    'a'.repeat(1000) + 'b'.repeat(77) + 'ab'.repeat(200) + '='.repeat(333) + '\u3042'.repeat(99),
    '\u0001\u007f\u0080\u009f control',
  ];
  const kinds = [[0x20, 0x7f], [0x20, 0x24], [9, 14], [0xa0, 0x180], [0x300, 0x370], [0x370, 0x500], [0x5d0, 0x700],
    [0x900, 0xa00], [0x2000, 0x2070], [0x3000, 0x3100], [0x4e00, 0x5000], [0xac00, 0xad00], [0x1f300, 0x1f650],
    [0x30, 0x3a], [0x41, 0x5b], [0x27, 0x28], [0x73, 0x75]];
  let seed = 12345, random = '';
  const draw = n => (seed = (seed * 1103515245 + 12345) & 0x7fffffff, Math.floor(seed / 0x80000000 * n));
  for (let i = 0; i < 200000; i++) {
    const [low, high] = kinds[draw(kinds.length)];
    random += String.fromCodePoint(low + draw(high - low));
  }
  parts.push(random);
  return parts;
}

// Plain English and code, of what is on the machine. No special tokens: tokenizers would make tokens of them.
function plain() {
  let text = '';
  for (const path of ['node_modules/tiktoken/README.md', 'node_modules/tokenizers/README.md', 'node_modules/tiktoken/tiktoken_bg.js',
    'node_modules/gpt-tokenizer/README.md', '/usr/share/common-licenses/GPL-3', '/usr/share/common-licenses/Apache-2.0'])
    if (fs.existsSync(path)) text += fs.readFileSync(path, 'utf8');
  return text.replace(/<\|/g, '<');
}

function writeRanks(name) {
  const ranks = [];
  const packed = JSON.parse(fs.readFileSync(`node_modules/tiktoken/encoders/${name}.json`)).bpe_ranks;
  for (const line of packed.split('\n')) {
    const [, first, ...tokens] = line.split(' ');
    tokens.forEach((token, i) => ranks.push(`${token} ${+first + i}\n`));
  }
  fs.writeFileSync(`${name}.tiktoken`, ranks.join(''));
}

function checkRanks(texts) {
  for (const name of ['gpt2', 'p50k_base', 'cl100k_base', 'o200k_base']) {
    const reference = tiktoken.get_encoding(name), file = `${name}.tiktoken`;
    writeRanks(name);
    texts.forEach((text, i) => {
      compare(`tiktoken ${name}, text ${i}`, ours(file, text).tokens, Array.from(reference.encode_ordinary(text)));
    });
    const marked = 'one<|endoftext|>two <|endoftext|>\n<|endoftext|';
    compare(`tiktoken ${name}, marked`, ours(file, marked, '--marked').tokens,
      Array.from(reference.encode(marked, ['<|endoftext|>'], [])));
    // tiktoken takes no bytes that are not UTF-8, but gives them back.
    const bytes = Buffer.from(Array.from({ length: 4096 }, (_, i) => (i * i * 31 + (i >> 3) * 7) & 255));
    fs.writeFileSync('text', bytes);
    const tokens = JSON.parse(run('encode', '--tokenizer', file, '--input', 'text', '--force', '--json')).tokens;
    compare(`tiktoken ${name}, decoding bytes`, Array.from(reference.decode(new Uint32Array(tokens))), Array.from(bytes));
    reference.free();
  }
}

// gpt-tokenizer takes JavaScript's \s, which has U+FEFF and lacks U+0085.
function checkGpt(texts) {
  for (const [name, module] of [['gpt2', 'r50k_base'], ['cl100k_base', 'cl100k_base'], ['o200k_base', 'o200k_base']]) {
    const reference = require(`gpt-tokenizer/encoding/${module}`);
    texts.forEach((whole, i) => {
      const text = whole.replace(/[\u0085\ufeff]/g, '');
      compare(`gpt-tokenizer ${name}, text ${i}`, ours(`${name}.tiktoken`, text).tokens, reference.encode(text));
    });
  }
}

// For BERT's categories tokenizers has the Unicode of 2015; we have a newer one. Three of the characters since
// then are in the random part.
async function checkHugging(all) {
  const texts = all.map(text => text.replace(/[\u061d\u09fd\u09fe]/g, ''));
  fs.writeFileSync('corpus', plain() + texts.join('\n'));
  const kinds = [['bpe', '--pattern', 'gpt2'], ['bpe', '--pattern', 'cl100k'], ['bpe', '--pattern', 'o200k'], ['wordpiece'],
    ['wordpiece', '--keep-case']];
  for (const [kind, ...more] of kinds) {
    run('train', '--kind', kind, ...more, '--vocab-size', 5000, '--input', 'corpus', '--output', 't.json');
    const reference = hugging.Tokenizer.fromFile('t.json'), what = `tokenizers ${[kind, ...more].join(' ')}`;
    for (const [i, text] of texts.concat(plain()).entries())
      compare(`${what}, text ${i}`, ours('t.json', text).tokens,
        (await reference.encode(text, null, { addSpecialTokens: false })).getIds());
    const size = JSON.parse(run('info', '--tokenizer', 't.json', '--json')).vocab_size;
    compare(`${what}, vocabulary`, [size], [reference.getVocabSize(true)]);
  }
  for (const name of ['gpt2', 'cl100k_base']) {
    run('convert', '--tokenizer', `${name}.tiktoken`, '--output', 't.json');
    const reference = hugging.Tokenizer.fromFile('t.json');
    for (const [i, text] of texts.entries())
      compare(`tokenizers, ${name} converted, text ${i}`, ours('t.json', text).tokens, (await reference.encode(text)).getIds());
  }
  // Its own way to write: what it saves, we read.
  const reference = hugging.Tokenizer.fromFile('t.json');
  reference.save('saved.json', true);
  compare('tokenizers, saved by it', ours('saved.json', texts[0]).tokens, ours('t.json', texts[0]).tokens);
}

// One thread each, in turns; the best of them. Ours without the time to read tokenizer and text, as theirs.
function speed() {
  let text = plain();
  while (text.length < 8e6) text += text;
  const bytes = Buffer.byteLength(text);
  for (const name of ['gpt2', 'cl100k_base']) {
    const wasm = tiktoken.get_encoding(name);
    const js = require(`gpt-tokenizer/encoding/${name === 'gpt2' ? 'r50k_base' : name}`);
    const best = { capstan: 1e9, tiktoken: 1e9, 'gpt-tokenizer': 1e9 };
    const timed = (who, work) => {
      const start = process.hrtime.bigint();
      const own = work();
      best[who] = Math.min(best[who], own ?? Number(process.hrtime.bigint() - start) / 1e9);
    };
    for (let turn = 0; turn < 3; turn++) {
      timed('capstan', () => ours(`${name}.tiktoken`, text, '--count').seconds);
      timed('tiktoken', () => void wasm.encode_ordinary(text));
      timed('gpt-tokenizer', () => void js.encode(text));
    }
    console.log(`speed, ${name}, MB/s: ` + Object.entries(best).map(([k, s]) => `${k} ${(bytes / s / 1e6).toFixed(1)}`).join(', '));
  }
}

(async () => {
  const texts = awkward();
  checkRanks(texts);
  checkGpt(texts);
  // A megabyte without a blank: only this reference does not take hours.
  const cycle = Array.from({ length: 1 << 20 }, (_, i) => 'abcdefgh'[(i * i * 7 + (i >> 5)) & 7]).join('');
  await checkHugging(texts.concat(['x'.repeat(1 << 20), ' '.repeat(1 << 20), cycle]));
  speed();
  console.log(failed ? `${failed} FAILED` : 'all the same');
  process.exit(failed ? 1 : 0);
})();
