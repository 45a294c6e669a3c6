// node llamacpp.mjs OUTPUT, in a folder with node_modules: asks llama.cpp and @huggingface/gguf about GGUF files. Reads
// {"models": [{"file", "texts": [...], "ids": [...]}]} from standard input and writes for each model the tokens of each
// text, the log-probabilities after each of ids, and what the second reader sees.
import { readFileSync, writeFileSync } from 'node:fs';
import { getLlama, LlamaLogLevel } from 'node-llama-cpp';
import { gguf } from '@huggingface/gguf';

const { models } = JSON.parse(readFileSync(0, 'utf8'));
const llama = await getLlama({ gpu: false, build: 'never', skipDownload: true, usePrebuiltBinaries: true, maxThreads: 1,
  logLevel: LlamaLogLevel.error });
const answers = [];
for (const { file, texts, ids } of models) {
  const model = await llama.loadModel({ modelPath: file });
  const context = await model.createContext({ contextSize: Math.max(ids.length + 8, 32), flashAttention: false,
    experimentalKvCacheKeyType: 'F32', experimentalKvCacheValueType: 'F32' });
  const ask = { generateNext: { probabilities: true, options: { temperature: 1, topK: 0, topP: 1, minP: 0 } } };
  const places = await context.getSequence().controlledEvaluate(ids.map((id) => [id, ask]));
  const logp = places.map((place) => {
    const row = [];
    for (const [token, p] of place.next.probabilities) row[token] = p > 0 ? Math.log(p) : -1000;
    return row;
  });
  const { metadata, tensorInfos } = await gguf(file, { allowLocalFile: true });
  answers.push({ file, tokens: texts.map((text) => [...model.tokenize(text)]), logp,
    back: texts.map((text) => model.detokenize(model.tokenize(text))),
    architecture: metadata['general.architecture'], step: Number(metadata['capstan.step']),
    tensors: tensorInfos.map((t) => [t.name, t.shape.map(Number), t.dtype]) });
  await context.dispose();
  await model.dispose();
}
writeFileSync(process.argv[2], JSON.stringify(answers));
process.exit(0);
