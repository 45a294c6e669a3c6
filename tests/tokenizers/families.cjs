// node families.cjs CAPSTAN, as oracle.cjs: what tokenizer.json of model families have, in small ones made here. Texts
// become the same tokens as with npm's tokenizers, and tokens the same text.
const fs = require('fs');
const hugging = require('tokenizers');
const { run, ours, compare, awkward, plain, finish } = require('./common.cjs');

const BLANK = '\u2581';

// Special tokens of a text are found only by --marked.
async function same(what, json, texts, ...more) {
  fs.writeFileSync('family.json', JSON.stringify(json));
  const reference = hugging.Tokenizer.fromFile('family.json');
  const all = [], expected = [], back = [], wanted = [];
  for (const text of texts) {
    const ids = (await reference.encode(text, null, { addSpecialTokens: false })).getIds();
    const tokens = ours('family.json', text, ...more).tokens;
    all.push(...tokens, -1);
    expected.push(...ids, -1);
    if (!ids.length) continue;
    fs.writeFileSync('ids', ids.join(' '));
    back.push(...run('decode', '--tokenizer', 'family.json', '--input', 'ids', ...more.filter(x => x !== '--marked')));
    wanted.push(...Buffer.from(await reference.decode(ids, false)));
  }
  compare(what, all, expected);
  compare(`${what}, back`, back, wanted);
}

// Characters and the merges of their most frequent pairs, across blanks if `across`.
function learn(text, count, across) {
  let words = across ? [text] : text.split(new RegExp(`(?=${BLANK})`));
  words = words.map(word => Array.from(word));
  const vocab = {}, merges = [];
  const add = token => { if (!(token in vocab)) vocab[token] = Object.keys(vocab).length; };
  ['<unk>', '<s>', '</s>'].forEach(add);
  for (let b = 0; b < 256; b++) add(`<0x${b.toString(16).toUpperCase().padStart(2, '0')}>`);
  words.flat().forEach(add);
  while (merges.length < count) {
    const pairs = new Map();
    for (const word of words)
      for (let i = 0; i + 1 < word.length; i++)
        pairs.set(`${word[i]}\u0002${word[i + 1]}`, (pairs.get(`${word[i]}\u0002${word[i + 1]}`) || 0) + 1);
    const best = [...pairs].reduce((a, b) => (b[1] > a[1] ? b : a))[0].split('\u0002');
    merges.push(best);
    add(best.join(''));
    words = words.map(word => {
      const out = [];
      for (let i = 0; i < word.length; i++)
        if (word[i] === best[0] && word[i + 1] === best[1]) out.push(best.join('')), i++;
        else out.push(word[i]);
      return out;
    });
  }
  return { vocab, merges };
}

const special = (id, content) =>
  ({ id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true });

const prepend = { type: 'Prepend', prepend: BLANK }, replace = { type: 'Replace', pattern: { String: ' ' }, content: BLANK };
const strip = { type: 'Strip', content: ' ', start: 1, stop: 0 };

function sentencepiece(model, normalizer, preTokenizer, strips, change = {}) {
  const decoders = [{ type: 'Replace', pattern: { String: BLANK }, content: ' ' }, { type: 'ByteFallback' }, { type: 'Fuse' }];
  return {
    version: '1.0', truncation: null, padding: null, added_tokens: ['<unk>', '<s>', '</s>'].map((text, i) => special(i, text)),
    normalizer, pre_tokenizer: preTokenizer, post_processor: null,
    decoder: { type: 'Sequence', decoders: strips ? decoders.concat(strip) : decoders },
    model: { type: 'BPE', dropout: null, unk_token: '<unk>', continuing_subword_prefix: null, end_of_word_suffix: null,
      fuse_unk: true, byte_fallback: true, ignore_merges: false, ...model, ...change },
  };
}

const metaspace = (scheme, split) => ({ type: 'Metaspace', replacement: BLANK, prepend_scheme: scheme, split });

async function checkSentencePiece(texts) {
  const corpus = (plain().slice(0, 20000) + texts.slice(0, 10).join(' ')).replace(/ /g, BLANK);
  const inside = learn(corpus, 300, false), across = learn(corpus, 300, true);
  const both = { type: 'Sequence', normalizers: [prepend, replace] };
  await same('Llama 2', sentencepiece(inside, both, null, true), texts);
  await same('Llama 2, merges across blanks', sentencepiece(across, both, null, true), texts);
  await same('Gemma', sentencepiece(inside, replace,
    { type: 'Split', pattern: { String: ' ' }, behavior: 'MergedWithPrevious', invert: false }, false), texts);
  for (const scheme of ['always', 'first', 'never'])
    for (const split of [true, false])
      for (const model of [inside, across])
        await same(`Metaspace, ${scheme}, split ${split}`,
          sentencepiece(model, null, metaspace(scheme, split), scheme !== 'never'), texts);
  const old = { ...across, merges: across.merges.map(pair => pair.join(' ')) };
  await same('merges as texts', sentencepiece(old, both, null, true), texts);
  for (const fuse_unk of [true, false]) {
    const json = sentencepiece(inside, both, null, true, { byte_fallback: false, fuse_unk });
    await same(`no bytes, fuse_unk ${fuse_unk}`, json, texts);
  }
  const marked = ['<s> one</s>two </s> three', '</s></s>', ' <s>x'];
  await same('Llama 2, marked', sentencepiece(inside, both, null, true), marked, '--marked');
  for (const scheme of ['always', 'first', 'never'])
    await same(`Metaspace, ${scheme}, marked`, sentencepiece(inside, null, metaspace(scheme, true), scheme !== 'never'), marked,
      '--marked');
}

const pattern = {
  'Llama 3': "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
  'Qwen': "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
};
const byteLevel = use_regex => ({ type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex });
const split = regex => ({ type: 'Sequence',
  pretokenizers: [{ type: 'Split', pattern: { Regex: regex }, behavior: 'Isolated', invert: false }, byteLevel(false)] });
const digits = { type: 'Sequence', pretokenizers: [{ type: 'Digits', individual_digits: true }, byteLevel(true)] };

// A token of its own: after all others, or one of the vocabulary.
const added = (json, content, flags = {}) => {
  const ids = [...Object.values(json.model.vocab), ...json.added_tokens.map(one => one.id)];
  json.added_tokens.push({ ...special(json.model.vocab[content] ?? Math.max(...ids) + 1, content), special: false, ...flags });
};

const kept = {};
function trained(change, ...more) {
  if (!kept[more]) {
    run('train', '--vocab-size', 3000, '--input', 'corpus', '--output', 'trained.json', ...more);
    kept[more] = fs.readFileSync('trained.json');
  }
  const json = JSON.parse(kept[more]);
  change(json);
  return json;
}

async function checkByteLevel(texts) {
  fs.writeFileSync('corpus', plain() + texts.slice(0, 10).join('\n'));
  for (const [name, regex] of Object.entries(pattern))
    for (const ignore_merges of [false, true])
      await same(`${name}, ignore_merges ${ignore_merges}`,
        trained(json => { json.pre_tokenizer = split(regex); json.model.ignore_merges = ignore_merges; }), texts);
  await same('SmolLM', trained(json => { json.pre_tokenizer = digits; }), texts);
  await same('SmolLM, trained with its pattern', trained(() => {}, '--pattern', 'gpt2_digits'), texts);
  await same('Qwen, trained with its pattern', trained(() => {}, '--pattern', 'qwen2'), texts);
  await same('Llama 3, begins a text', trained(json => {
    const end = json.added_tokens[0];
    json.post_processor = { type: 'Sequence', processors: [byteLevel(true), { type: 'TemplateProcessing',
      single: [{ SpecialToken: { id: end.content, type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
      pair: [{ Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'B', type_id: 1 } }],
      special_tokens: { [end.content]: { id: end.content, ids: [end.id], tokens: [end.content] } } }] };
    json.truncation = { direction: 'Right', max_length: 1 << 30, strategy: 'LongestFirst', stride: 0 };
  }), texts);
}

// The reference has Unicode 9 to 15 in its parts; here are characters that did not change.
async function checkNormalizers(texts) {
  const parts = ['NFC', 'NFD', 'NFKC', 'NFKD', 'Lowercase'].map(type => ({ type }));
  const lists = [[parts[4], parts[0]], [parts[3], parts[4]], [parts[1], parts[4], parts[2]]]
    .map(normalizers => ({ type: 'Sequence', normalizers }));
  const more = ['\ufdfa', '\u0958\u0344\u0390', 'A\u030a \u212b \u00c5', '\u1100\u1161\u11a8 \uac01', 'ÀÈ́ÎÕ ẞ İI ΑΣ Ⱥ',
    'x\u0301\u0323 \u0323\u0301', 'e' + '\u0301'.repeat(50), '① ㎏ ﬃ ½ ｱ゙'];
  for (const normalizer of parts.concat(lists)) {
    const name = normalizer.normalizers ? normalizer.normalizers.map(one => one.type).join(', ') : normalizer.type;
    await same(`${name}`, trained(json => { json.normalizer = normalizer; }), texts.concat(more));
  }
}

async function checkAdded(texts) {
  const marks = ['<tool>', 'a<tool>b', ' <tool> ', '<tool><tool>', '<too', 'x  <tool>\n\n y', '<tool_call><tool', 'word<tool>word <tool> é<tool>é',
    '_<tool>', '1<tool>', '\u3000<tool>\u00a0z', '    if x:\n\t\treturn', '<TOOL> <Tool>', 'ⓐ<tool> \u200d<tool>', '<tool>\u0301'];
  const flags = [{}, { lstrip: true }, { rstrip: true }, { single_word: true }, { lstrip: true, rstrip: true, single_word: true },
    { normalized: true }, { normalized: true, lstrip: true }, { normalized: true, single_word: true }];
  for (const normalizer of [null, { type: 'NFC' }, { type: 'Lowercase' }])
    for (const flag of flags) {
      const json = trained(one => { one.normalizer = normalizer; });
      added(json, '<tool>', flag);
      added(json, '<tool_call>', { normalized: false });
      for (let n = 2; n < 8; n++) added(json, ' '.repeat(n), flag.normalized ? { normalized: true } : {});
      await same(`added, ${normalizer?.type}, ${JSON.stringify(flag)}`, json, marks.concat(texts.slice(0, 10)));
      const mixed = marks.map(text => text.replace('<tool>', '<tool><|endoftext|> '));
      await same(`added and special, ${normalizer?.type}, ${JSON.stringify(flag)}`, json, mixed, '--marked');
    }
  for (const flag of [{ lstrip: true }, { rstrip: true }, { single_word: true }]) {
    const json = trained(one => Object.assign(one.added_tokens[0], flag));
    await same(`special, ${JSON.stringify(flag)}`, json, marks.map(text => text.replace(/<tool>/g, '<|endoftext|>')), '--marked');
  }
}

(async () => {
  const texts = awkward().map(text => text.slice(0, 30000)).concat(['', ' ', 'x', ' x', '  x', 'x ', BLANK, `a${BLANK} b ${BLANK}`]);
  await checkSentencePiece(texts);
  await checkByteLevel(texts);
  await checkNormalizers(texts);
  await checkAdded(texts);
  finish();
})();
