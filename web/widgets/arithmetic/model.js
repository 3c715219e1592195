// Models as the build wrote them: shapes in the open, weights as float16 in strings of base64 digits.

/** @typedef {import("./network.js").Layer} Layer */
/**
 * @typedef {{name: string, title: string, accuracy: number, threshold: number, crc32: number,
 *   layers: Record<string, any>[], weights: string[]}} StoredModel
 *   accuracy: on the 10,000 test images; threshold: below this probability the model does not answer;
 *   crc32: of the weights' strings one after another
 * @typedef {{name: string, title: string, accuracy: number, threshold: number, layers: Layer[]}} Model
 */

/**
 * @param {StoredModel} stored
 * @returns {Model}
 * @throws {Error} if the weights are not those that were written
 */
export function readModel(stored) {
  if (checksum(stored.weights.join("")) !== stored.crc32) throw new Error(`the model ${stored.name} is damaged`);
  const weights = decodeHalves(stored.weights);
  let used = 0;
  /** @param {number} count */
  const take = (count) => weights.subarray(used, (used += count));
  const layers = stored.layers.map((layer) => {
    const output = new Float32Array(product(layer.shape));
    if (layer.type === "dense") {
      return { ...layer, kernel: take(layer.inputs * output.length), bias: take(output.length), output };
    }
    if (layer.type === "conv") {
      const kernel = take(product([...layer.window, layer.input[2], layer.shape[2]]));
      return { ...layer, kernel, bias: take(layer.shape[2]), output };
    }
    return { ...layer, output };
  });
  return { ...stored, layers: /** @type {Layer[]} */ (layers) };
}

/** @param {number[]} numbers */
const product = (numbers) => numbers.reduce((a, b) => a * b, 1);

// What is done for each of 400,000 characters looks its answer up: a phone, too, has to start quickly.
const REMAINDERS = Int32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (0xedb88320 & -(crc & 1));
  return crc;
});

/** CRC-32 of a string of ASCII characters, as zlib computes it. @param {string} text */
export function checksum(text) {
  let crc = -1;
  for (let i = 0; i < text.length; i++) crc = (crc >>> 8) ^ REMAINDERS[(crc ^ text.charCodeAt(i)) & 255];
  return ~crc >>> 0;
}

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const VALUES = new Uint8Array(128);
[...DIGITS].forEach((digit, value) => (VALUES[digit.charCodeAt(0)] = value));

/** Numbers from 0 to 63. @param {string} text  base64 digits @returns {Uint8Array} */
export function decodeDigits(text) {
  const values = new Uint8Array(text.length);
  for (let i = 0; i < values.length; i++) values[i] = VALUES[text.charCodeAt(i)];
  return values;
}

/** Images as the build wrote them in 64 shades. @param {string} text  a base64 digit a pixel @returns {Uint8Array} */
export const decodeShades = (text) => decodeDigits(text).map((shade) => Math.round((shade * 255) / 63));

/**
 * Numbers in IEEE half precision.
 * @param {string[]} texts  a base64 digit for each number: sign and exponent; mantissa, upper 6 bits; lower 4 bits
 */
export function decodeHalves(texts) {
  const [heads, uppers, lowers] = texts.map(decodeDigits);
  const numbers = new Float32Array(heads.length);
  for (let i = 0; i < numbers.length; i++) {
    const fraction = (16 * uppers[i] + lowers[i]) / 1024;
    numbers[i] = FACTORS[heads[i]] * (heads[i] & 31 ? 1 + fraction : fraction);
  }
  return numbers;
}

/** What sign and exponent multiply the mantissa with; exponent 0 has the factor of exponent 1. */
const FACTORS = Float64Array.from(
  { length: 64 },
  (_, head) => (head & 32 ? -1 : 1) * 2 ** (Math.max(1, head & 31) - 15),
);

/** @param {string} text base64 @returns {Uint8Array<ArrayBuffer>} */
export function decodeBytes(text) {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}
