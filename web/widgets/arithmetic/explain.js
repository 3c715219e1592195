// Why a network gave its answer: pixels for and against it, what a unit sees, and the training images most like it.

import { decodeDigits, decodeHalves } from "./model.js";
import { derivative, eachPair, forward } from "./network.js";
import { SIDE } from "./prepare.js";

/** @typedef {import("./network.js").Layer} Layer */
/**
 * @typedef {{layers: Layer[], weights: Float32Array}} Score
 *   A number to explain: the sum of what the last of the layers returns, each times its weight.
 * @typedef {(score: Score, image: Uint8Array) => Float64Array} Method  the part of each of the 784 pixels in the score
 * @typedef {{top: number, left: number, bottom: number, right: number}} Field  in pixels, bottom and right included
 * @typedef {{directions: string[], middle: number[], step: number, table: string}} StoredNeighbors
 */

/**
 * The gradient of a score for its input, by backpropagation.
 * @param {Score} score  its layers have just run on the input
 * @param {ArrayLike<number>} input
 * @returns {Float32Array} one number for each of the input
 */
export function backward({ layers, weights }, input) {
  let gradient = weights;
  for (let i = layers.length - 1; i >= 0; i--) {
    gradient = backThrough(layers[i], i ? layers[i - 1].output : input, gradient);
  }
  return gradient;
}

/** @param {Layer} layer @param {ArrayLike<number>} input @param {Float32Array} above  the output's gradient */
function backThrough(layer, input, above) {
  const below = new Float32Array(input.length);
  switch (layer.type) {
    case "scale":
      return below.map((_, i) => above[i] * layer.scale[i % layer.scale.length]);
    case "dense":
      return below.map((_, i) => dot(layer.kernel, i * above.length, above, 0, above.length));
    case "conv":
      backThroughConvolution(layer, above, below);
      return below;
    case "pool":
      strongestInputs(layer, input).forEach((from, to) => (below[from] += above[to]));
      return below;
    case "activation":
      if (layer.name !== "softmax") return below.map((_, i) => above[i] * derivative(layer.name, layer.output[i]));
      const mean = dot(layer.output, 0, above, 0, above.length);
      return below.map((_, i) => layer.output[i] * (above[i] - mean));
  }
}

/** @param {Float32Array} a @param {number} i @param {Float32Array} b @param {number} j @param {number} count */
function dot(a, i, b, j, count) {
  let sum = 0;
  for (let k = 0; k < count; k++) sum += a[i + k] * b[j + k];
  return sum;
}

/** @param {import("./network.js").Conv} layer @param {Float32Array} above @param {Float32Array} below  is filled */
function backThroughConvolution(layer, above, below) {
  const {
    kernel,
    input: [, , channels],
    shape: [, , filters],
  } = layer;
  eachPair(layer, (cell, pixel, offset) => {
    for (let c = 0; c < channels; c++) {
      below[pixel * channels + c] += dot(kernel, (offset * channels + c) * filters, above, cell * filters, filters);
    }
  });
}

/** For each of a pooling layer's outputs, the input that it took: of equals the first, as in TensorFlow.
 * @param {import("./network.js").Pool} layer @param {ArrayLike<number>} input */
function strongestInputs(layer, input) {
  const channels = layer.shape[2];
  const chosen = new Int32Array(layer.output.length).fill(-1);
  eachPair(layer, (cell, pixel) => {
    for (let c = 0; c < channels; c++) {
      const [to, from] = [cell * channels + c, pixel * channels + c];
      if (chosen[to] < 0 || input[from] > input[chosen[to]]) chosen[to] = from;
    }
  });
  return chosen;
}

// Scores

/** @param {Score} score @param {ArrayLike<number>} image */
function scoreOf({ layers, weights }, image) {
  const output = forward(layers, image);
  return dot(output, 0, weights, 0, weights.length);
}

/**
 * By how much a network prefers its answer to another digit: the difference of their sums before the softmax, which is
 * the logarithm of the ratio of their probabilities.
 * @param {Layer[]} layers  softmax at the end @param {Uint8Array} image
 * @param {number | null} [other]  the digit that comes second if it is not given, or is the answer
 */
export function preference(layers, image, other = null) {
  const before = layers.slice(0, -1);
  const sums = Array.from(forward(before, image));
  const [answer, next] = sums.map((_, digit) => digit).sort((a, b) => sums[b] - sums[a]);
  const second = other === null || other === answer ? next : other;
  const weights = Float32Array.from(sums, (_, digit) => Number(digit === answer) - Number(digit === second));
  return { answer, second, value: sums[answer] - sums[second], score: { layers: before, weights } };
}

/**
 * The sum of one unit before its activation, so that a silent unit can be explained, too.
 * @param {Layer[]} layers @param {number} index  of the activation @param {number} unit
 * @returns {Score}
 */
export function unitScore(layers, index, unit) {
  const weights = new Float32Array(layers[index].output.length);
  weights[unit] = 1;
  return { layers: layers.slice(0, index), weights };
}

// Pixels for and against. Erased means paper, 0: neither method can say what paper speaks for.

/** @type {Method} */
export function gradientTimesInput(score, image) {
  forward(score.layers, image);
  return Float64Array.from(backward(score, image), (slope, i) => slope * image[i]);
}

const PATCH = 4;
const STEP = 2;

/**
 * How much of the score is lost when a patch of 4 by 4 pixels is erased, shared among its pixels by their ink; the mean
 * over the patches that cover a pixel.
 * @type {Method}
 */
export function occlusion(score, image) {
  const whole = scoreOf(score, image);
  const [lost, times] = [new Float64Array(image.length), new Float64Array(image.length)];
  for (let top = 0; top <= SIDE - PATCH; top += STEP) {
    for (let left = 0; left <= SIDE - PATCH; left += STEP) {
      const patch = Array.from(
        { length: PATCH * PATCH },
        (_, i) => (top + Math.floor(i / PATCH)) * SIDE + left + (i % PATCH),
      ).filter((pixel) => image[pixel]);
      const ink = patch.reduce((sum, pixel) => sum + image[pixel], 0);
      const loss = patch.length ? whole - scoreOf(score, erase(image, patch)) : 0;
      for (const pixel of patch) {
        lost[pixel] += (loss * image[pixel]) / ink;
        times[pixel]++;
      }
    }
  }
  return lost.map((sum, pixel) => sum / Math.max(1, times[pixel]));
}

/** @param {Uint8Array} image @param {number[]} pixels @returns {Uint8Array} without these */
export function erase(image, pixels) {
  const erased = Uint8Array.from(image);
  for (const pixel of pixels) erased[pixel] = 0;
  return erased;
}

/** The pixels that speak for the answer, strongest first. @param {Float64Array} evidence */
export function pixelsFor(evidence) {
  return Array.from(evidence, (_, pixel) => pixel)
    .filter((pixel) => evidence[pixel] > 0)
    .sort((a, b) => evidence[b] - evidence[a]);
}

/**
 * The part of the image that a unit can see.
 * @param {Layer[]} layers @param {number} index  of the unit's layer @param {number} unit
 * @returns {Field}
 */
export function receptiveField(layers, index, unit) {
  const image = { top: 0, left: 0, bottom: SIDE - 1, right: SIDE - 1 };
  if (layers.slice(0, index + 1).some(({ type }) => type === "dense")) return image;
  const [, width, channels] = /** @type {{shape: number[]}} */ (/** @type {unknown} */ (layers[index])).shape;
  const cell = Math.floor(unit / channels);
  let [top, left] = [Math.floor(cell / width), cell % width];
  let [bottom, right] = [top, left];
  for (let i = index; i >= 0; i--) {
    const layer = layers[i];
    if (layer.type !== "conv" && layer.type !== "pool") continue;
    const { input, window, strides, padding } = layer;
    [top, left] = [top, left].map((at, axis) => Math.max(0, at * strides[axis] - padding[axis]));
    [bottom, right] = [bottom, right].map(
      (at, axis) => Math.min(input[axis], at * strides[axis] - padding[axis] + window[axis]) - 1,
    );
  }
  return { top, left, bottom, right };
}

// The training images that the last hidden layer takes for most like it

const CANDIDATES = 40;

/**
 * @param {Layer[]} layers  of the network that the table was made with
 * @param {StoredNeighbors} stored
 * @param {Uint8Array} pixels  of all training images of the table
 * @returns {(image: Uint8Array, count: number) => number[]} places in the table, nearest first
 */
export function createNearest(layers, { directions, middle, step, table }, pixels) {
  const hidden = layers.slice(0, -2);
  const axes = decodeHalves(directions);
  const rows = decodeDigits(table);
  const imageAt = (/** @type {number} */ place) => pixels.subarray(784 * place, 784 * (place + 1));
  return (image, count) => {
    const values = Float32Array.from(forward(hidden, image));
    const projected = middle.map((center, k) => {
      let sum = -center;
      for (let i = 0; i < values.length; i++) sum += values[i] * axes[i * middle.length + k];
      return sum / step + 32;
    });
    // The table finds candidates; the network itself then compares them in full.
    const rough = Array.from({ length: rows.length / middle.length }, (_, place) => ({
      place,
      distance: projected.reduce((sum, value, k) => sum + (value - rows[place * middle.length + k]) ** 2, 0),
    }));
    const near = (/** @type {{distance: number}} */ a, /** @type {{distance: number}} */ b) => a.distance - b.distance;
    return rough
      .sort(near)
      .slice(0, CANDIDATES)
      .map(({ place }) => ({
        place,
        distance: forward(hidden, imageAt(place)).reduce((sum, value, i) => sum + (value - values[i]) ** 2, 0),
      }))
      .sort(near)
      .slice(0, count)
      .map(({ place }) => place);
  };
}
