// Measures the widgets' arithmetic: node widgets.mjs (training | prediction) FOLDER; prints JSON.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { decodeDigits, readModel } from "../web/widgets/arithmetic/model.js";
import {
  buildDense,
  computeGradients,
  descend,
  forward,
  randomNumbers,
  zeroGradients,
} from "../web/widgets/arithmetic/network.js";
import { prepareDrawing } from "../web/widgets/arithmetic/prepare.js";

const [what, folder] = process.argv.slice(2);
const read = (/** @type {string} */ name) => {
  new Function(readFileSync(`${folder}/${name}.data.js`, "utf8"))();
  return globalThis.mnistLessons[name];
};
const median = (/** @type {number[]} */ values) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];
const cpuSeconds = async (/** @type {() => unknown} */ act) => {
  const before = process.cpuUsage();
  await act();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
};

const BATCH = 32;
const RATE = 0.1;
const OURS = 300; // batches a run
const THEIRS = 60;

async function training() {
  const { labels, shades } = read("race");
  const pixels = Float32Array.from(decodeDigits(shades), (shade) => shade / 63);
  const images = Array.from(labels, (_, i) => pixels.subarray(784 * i, 784 * (i + 1)));
  const digits = Array.from(labels, Number);
  const ours = ourRun(images, digits);
  const theirs = await theirRun(pixels, digits);
  await ours();
  await theirs(); // once to warm up, so that both are compiled
  /** @type {number[][]} */
  const [oursAll, theirsAll] = [[], []];
  for (let i = 0; i < 5; i++) {
    oursAll.push((BATCH * OURS) / (await cpuSeconds(ours)));
    theirsAll.push((BATCH * THEIRS) / (await cpuSeconds(theirs)));
  }
  const spread = (/** @type {number[]} */ all) => `${Math.round(Math.min(...all))} to ${Math.round(Math.max(...all))}`;
  const note = `examples per CPU second over 5 runs: ${spread(oursAll)}; TensorFlow.js ${spread(theirsAll)}`;
  return { ours: median(oursAll), baseline: median(theirsAll), note };
}

/** @param {Float32Array[]} images @param {number[]} labels */
function ourRun(images, labels) {
  const random = randomNumbers(0);
  const layers = buildDense({ sizes: [784, 50, 50, 10], activation: "relu", initializer: "glorot", random });
  const gradients = zeroGradients(layers);
  return () => {
    for (let batch = 0; batch < OURS; batch++) {
      const chosen = Array.from({ length: BATCH }, () => Math.floor(random() * images.length));
      computeGradients(
        layers,
        chosen.map((i) => images[i]),
        chosen.map((i) => labels[i]),
        gradients,
      );
      descend(layers, gradients, RATE);
    }
  };
}

/** The same with TensorFlow.js: one optimizer step a batch, nothing else. @param {Float32Array} pixels @param {number[]} labels */
async function theirRun(pixels, labels) {
  const load = createRequire(new URL("../web/package.json", import.meta.url));
  const log = console.log;
  console.log = console.warn = () => {}; // it advertises its other packages
  const tf = load("@tensorflow/tfjs-core");
  load("@tensorflow/tfjs-backend-cpu");
  const { layers, sequential } = load("@tensorflow/tfjs-layers");
  await tf.setBackend("cpu");
  console.log = log;
  const model = sequential({
    layers: [
      layers.dense({ units: 50, activation: "relu", inputShape: [784] }),
      layers.dense({ units: 50, activation: "relu" }),
      layers.dense({ units: 10, activation: "softmax" }),
    ],
  });
  model.compile({ optimizer: tf.train.sgd(RATE), loss: "sparseCategoricalCrossentropy" });
  return async () => {
    for (let batch = 0; batch < THEIRS; batch++) {
      const from = (batch * BATCH) % (labels.length - BATCH);
      const x = tf.tensor2d(pixels.subarray(784 * from, 784 * (from + BATCH)), [BATCH, 784]);
      const y = tf.tensor1d(labels.slice(from, from + BATCH), "float32");
      await model.trainOnBatch(x, y);
      x.dispose();
      y.dispose();
    }
  };
}

async function prediction() {
  const models = ["dense", "sigmoid", "cnn"].map((name) => readModel(read(`model-${name}`)).layers);
  const ink = new Uint8Array(336 * 336);
  for (let i = 40; i < 300; i++) for (let width = -13; width < 13; width++) ink[i * 336 + 320 - i + width] = 255;
  const predict = () => {
    const image = /** @type {Uint8Array} */ (prepareDrawing(ink, 336));
    for (const layers of models) forward(layers, image);
  };
  for (let i = 0; i < 200; i++) predict(); // until it is compiled
  const times = [];
  for (let run = 0; run < 5; run++) {
    times.push(
      (1000 *
        (await cpuSeconds(() => {
          for (let i = 0; i < 100; i++) predict();
        }))) /
        100,
    );
  }
  return {
    ours: median(times),
    note: `over 5 runs of 100: ${Math.min(...times).toFixed(2)} to ${Math.max(...times).toFixed(2)}`,
  };
}

/** @type {Record<string, () => Promise<object>>} */
const measurements = { training, prediction };
process.stdout.write(JSON.stringify(await measurements[what]()));
