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

(async () => {
  const texts = awkward().map(text => text.slice(0, 30000)).concat(['', ' ', 'x', ' x', '  x', 'x ', BLANK, `a${BLANK} b ${BLANK}`]);
  await checkSentencePiece(texts);
  finish();
})();
