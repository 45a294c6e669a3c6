// What oracle.cjs and families.cjs share.
const fs = require('fs');
const { execFileSync } = require('child_process');
const capstan = process.argv[2];
const result = { failed: 0 };

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
  if (!same) result.failed++;
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

function finish() {
  console.log(result.failed ? `${result.failed} FAILED` : 'all the same');
  process.exit(result.failed ? 1 : 0);
}

module.exports = { run, ours, compare, awkward, plain, finish };
