// A drawing prepared as MNIST was: the same integers as prepare_drawing in mnist_lessons/drawing.py, step by step.

export const SIDE = 28;
const BOX = 20;
const CENTER = 14;

/**
 * @param {ArrayLike<number>} ink  height x width, row by row: 0 is paper, 255 full ink
 * @param {number} width
 * @returns {Uint8Array | null} 28 x 28, or null if there is no ink
 */
export function prepareDrawing(ink, width) {
  const box = cutToInk(ink, width);
  if (!box) return null;
  const longest = Math.max(box.height, box.width);
  const rows = areaWeights(box.height, longest);
  const columns = areaWeights(box.width, longest);
  const narrowed = average(box.ink, box.height, columns);
  // Turned on its side, the same average works on the rows.
  const sums = average(transpose(narrowed, columns.cells), columns.cells, rows);
  const area = (2 * longest) ** 2;
  const scaled = transpose(sums, rows.cells).map((sum) => Math.floor((2 * sum + area) / (2 * area)));
  return place(scaled, rows.cells, columns.cells);
}

/** @param {ArrayLike<number>} ink @param {number} width */
function cutToInk(ink, width) {
  let [top, bottom, left, right] = [Infinity, -1, Infinity, -1];
  for (let i = 0; i < ink.length; i++) {
    if (ink[i] === 0) continue;
    const row = Math.floor(i / width);
    const column = i - row * width;
    if (row < top) top = row;
    bottom = row;
    if (column < left) left = column;
    if (column > right) right = column;
  }
  if (bottom < 0) return null;
  const box = { height: bottom - top + 1, width: right - left + 1, ink: new Float64Array(0) };
  box.ink = new Float64Array(box.height * box.width);
  for (let row = 0; row < box.height; row++) {
    for (let column = 0; column < box.width; column++) {
      box.ink[row * box.width + column] = ink[(top + row) * width + left + column];
    }
  }
  return box;
}

/**
 * Overlap of each new pixel with each old one, in units of 1/40 of an old pixel.
 * @param {number} length  old pixels
 * @param {number} longest  old pixels of the drawing's longer side: 20 new ones
 */
function areaWeights(length, longest) {
  const cells = Math.ceil((BOX * length) / longest);
  const start = BOX * length - cells * longest;
  const overlaps = [];
  for (let cell = 0; cell < cells; cell++) {
    const from = start + 2 * longest * cell;
    const to = from + 2 * longest;
    for (let old = Math.max(0, Math.floor(from / (2 * BOX))); old < length && 2 * BOX * old < to; old++) {
      overlaps.push({ cell, old, weight: Math.min(to, 2 * BOX * (old + 1)) - Math.max(from, 2 * BOX * old) });
    }
  }
  return { length, cells, overlaps };
}

/**
 * Weighted sums along each row.
 * @param {Float64Array} values @param {number} height
 * @param {{length: number, cells: number, overlaps: {cell: number, old: number, weight: number}[]}} weights
 */
function average(values, height, { length, cells, overlaps }) {
  const sums = new Float64Array(height * cells);
  for (let row = 0; row < height; row++) {
    for (const { cell, old, weight } of overlaps) sums[row * cells + cell] += weight * values[row * length + old];
  }
  return sums;
}

/** @param {Float64Array} values @param {number} width */
function transpose(values, width) {
  const height = values.length / width;
  return values.map((_, i) => values[(i % height) * width + Math.floor(i / height)]);
}

/** @param {Float64Array} scaled @param {number} height @param {number} width */
function place(scaled, height, width) {
  const rows = new Float64Array(height);
  const columns = new Float64Array(width);
  scaled.forEach((value, i) => {
    rows[Math.floor(i / width)] += value;
    columns[i % width] += value;
  });
  const top = offset(rows);
  const left = offset(columns);
  const image = new Uint8Array(SIDE * SIDE);
  scaled.forEach((value, i) => {
    image[(top + Math.floor(i / width)) * SIDE + left + (i % width)] = value;
  });
  return image;
}

/**
 * Where to start a row or column profile: its center of mass nearest to 14, all ink inside.
 * @param {Float64Array} profile
 */
function offset(profile) {
  const mass = profile.reduce((sum, value) => sum + value, 0);
  const moment = profile.reduce((sum, value, i) => sum + value * i, 0);
  const start = Math.floor(((2 * CENTER + 1) * mass - 2 * moment) / (2 * mass));
  return Math.min(Math.max(start, 0), SIDE - profile.length);
}
