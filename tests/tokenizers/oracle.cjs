// node oracle.cjs CAPSTAN, in a folder with node_modules: see tests/check_long_tokenizers.
const fs = require('fs');
const hugging = require('tokenizers');
const tiktoken = require('tiktoken');
const { run, ours, compare, awkward, plain, finish } = require('./common.cjs');

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
  finish();
})();
