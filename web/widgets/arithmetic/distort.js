// Change a prepared image before the network sees it: thicken, turn, shift, add noise.

import { randomNumbers } from "./network.js";
import { SIDE } from "./prepare.js";

/**
 * @typedef {{thicken: number, rotate: number, right: number, down: number, noise: number}} Distortion
 *   thicken, right, down: pixels; rotate: degrees clockwise; noise: standard deviation, full ink being 255
 */

/** @type {Distortion} */
export const UNCHANGED = { thicken: 0, rotate: 0, right: 0, down: 0, noise: 0 };

/**
 * @param {Uint8Array} image  28 x 28
 * @param {Distortion} distortion
 * @returns {Uint8Array} 28 x 28
 */
export function distort(image, { thicken, rotate, right, down, noise }) {
  let values = Float64Array.from(image);
  if (thicken) values = thickened(values, thicken);
  if (rotate || right || down) values = moved(values, rotate, right, down);
  if (noise) values = noisy(values, noise);
  return Uint8Array.from(values, (value) => Math.min(255, Math.max(0, Math.round(value))));
}

/**
 * Each pixel becomes the darkest within the radius; ink a fraction of a pixel further out counts for that fraction.
 * @param {Float64Array} values @param {number} radius
 */
function thickened(values, radius) {
  const reach = Math.ceil(radius) + 1;
  return values.map((_, i) => {
    let darkest = 0;
    for (let y = -reach; y <= reach; y++) {
      for (let x = -reach; x <= reach; x++) {
        const share = Math.min(1, Math.max(0, 1 + radius - Math.hypot(x, y)));
        darkest = Math.max(darkest, share * at(values, Math.floor(i / SIDE) + y, (i % SIDE) + x));
      }
    }
    return darkest;
  });
}

/**
 * Turn about the center of mass, pixel index 14, then shift; in between pixels, bilinear interpolation.
 * @param {Float64Array} values @param {number} degrees @param {number} right @param {number} down
 */
function moved(values, degrees, right, down) {
  const cosine = Math.cos((degrees * Math.PI) / 180);
  const sine = Math.sin((degrees * Math.PI) / 180);
  return values.map((_, i) => {
    const x = (i % SIDE) - 14 - right;
    const y = Math.floor(i / SIDE) - 14 - down;
    return between(values, 14 - sine * x + cosine * y, 14 + cosine * x + sine * y);
  });
}

/** @param {Float64Array} values @param {number} row @param {number} column */
function between(values, row, column) {
  const top = Math.floor(row);
  const left = Math.floor(column);
  const below = row - top;
  const aside = column - left;
  return (
    (1 - below) * ((1 - aside) * at(values, top, left) + aside * at(values, top, left + 1)) +
    below * ((1 - aside) * at(values, top + 1, left) + aside * at(values, top + 1, left + 1))
  );
}

/** A pixel, or paper outside the image. @param {Float64Array} values @param {number} row @param {number} column */
function at(values, row, column) {
  return row >= 0 && row < SIDE && column >= 0 && column < SIDE ? values[row * SIDE + column] : 0;
}

/** Normal noise (Box and Muller), the same each time. @param {Float64Array} values @param {number} deviation */
function noisy(values, deviation) {
  const random = randomNumbers(0);
  return values.map(
    (value) => value + deviation * Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random()),
  );
}
