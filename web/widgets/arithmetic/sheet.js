// The digits on a photographed sheet: the same integers as read_sheet in mnist_lessons/sheets.py, step by step.

import { prepareDrawing } from "./prepare.js";

const LONGEST = 1400; // pixels of the longer side to which a larger photo is reduced
const SMALLEST = 28; // pixels of a photo's side
const LOWEST = 8; // pixels of a digit's longer side, in the reduced photo
const CROWD = 1000; // pieces of ink; a printed page has thousands, and comparing all pairs of them would take seconds
const TILES = 40; // along the longer side, to find the paper and the light on it
const BAND = 4; // how far a ruled line may lie from its path, in pixels
const CHUNK = 32; // columns of a path that move together
const STROKE = 7; // a digit of MNIST is about seven times as high as its stroke is wide

/**
 * @typedef {{values: Int32Array, height: number, width: number}} Grid  whole numbers, row by row; masks are 0 and 1
 * @typedef {{top: number, left: number, bottom: number, right: number, pixels: number, labels: number[]}} Part
 * @typedef {{top: number, left: number, height: number, width: number, line: number, image: Uint8Array}} Digit
 *   in pixels of the photo; line: from 0; image: 28 x 28
 */

const { floor, max, min, abs, ceil } = Math;
/** @param {number} height @param {number} width @returns {Grid} */
const grid = (height, width) => ({ values: new Int32Array(height * width), height, width });
/** @param {Grid} like @param {(i: number) => number} value @returns {Grid} */
function filled({ height, width }, value) {
  const to = grid(height, width);
  for (let i = 0; i < to.values.length; i++) to.values[i] = value(i);
  return to;
}
const total = (/** @type {number[] | Int32Array | Uint8Array} */ values) => {
  let sum = 0;
  for (const value of values) sum += value;
  return sum;
};
const sideOf = (/** @type {Part} */ part) => max(part.bottom - part.top, part.right - part.left);

/**
 * @param {ArrayLike<number>} photo  red, green, blue and alpha of each pixel, row by row @param {number} width
 * @returns {Digit[]} in reading order
 * @throws {Error} that says in a sentence why the photo cannot be read
 */
export function readSheet(photo, width) {
  const { gray, scale } = reducePhoto(photo, width);
  const { paper, inner, light } = findPaper(gray);
  const { darkness, noise } = removeLight(gray, paper, light);
  const { clear, ruling } = eraseRuling(darkness, paper, noise);
  const ink = filled(clear, (i) => (inner.values[i] ? clear.values[i] : 0));
  const level = checkInk(ink, darkness, inner, noise);
  const { labels, parts } = findDigits(ink, ruling, inner, level);
  if (!parts.length) {
    const least = `at least ${LOWEST * scale} pixels high`;
    throw new Error(`there is no digit on it that is ${least}; is it empty, out of focus, or too far away?`);
  }
  const lines = arrange(parts);
  return parts
    .map((part, i) => ({ part, line: lines[i], i }))
    .sort((a, b) => a.line - b.line || a.part.left + a.part.right - b.part.left - b.part.right || a.i - b.i)
    .map(({ part, line }) => ({
      top: part.top * scale,
      left: part.left * scale,
      height: (part.bottom - part.top) * scale,
      width: (part.right - part.left) * scale,
      line,
      image: prepare(ink, labels, part, level),
    }));
}

/** @param {ArrayLike<number>} photo @param {number} width */
function reducePhoto(photo, width) {
  const height = photo.length / 4 / width;
  if (min(height, width) < SMALLEST) throw new Error(`it has less than ${SMALLEST} pixels on a side`);
  const scale = ceil(max(height, width) / LONGEST);
  const gray = grid(floor(height / scale), floor(width / scale));
  const sums = new Int32Array(3 * gray.width);
  const area = 1000 * scale ** 2;
  for (let row = 0; row < gray.height; row++) {
    sums.fill(0);
    for (let y = row * scale; y < (row + 1) * scale; y++) {
      let at = 4 * y * width;
      for (let column = 0; column < sums.length; column += 3) {
        for (let x = 0; x < scale; x++, at += 4) {
          sums[column] += photo[at];
          sums[column + 1] += photo[at + 1];
          sums[column + 2] += photo[at + 2];
        }
      }
    }
    for (let column = 0; column < gray.width; column++) {
      const weighted = 299 * sums[3 * column] + 587 * sums[3 * column + 1] + 114 * sums[3 * column + 2];
      gray.values[row * gray.width + column] = floor((2 * weighted + area) / (2 * area));
    }
  }
  return { gray, scale };
}

// Paper and light

/** @param {Grid} gray */
function findPaper(gray) {
  const tile = max(LOWEST, ceil(max(gray.height, gray.width) / TILES));
  const tiles = measureTiles(gray, tile);
  const region = largestRegion(tiles);
  const whole = fillHoles(region);
  const shrunk = around(whole, 1, 1, (near) => min(...near));
  const inner = shrunk.values.includes(1) ? shrunk : whole;
  const spread = (/** @type {Grid} */ mask) => {
    const large = grid(gray.height, gray.width);
    for (let row = 0, i = 0; row < gray.height; row++)
      for (let column = 0; column < gray.width; column++, i++)
        large.values[i] = mask.values[floor(row / tile) * mask.width + floor(column / tile)];
    return large;
  };
  return { paper: spread(whole), inner: spread(inner), light: interpolate(fill(tiles, region), tile, gray) };
}

/** @param {Grid} gray @param {number} tile */
function measureTiles(gray, tile) {
  let [light, dark] = [0, 0];
  const tiles = grid(ceil(gray.height / tile), ceil(gray.width / tile));
  const measured = filled(tiles, (i) => {
    const [top, left] = [floor(i / tiles.width) * tile, (i % tiles.width) * tile];
    const values = [];
    for (let row = top; row < min(top + tile, gray.height); row++)
      for (let column = left; column < min(left + tile, gray.width); column++)
        values.push(gray.values[row * gray.width + column]);
    const middle = quantile(values, 1, 2);
    const [above, below] = [quantile(values, 1, 1) - middle, middle - quantile(values, 0, 1)];
    if (above > 2 * below + 20) light++;
    if (below > 2 * above + 20) dark++;
    return quantile(values, 4, 5);
  });
  // The edge of the paper gives about as many of both.
  if (4 * light > 5 * dark) throw new Error("it has light marks on something dark; the ink has to be the darker");
  return measured;
}

/**
 * Combine the values in the square around each; outside there is a constant, or the nearest value.
 * @param {Grid} from @param {number} radius @param {number | null} outside @param {(near: number[]) => number} combine
 */
function around(from, radius, outside, combine) {
  const { values, height, width } = from;
  const clip = (/** @type {number} */ at, /** @type {number} */ length) => max(0, min(length - 1, at));
  return filled(from, (i) => {
    const near = [];
    for (let row = floor(i / width) - radius; row <= floor(i / width) + radius; row++)
      for (let column = (i % width) - radius; column <= (i % width) + radius; column++) {
        const [y, x] = [clip(row, height), clip(column, width)];
        near.push(outside === null || (y === row && x === column) ? values[y * width + x] : outside);
      }
    return combine(near);
  });
}

/** @param {Grid} tiles */
function largestRegion(tiles) {
  const brightest = around(tiles, 2, null, (near) => max(...near));
  const { labels, count } = label(
    filled(tiles, (i) => Number(10 * tiles.values[i] >= 7 * brightest.values[i])),
    false,
  );
  const sums = new Float64Array(count + 1);
  labels.values.forEach((each, i) => (sums[each] += tiles.values[i]));
  sums[0] = -1;
  const largest = sums.indexOf(max(...sums));
  return filled(tiles, (i) => Number(labels.values[i] === largest));
}

/** @param {Grid} mask */
function fillHoles(mask) {
  const { height, width } = mask;
  const { labels, count } = label(
    filled(mask, (i) => 1 - mask.values[i]),
    false,
  );
  const outside = new Uint8Array(count + 1);
  labels.values.forEach((each, i) => {
    const [row, column] = [floor(i / width), i % width];
    if (row === 0 || column === 0 || row === height - 1 || column === width - 1) outside[each] = 1;
  });
  return filled(mask, (i) => (mask.values[i] || !outside[labels.values[i]] ? 1 : 0));
}

/** @param {Grid} tiles @param {Grid} mask */
function fill(tiles, mask) {
  let known = mask;
  let values = filled(tiles, (i) => (mask.values[i] ? tiles.values[i] : 0));
  while (known.values.includes(0)) {
    const [sums, counts] = [around(values, 1, 0, total), around(known, 1, 0, total)];
    const before = { values, known };
    values = filled(tiles, (i) =>
      !before.known.values[i] && counts.values[i] ? floor(sums.values[i] / counts.values[i]) : before.values.values[i],
    );
    known = filled(tiles, (i) => Number(counts.values[i] > 0));
  }
  return around(values, 1, null, (near) => max(near.sort((a, b) => a - b)[4], 1));
}

/** @param {Grid} tiles @param {number} tile @param {Grid} like */
function interpolate(tiles, tile, { height, width }) {
  const light = grid(height, width);
  const places = (/** @type {number} */ length, /** @type {number} */ count) =>
    Array.from({ length }, (_, i) => {
      const place = max(0, min(2 * i + 1 - tile, 2 * tile * (count - 1)));
      const before = floor(place / (2 * tile));
      return { before, after: min(before + 1, count - 1), share: place % (2 * tile) };
    });
  const columns = places(width, tiles.width);
  places(height, tiles.height).forEach(({ before, after, share }, row) => {
    const [upper, lower] = [before, after].map((i) => tiles.values.subarray(i * tiles.width, (i + 1) * tiles.width));
    const mixed = upper.map((value, i) => (2 * tile - share) * value + share * lower[i]);
    columns.forEach((column, i) => {
      const value = (2 * tile - column.share) * mixed[column.before] + column.share * mixed[column.after];
      light.values[row * width + i] = floor((value + 2 * tile ** 2) / (4 * tile ** 2));
    });
  });
  return light;
}

/** @param {Grid} gray @param {Grid} paper @param {Grid} light */
function removeLight(gray, paper, light) {
  const darkness = filled(gray, (i) => {
    const bright = light.values[i];
    const value = floor((255 * gray.values[i] + floor(bright / 2)) / bright);
    return paper.values[i] ? max(255 - value, -255) : 0;
  });
  const on = darkness.values.filter((_, i) => paper.values[i]);
  const middle = quantile(on, 50, 100);
  const noise = max(middle - quantile(on, 16, 100), 1);
  darkness.values.forEach((value, i) => {
    darkness.values[i] = paper.values[i] ? max(0, min(255, value - middle)) : 0;
  });
  return { darkness, noise };
}

// Ruling

/** @param {Grid} darkness @param {Grid} paper @param {number} noise */
function eraseRuling(darkness, paper, noise) {
  const across = eraseLines(darkness, paper, noise);
  const upright = eraseLines(transpose(across.erased), transpose(paper), noise);
  const columns = transpose(upright.ruling).values;
  const ruling = filled(darkness, (i) => max(across.ruling.values[i], columns[i]));
  return { clear: transpose(upright.erased), ruling };
}

/** @param {Grid} from @returns {Grid} */
function transpose({ values, height, width }) {
  const to = grid(width, height);
  for (let row = 0; row < height; row++)
    for (let column = 0; column < width; column++) to.values[column * height + row] = values[row * width + column];
  return to;
}

/** @param {Grid} darkness @param {Grid} paper @param {number} noise */
function eraseLines(darkness, paper, noise) {
  const { width, height } = darkness;
  const erased = darkness.values.slice();
  const ruling = grid(height, width);
  for (const straight of findLines(darkness, paper, 2 * noise + 6)) {
    const path = follow(darkness, straight, along(paper, straight));
    const onPaper = along(paper, path);
    const bands = Array.from({ length: 2 * BAND + 1 }, (_, i) => along(darkness, path, i - BAND));
    const profile = bands.map((band) => quantileWhere(band, onPaper, 3, 5));
    if (max(...profile) <= noise) continue;
    const isLine = profile.map((value) => 5 * value > max(...profile));
    const line = bands.filter((_, step) => isLine[step]);
    const dark = quantileWhere(darkest(line), onPaper);
    const limit = floor((5 * dark) / 4) + 3 * noise;
    const [first, last] = [isLine.indexOf(true) - BAND, isLine.lastIndexOf(true) - BAND];
    const above = widen(along(darkness, path, first - 1));
    const below = widen(along(darkness, path, last + 1));
    bands.forEach((band, step) => {
      if (!isLine[step]) return;
      for (let column = 0; column < width; column++) {
        if (band[column] === 0 || band[column] > floor((3 * dark) / 2) + 3 * noise) continue;
        if (above[column] > limit && below[column] > limit) continue;
        erased[(path[column] + step - BAND) * width + column] = 0;
      }
    });
    for (let step = first - 2; step <= last + 2; step++)
      path.forEach((row, column) => {
        if (row + step >= 0 && row + step < height) ruling.values[(row + step) * width + column] = dark;
      });
  }
  return { erased: { ...darkness, values: erased }, ruling };
}

/** The largest of several values at each column. @param {Int32Array[]} rows */
const darkest = ([first, ...others]) => first.map((value, i) => others.reduce((most, row) => max(most, row[i]), value));

/** The larger of each value and its neighbors. @param {Int32Array} values */
const widen = (values) => values.map((value, i) => max(value, values[i - 1] ?? 0, values[i + 1] ?? 0));

/** The values at the given row of each column, some rows below; 0 outside. @param {Grid} from @param {Int32Array} rows */
function along({ values, height, width }, rows, below = 0) {
  return rows.map((row, column) =>
    row + below >= 0 && row + below < height ? values[(row + below) * width + column] : 0,
  );
}

/** A quantile of those values where a mask is set. @param {Int32Array} values @param {Int32Array} where */
const quantileWhere = (values, where, part = 1, whole = 2) =>
  quantile(
    values.filter((_, i) => where[i]),
    part,
    whole,
  );

/** @param {Grid} darkness @param {Int32Array} path @param {Int32Array} onPaper */
function follow(darkness, path, onPaper) {
  if (!onPaper.includes(1)) return path;
  const bands = Array.from({ length: 2 * BAND + 1 }, (_, i) => along(darkness, path, i - BAND));
  const most = quantileWhere(darkest(bands), onPaper);
  const best = grid(1, ceil(path.length / CHUNK));
  for (let start = 0; start < path.length; start += CHUNK) {
    const end = min(start + CHUNK, path.length);
    const sums = bands.map((band) => band.subarray(start, end).reduce((sum, value) => sum + min(value, most), 0));
    const smooth = sums.slice(2).map((_, i) => sums[i] + 2 * sums[i + 1] + sums[i + 2]);
    // Of equally dark rows, always the uppermost: so the path stays at one side of a line of two rows.
    best.values[start / CHUNK] = smooth.indexOf(max(...smooth)) - BAND + 1;
  }
  // A move that the columns around do not share is none: it comes from a digit. One row has each value five times.
  const shared = around(best, 2, null, (near) => near.sort((a, b) => a - b)[12]).values;
  return path.map((row, column) => row + shared[floor(column / CHUNK)]);
}

/** @param {Grid} darkness @param {Grid} paper @param {number} least @returns {Int32Array[]} */
function findLines(darkness, paper, least) {
  const { values, height, width } = darkness;
  const steepest = floor(width / 8);
  const slopes = Array.from({ length: 2 * steepest + 1 }, (_, i) => i - steepest);
  const shifts = slopes.map((slope) =>
    Int32Array.from({ length: width }, (_, column) => floor((slope * (2 * column - width)) / (2 * width))),
  );
  const places = [];
  for (let i = 0; i < values.length; i++) if (values[i] >= least) places.push(i);
  const rows = Int32Array.from(places, (i) => floor(i / width) + steepest);
  const columns = Int32Array.from(places, (i) => i % width);
  const starts = height + 2 * steepest;
  const votes = new Int32Array(slopes.length * starts);
  shifts.forEach((shift, slope) => {
    const own = votes.subarray(slope * starts, (slope + 1) * starts);
    for (let i = 0; i < rows.length; i++) own[rows[i] - shift[columns[i]]]++;
  });
  const used = new Uint8Array(width);
  paper.values.forEach((value, i) => (used[i % width] |= value));
  const shortest = max(floor(total(used) / 6), 1);
  const found = [];
  for (;;) {
    let best = 0;
    for (let i = 1; i < votes.length; i++) if (votes[i] > votes[best]) best = i;
    if (votes[best] < shortest) return found;
    const [slope, start] = [floor(best / starts), best % starts];
    const path = shifts[slope].map((shift) => start - steepest + shift);
    if (2 * votes[best] >= total(along(paper, path))) found.push(path);
    slopes.forEach((_, other) => {
      const near = BAND + 2 + floor(abs(other - slope) / 2);
      votes.fill(0, other * starts + max(0, start - near), other * starts + min(starts, start + near + 1));
    });
  }
}

// Digits

/** @param {Grid} ink @param {Grid} darkness @param {Grid} paper @param {number} noise */
function checkInk(ink, darkness, paper, noise) {
  const faint = 4 * noise + 12;
  const level = max(faint, floor((2 * typical(ink.values.filter((value) => value > faint))) / 5));
  if (2 * total(ink.values.map((value) => Number(value > level))) > total(paper.values))
    throw new Error("more than half of it is ink; is it inverted?");
  const border = borderOf(paper).values;
  const covered = total(border.map((value, i) => Number(value && darkness.values[i] > level)));
  if (2 * covered > total(border)) {
    const share = floor((100 * covered) / total(border));
    throw new Error(`there is ink on ${share} % of its border; photograph the sheet with its margin`);
  }
  return level;
}

/** The mean of values, each weighted by itself. @param {Int32Array} values */
function typical(values) {
  let [sum, squares] = [0, 0];
  for (const value of values) {
    sum += value;
    squares += value ** 2;
  }
  return floor(squares / max(sum, 1));
}

/** @param {Grid} mask */
function borderOf(mask) {
  const { values, height, width } = mask;
  return filled(mask, (i) => {
    const [row, column] = [floor(i / width), i % width];
    const inside = row > 0 && row < height - 1 && column > 0 && column < width - 1;
    return values[i] && !(inside && values[i - 1] && values[i + 1] && values[i - width] && values[i + width]) ? 1 : 0;
  });
}

/** What hangs together gets a number from 1. @param {Grid} mask @param {boolean} diagonal  whether corners connect */
function label(mask, diagonal) {
  const { values, height, width } = mask;
  const labels = grid(height, width);
  const stack = [];
  let count = 0;
  for (let start = 0; start < values.length; start++) {
    if (!values[start] || labels.values[start]) continue;
    labels.values[start] = ++count;
    stack.push(start);
    for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
      const [row, column] = [floor(at / width), at % width];
      for (let y = max(0, row - 1); y <= min(height - 1, row + 1); y++) {
        for (let x = max(0, column - 1); x <= min(width - 1, column + 1); x++) {
          const next = y * width + x;
          if (!values[next] || labels.values[next] || (!diagonal && y !== row && x !== column)) continue;
          labels.values[next] = count;
          stack.push(next);
        }
      }
    }
  }
  return { labels, count };
}

/** @param {Grid} ink @param {Grid} ruling @param {Grid} paper @param {number} level */
function findDigits(ink, ruling, paper, level) {
  const { width } = ink;
  const { labels, count } = label(
    filled(ink, (i) => Number(ink.values[i] > level)),
    true,
  );
  const all = Array.from({ length: count + 1 }, (_, i) => ({
    top: Infinity,
    left: Infinity,
    bottom: 0,
    right: 0,
    pixels: 0,
    darkness: 0,
    ruled: 0,
    line: 0,
    cut: false,
    labels: [i],
  }));
  const border = borderOf(paper).values;
  labels.values.forEach((each, i) => {
    if (!each) return;
    const part = all[each];
    const [row, column] = [floor(i / width), i % width];
    part.top = min(part.top, row);
    part.bottom = max(part.bottom, row + 1);
    part.left = min(part.left, column);
    part.right = max(part.right, column + 1);
    part.pixels++;
    part.darkness += ink.values[i];
    part.ruled += Number(ruling.values[i] > 0);
    part.line += ruling.values[i];
    if (border[i]) part.cut = true;
  });
  // What is hardly dark enough, or not much darker than the line on which it lies, is left of a ruling.
  const kept = all
    .slice(1)
    .filter(({ cut, pixels, darkness }) => !cut && 3 * darkness >= 4 * level * pixels)
    .filter(({ pixels, darkness, ruled, line }) => 10 * ruled < 9 * pixels || 2 * darkness >= 3 * line);
  if (!kept.length) return { labels, parts: [] };
  const usual = usualSide(kept);
  const pieces = kept
    .filter((part) => 8 * sideOf(part) >= usual)
    .sort((a, b) => a.top - b.top || a.left - b.left || a.bottom - b.bottom || a.right - b.right);
  if (pieces.length > CROWD)
    throw new Error(
      `it has ${pieces.length} pieces of ink, more than the ${CROWD} of a sheet full of digits; ` +
        "is it a printed page, or a texture?",
    );
  return { labels, parts: join(pieces, usual).filter((part) => sideOf(part) >= max(LOWEST, ceil(usual / 3))) };
}

/** @param {Part[]} parts */
function usualSide(parts) {
  const half = parts.reduce((sum, part) => sum + part.pixels, 0);
  let counted = 0;
  const sorted = parts.slice().sort((a, b) => sideOf(a) - sideOf(b));
  return sideOf(/** @type {Part} */ (sorted.find((part) => (counted += 2 * part.pixels) >= half)));
}

/** @param {Part[]} parts @param {number} usual */
function join(parts, usual) {
  const groups = parts.slice();
  const owner = parts.map((_, i) => i);
  const pairs = parts.flatMap((first, i) =>
    parts
      .slice(0, i)
      .flatMap((second, j) => (belongTogether(first, second, usual) ? [[distance(first, second), i, j]] : [])),
  );
  pairs.sort((a, b) => a[0] - b[0] || a[1] - b[1] || a[2] - b[2]);
  for (const [, i, j] of pairs) {
    const [first, second] = [owner[i], owner[j]];
    if (first === second || !belongTogether(groups[first], groups[second], usual)) continue;
    groups[first] = union(groups[first], groups[second]);
    owner.forEach((each, k) => each === second && (owner[k] = first));
  }
  return groups.filter((_, i) => owner.includes(i));
}

/** @param {Part} first @param {Part} second @param {number} usual */
function belongTogether(first, second, usual) {
  if (25 * distance(first, second) > usual ** 2) return false;
  const whole = union(first, second);
  const [smaller, larger] = [sideOf(first), sideOf(second)].sort((a, b) => a - b);
  const fragment = 2 * smaller < usual && 2 * sideOf(whole) <= 3 * max(usual, larger);
  const shared = min(first.right, second.right) - max(first.left, second.left);
  const narrower = min(first.right - first.left, second.right - second.left);
  return fragment || (3 * shared >= narrower && 4 * (whole.bottom - whole.top) <= 5 * usual);
}

/** @param {Part} first @param {Part} second @returns {Part} */
const union = (first, second) => ({
  top: min(first.top, second.top),
  left: min(first.left, second.left),
  bottom: max(first.bottom, second.bottom),
  right: max(first.right, second.right),
  pixels: first.pixels + second.pixels,
  labels: [...first.labels, ...second.labels],
});

/** The squared distance between two boxes. @param {Part} first @param {Part} second */
const distance = (first, second) =>
  max(0, first.top - second.bottom, second.top - first.bottom) ** 2 +
  max(0, first.left - second.right, second.left - first.right) ** 2;

/** The line of each part, from 0. @param {Part[]} parts @returns {number[]} */
function arrange(parts) {
  const shifted = (/** @type {number} */ slope) =>
    parts.map(({ top, left, bottom, right }) => {
      const shift = floor((slope * (left + right)) / 200);
      return { upper: top - shift, lower: bottom - shift };
    });
  const overlap = (/** @type {number} */ slope) => {
    const boxes = shifted(slope);
    const low = min(...boxes.map(({ upper }) => upper));
    const changes = new Int32Array(max(...boxes.map(({ lower }) => lower)) - low + 1);
    for (const { upper, lower } of boxes) {
      changes[upper - low]++;
      changes[lower - low]--;
    }
    let [depth, sum] = [0, 0];
    for (const change of changes) sum += (depth += change) ** 2;
    return sum;
  };
  const slopes = Array.from({ length: 21 }, (_, i) => ({ slope: i - 10, overlap: overlap(i - 10) }));
  slopes.sort((a, b) => b.overlap - a.overlap || abs(a.slope) - abs(b.slope) || b.slope - a.slope);
  const middles = shifted(slopes[0].slope).map(({ upper, lower }) => upper + lower);
  const heights = parts.map(({ top, bottom }) => bottom - top).sort((a, b) => a - b);
  const usual = heights[floor(heights.length / 2)];
  const lines = parts.map(() => 0);
  const order = parts.map((_, i) => i).sort((a, b) => middles[a] - middles[b] || a - b);
  for (let i = 1; i < order.length; i++)
    lines[order[i]] = lines[order[i - 1]] + Number(middles[order[i]] - middles[order[i - 1]] > usual);
  return lines;
}

/** @param {Grid} ink @param {Grid} labels @param {Part} part @param {number} level */
function prepare(ink, labels, part, level) {
  const [top, left] = [max(part.top - 2, 0), max(part.left - 2, 0)];
  const cut = (/** @type {Grid} */ from) => {
    const to = grid(min(part.bottom + 2, from.height) - top, min(part.right + 2, from.width) - left);
    return filled(to, (i) => from.values[(top + floor(i / to.width)) * from.width + left + (i % to.width)]);
  };
  const [near, darkness] = [cut(labels), cut(ink)];
  const own = filled(near, (i) => Number(part.labels.includes(near.values[i])));
  const full = typical(darkness.values.filter((_, i) => own.values[i]));
  const low = floor(level / 2);
  const wide = around(own, 2, 0, (values) => max(...values));
  const digit = filled(near, (i) =>
    wide.values[i] && (own.values[i] || near.values[i] === 0)
      ? max(0, min(255, floor((255 * (darkness.values[i] - low)) / max(full - low, 1))))
      : 0,
  );
  const edge = total(borderOf(own).values);
  const radius = max(0, floor((sideOf(part) * edge - 2 * STROKE * part.pixels) / (2 * STROKE * edge)));
  const padded = grid(digit.height + 2 * radius, digit.width + 2 * radius);
  digit.values.forEach((value, i) => {
    padded.values[(radius + floor(i / digit.width)) * padded.width + radius + (i % digit.width)] = value;
  });
  const thick = around(padded, radius, 0, (values) => max(...values));
  return /** @type {Uint8Array} */ (prepareDrawing(thick.values, thick.width));
}

/** The value below which a share of the values lies, without interpolation. @param {ArrayLike<number>} values */
function quantile(values, /** @type {number} */ part, /** @type {number} */ whole) {
  const counts = new Int32Array(1024); // whole numbers from -512 on
  for (let i = 0; i < values.length; i++) counts[values[i] + 512]++;
  let left = floor(((values.length - 1) * part) / whole);
  let value = 0;
  while (left >= counts[value]) left -= counts[value++];
  return value - 512;
}
