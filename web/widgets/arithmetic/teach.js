// Fine-tune the last layer of a network with a few drawings. It knows nothing of the page.

import { computeGradients, descend, forward, zeroGradients } from "./network.js";

/** @typedef {import("./network.js").Layer} Layer */
/** @typedef {import("./network.js").Dense} Dense */
/**
 * @typedef {{image: Uint8Array, label: number, round: number}} Drawing
 * @typedef {{answers: number[], probability: number}} Reading  probability: of the right digit, the mean
 * @typedef {{labels: number[], before: Reading, without: Reading, after: Reading, testBefore: Reading, testAfter: Reading,
 *   kernel: Float32Array, bias: Float32Array}} Lesson
 *   before, after: the drawings, read by the network as it was and as it is now; without: each read by a network that was
 *   taught with the other rounds alone; kernel and bias: the new ones of the last layer
 */

export const STEPS = 100;

/**
 * @param {Layer[]} layers  a dense layer and softmax at the end; they stay as they are
 * @param {{images: Uint8Array[], labels: number[]}} tests  to see what is forgotten
 */
export function createTeacher(layers, tests) {
  const hidden = layers.slice(0, -2);
  // The layers below do not learn, so what they make of an image is computed once.
  const features = (/** @type {Uint8Array} */ image) => Float32Array.from(forward(hidden, image));
  const testFeatures = tests.images.map(features);
  const old = copyOf(layers);
  const testBefore = read(old, testFeatures, tests.labels);

  /** @param {Drawing[]} drawings  of two rounds or more @param {number} rate @returns {Lesson} */
  const teach = (drawings, rate) => {
    const inputs = drawings.map(({ image }) => features(image));
    const labels = drawings.map(({ label }) => label);
    const taught = (/** @type {(drawing: Drawing) => boolean} */ isTaught) => {
      const part = drawings.map((_, i) => i).filter((i) => isTaught(drawings[i]));
      const [some, their] = [part.map((i) => inputs[i]), part.map((i) => labels[i])];
      const head = copyOf(layers);
      const gradients = zeroGradients(head);
      for (let step = 0; step < STEPS; step++) {
        computeGradients(head, some, their, gradients);
        descend(head, gradients, rate);
      }
      return head;
    };
    /** @type {Reading} */
    const without = { answers: [], probability: 0 };
    for (const round of new Set(drawings.map((drawing) => drawing.round))) {
      const head = taught((drawing) => drawing.round !== round);
      drawings.forEach((drawing, i) => {
        if (drawing.round !== round) return;
        const { answers, probability } = read(head, [inputs[i]], [labels[i]]);
        without.answers[i] = answers[0];
        without.probability += probability / drawings.length;
      });
    }
    const head = taught(() => true);
    const { kernel, bias } = /** @type {Dense} */ (head[0]);
    return {
      labels,
      before: read(old, inputs, labels),
      without,
      after: read(head, inputs, labels),
      testBefore,
      testAfter: read(head, testFeatures, tests.labels),
      kernel,
      bias,
    };
  };
  return { teach };
}

/** The last layer and its softmax, with weights of their own. @param {Layer[]} layers @returns {Layer[]} */
function copyOf(layers) {
  const [dense, softmax] = /** @type {[Dense, Layer]} */ (layers.slice(-2));
  const { kernel, bias, output } = dense;
  return [
    { ...dense, kernel: kernel.slice(), bias: bias.slice(), output: output.slice() },
    { ...softmax, output: softmax.output.slice() },
  ];
}

/** @param {Layer[]} head @param {Float32Array[]} inputs @param {number[]} labels @returns {Reading} */
function read(head, inputs, labels) {
  let sum = 0;
  const answers = inputs.map((input, i) => {
    const probabilities = forward(head, input);
    sum += probabilities[labels[i]];
    return probabilities.indexOf(Math.max(...probabilities));
  });
  return { answers, probability: sum / inputs.length };
}
