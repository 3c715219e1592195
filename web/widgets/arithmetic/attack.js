// Push the pixels of an image a little, toward a digit or at random. Pushed images have whole gray levels, as images do.

import { backward } from "./explain.js";
import { forward, randomNumbers } from "./network.js";

/** @typedef {import("./network.js").Layer} Layer */

/**
 * Where to move each pixel so that a network takes the image for a digit: down the slope of the cross-entropy for that
 * digit, as the fast gradient sign method does with a target.
 * @param {Layer[]} layers  softmax at the end @param {Uint8Array} image @param {number} target  the digit
 * @returns {Int8Array} -1, 0 or 1 for each pixel
 */
export function directionToward(layers, image, target) {
  // The slope for the sums before the softmax: after it, a sure answer has next to none.
  const weights = forward(layers, image).map((probability, digit) => Number(digit === target) - probability);
  return Int8Array.from(backward({ layers: layers.slice(0, -1), weights }, image), Math.sign);
}

/**
 * @param {Uint8Array} image @param {Int8Array} direction @param {number} levels  of 255, for each pixel
 * @returns {Uint8Array}
 */
export const push = (image, direction, levels) =>
  Uint8Array.from(image, (value, i) => Math.min(255, Math.max(0, value + levels * direction[i])));

/** Up or down, pixel by pixel. @param {() => number} random  from 0 to 1 */
const randomDirection = (random) => Int8Array.from({ length: 784 }, () => (random() < 0.5 ? -1 : 1));

/**
 * Random pushes without end, the same each time, and what a network makes of each.
 * @param {Layer[]} layers @param {Uint8Array} image @param {number} levels
 * @returns {Generator<{image: Uint8Array, probabilities: number[]}, never>}
 */
export function* pushAtRandom(layers, image, levels) {
  const random = randomNumbers(1);
  for (;;) {
    const pushed = push(image, randomDirection(random), levels);
    yield { image: pushed, probabilities: Array.from(forward(layers, pushed)) };
  }
}
