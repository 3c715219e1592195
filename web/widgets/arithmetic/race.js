// One runner of the race: a network, its data in a shuffled order, its measurements. It knows nothing of the page.

import { buildDense, computeGradients, descend, forward, randomNumbers, zeroGradients } from "./network.js";

/** @typedef {import("./network.js").Dense} Dense */
/** @typedef {import("./network.js").Activation} Activation */
/**
 * @typedef {{depth: number, width: number, rate: number, initializer: string, seed: number}} Settings
 * @typedef {{step: number, loss: number, accuracy: number, gradients: number[], idle: number[]}} Measurement
 *   loss: mean of the batches since the last measurement, before the first that of the digits held out; accuracy: on the digits
 *   held out; gradients: root mean square of each layer's weight gradients in one batch, first to last;
 *   idle: share of each hidden layer's units that hardly pass a gradient on (ReLU: 0 on all of the probe;
 *   sigmoid: mean slope under a tenth of its largest)
 */

const BATCH = 32;
export const STEPS = 800;
export const HELD_OUT = 500;

/**
 * @param {{images: Float32Array[], labels: ArrayLike<number>, activation: string, settings: Settings}} options
 *   images: values from 0 to 1; the last 500 are held out
 */
export function createRunner({ images, labels, activation, settings: { depth, width, rate, initializer, seed } }) {
  const random = randomNumbers(seed);
  const layers = buildDense({ sizes: [784, ...Array(depth).fill(width), 10], activation, initializer, random });
  const gradients = zeroGradients(layers);
  const training = images.length - HELD_OUT;
  let step = 0;
  /** @type {number[]} */
  let order = [];

  const nextBatch = () => {
    if (order.length < BATCH) order = shuffled(training, random);
    const batch = order.splice(0, BATCH);
    computeGradients(
      layers,
      batch.map((i) => images[i]),
      batch.map((i) => labels[i]),
      gradients,
    );
    return gradients.loss;
  };
  const probe = images.slice(training);
  const probeLabels = Array.from(probe, (_, i) => labels[training + i]);

  /** Take some steps, then measure. @param {number} count @returns {Measurement} */
  const advance = (count) => {
    let loss = 0;
    for (let i = 0; i < count; i++) {
      loss += nextBatch() / count;
      descend(layers, gradients, rate);
    }
    step += count;
    return { step, loss, gradients: gradients.kernels.map(rootMeanSquare), ...measure(layers, probe, probeLabels) };
  };
  /** Before any step: the loss of the digits held out. @returns {Measurement} */
  const start = () => {
    computeGradients(layers, probe, probeLabels, gradients);
    const { loss } = gradients;
    return { step, loss, gradients: gradients.kernels.map(rootMeanSquare), ...measure(layers, probe, probeLabels) };
  };
  return { start, advance };
}

/** @param {Float32Array} values */
function rootMeanSquare(values) {
  return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
}

/** The numbers from 0 to count - 1 in a random order (Fisher and Yates). @param {number} count @param {() => number} random */
function shuffled(count, random) {
  const order = Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}

/**
 * Accuracy, and the share of idle units in each hidden layer.
 * @param {import("./network.js").Layer[]} layers @param {Float32Array[]} images @param {number[]} labels
 */
function measure(layers, images, labels) {
  const hidden = /** @type {Activation[]} */ (layers.filter(({ type }) => type === "activation")).slice(0, -1);
  const slopes = hidden.map(({ output }) => new Float64Array(output.length));
  let right = 0;
  images.forEach((image, n) => {
    const probabilities = forward(layers, image);
    right += Number(probabilities.indexOf(Math.max(...probabilities)) === labels[n]);
    hidden.forEach(({ name, output }, index) => {
      for (let i = 0; i < output.length; i++) {
        slopes[index][i] += (name === "relu" ? Number(output[i] > 0) : output[i] * (1 - output[i])) / images.length;
      }
    });
  });
  const idle = slopes.map((layer, index) => {
    const least = hidden[index].name === "relu" ? 1e-9 : 0.025;
    return layer.filter((slope) => slope < least).length / layer.length;
  });
  return { accuracy: right / images.length, idle };
}
