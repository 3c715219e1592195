// Arrays as a file that NumPy's `load` reads: a zip archive, stored without compression, of one .npy file an array.

import { checksum } from "./model.js";

/** @typedef {{name: string, shape: number[], values: Uint8Array | Float32Array}} NamedArray  in C order */

const TYPES = { Uint8Array: "|u1", Float32Array: "<f4" };
const text = (/** @type {string} */ characters) => Uint8Array.from(characters, (each) => each.charCodeAt(0));
/** Numbers of two or four bytes, lowest byte first. @param {...[bytes: number, value: number]} fields */
const numbers = (...fields) =>
  fields.flatMap(([bytes, value]) => Array.from({ length: bytes }, (_, i) => (value >>> (8 * i)) & 255));

/** One array in NumPy's format 1.0: its type and shape in words, then its values. @param {NamedArray} array */
function encodeArray({ shape, values }) {
  const type = TYPES[/** @type {keyof typeof TYPES} */ (values.constructor.name)];
  const about = `{'descr': '${type}', 'fortran_order': False, 'shape': (${shape.join(", ")},), }`;
  const header = about.padEnd(64 * Math.ceil((about.length + 11) / 64) - 11) + "\n"; // in all a multiple of 64 bytes
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return join([text("\x93NUMPY\x01\x00"), Uint8Array.from(numbers([2, header.length])), text(header), bytes]);
}

/** @param {Uint8Array[]} parts */
function join(parts) {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** @param {NamedArray[]} arrays @returns {Uint8Array<ArrayBuffer>} the bytes of a .npz file */
export function encodeArrays(arrays) {
  /** @type {Uint8Array[]} */
  const files = [];
  /** @type {Uint8Array[]} */
  const entries = [];
  let at = 0;
  for (const array of arrays) {
    const [name, content] = [text(`${array.name}.npy`), encodeArray(array)];
    const crc = checksum(Array.from(content, (byte) => String.fromCharCode(byte)).join(""));
    // What both headers say: version 2.0, no flags, stored, the first of January 1980, sizes.
    const [size, length] = [content.length, name.length];
    const same = numbers([2, 20], [2, 0], [2, 0], [2, 0], [2, 33], [4, crc], [4, size], [4, size], [2, length], [2, 0]);
    const header = Uint8Array.from([...text("PK\x03\x04"), ...same]);
    files.push(header, name, content);
    const rest = numbers([2, 0], [2, 0], [2, 0], [4, 0], [4, at]);
    entries.push(Uint8Array.from([...text("PK\x01\x02"), ...numbers([2, 20]), ...same, ...rest]), name);
    at += header.length + length + size;
  }
  const directory = join(entries);
  const count = arrays.length;
  const end = numbers([2, 0], [2, 0], [2, count], [2, count], [4, directory.length], [4, at], [2, 0]);
  return join([...files, directory, text("PK\x05\x06"), Uint8Array.from(end)]);
}
