// What is drawn on a sheet, as lines: scaled before they are painted, so that the pen stays as wide as it is.

export const SIZE = 336; // twelve times the network's 28, whatever the size on screen
const LONGEST = 240; // of what is read: 20 of the network's pixels
const MIDDLE_PEN = 26;

/**
 * @typedef {{x: number, y: number}} Point  in canvas pixels, from the left and from the top
 * @typedef {{pen: number, points: Point[]}} Stroke  pen: its width in canvas pixels
 */

/** The box around the middle of all strokes. @param {Stroke[]} strokes */
export function boxOf(strokes) {
  let [left, right, top, bottom] = [Infinity, -Infinity, Infinity, -Infinity];
  for (const { x, y } of strokes.flatMap(({ points }) => points)) {
    [left, right] = [Math.min(left, x), Math.max(right, x)];
    [top, bottom] = [Math.min(top, y), Math.max(bottom, y)];
  }
  return { left, top, longest: Math.max(right - left, bottom - top) };
}

/**
 * The strokes as large as they are read, with the same pen: a small drawing scaled up as a picture would come out
 * thick.
 * @param {Stroke[]} strokes
 * @returns {Stroke[]}
 */
export function enlarge(strokes) {
  const { left, top, longest } = boxOf(strokes);
  const scale = longest ? Math.min(8, (LONGEST - MIDDLE_PEN) / longest) : 1;
  return strokes.map(({ pen, points }) => ({
    pen,
    points: points.map(({ x, y }) => ({ x: 48 + scale * (x - left), y: 48 + scale * (y - top) })),
  }));
}
