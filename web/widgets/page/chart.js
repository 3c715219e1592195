// Line charts as SVG, for a few series that differ by dash and label as well as by color.

import { h, setAttributes, svg } from "./page.js";

const WIDTH = 320;
const HEIGHT = 200;
const LEFT = 46;
const RIGHT = 70;
const TOP = 12;
const BOTTOM = 34;

/**
 * @typedef {{label: string, style: string, points: [number, number][]}} Series  style: a class of the style sheet
 */

/**
 * @param {{title: string, x: string, xRange: [number, number], xTicks: number[], yTicks: number[],
 *   yRange: [number, number], log?: boolean, along?: (x: number) => number, show?: (tick: number) => string,
 *   unit: string}} options
 *   title and x: what the axes measure; log: a logarithmic vertical axis; along: how far along the horizontal axis
 *   a value is, in units of its own; unit: a word for one point of a series
 */
export function createChart(options) {
  const { title, x, xRange, xTicks, yRange, yTicks, log = false, along = (value) => value, show = String } = options;
  const { unit } = options;
  const height = log ? Math.log10 : (/** @type {number} */ value) => value;
  const [first, last] = xRange.map(along);
  const [low, high] = yRange.map(height);
  const toX = (/** @type {number} */ value) =>
    LEFT + ((along(value) - first) / (last - first)) * (WIDTH - LEFT - RIGHT);
  const toY = (/** @type {number} */ value) => {
    const share = (height(Math.max(value, log ? 1e-12 : value)) - low) / (high - low);
    return HEIGHT - BOTTOM - Math.min(1, Math.max(0, share)) * (HEIGHT - TOP - BOTTOM);
  };
  const lines = svg("g");
  const picture = svg(
    "svg",
    { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": `${title}: no ${unit} yet` },
    ...yTicks.flatMap((tick) => [
      svg("line", { class: "ml-grid", x1: LEFT, x2: WIDTH - RIGHT, y1: toY(tick), y2: toY(tick) }),
      svg("text", { x: LEFT - 6, y: toY(tick) + 4, "text-anchor": "end" }, show(tick)),
    ]),
    ...xTicks.map((tick) =>
      svg("text", { x: toX(tick), y: HEIGHT - BOTTOM + 17, "text-anchor": "middle" }, String(tick)),
    ),
    svg("text", { x: (LEFT + WIDTH - RIGHT) / 2, y: HEIGHT - 2, "text-anchor": "middle" }, x),
    lines,
  );

  /** @param {Series[]} series @param {Series[]} [earlier]  to compare with, pale and without labels */
  const draw = (series, earlier = []) => {
    const pathOf = (/** @type {[number, number][]} */ points) =>
      points.map(([px, py]) => `${toX(px).toFixed(1)},${toY(py).toFixed(1)}`).join(" ");
    lines.replaceChildren(
      ...earlier.map(({ style, points }) =>
        svg("polyline", { class: `ml-line ml-earlier ${style}`, points: pathOf(points) }),
      ),
    );
    const shown = series.filter(({ points }) => points.length);
    const ends = apart(shown.map(({ points }) => toY(points[points.length - 1][1])));
    shown.forEach(({ label, style, points }, i) => {
      const [lastX] = points[points.length - 1];
      lines.append(
        svg("polyline", { class: `ml-line ${style}`, points: pathOf(points) }),
        svg("circle", { class: `ml-dot ${style}`, r: 3, cx: toX(lastX), cy: toY(points[points.length - 1][1]) }),
        svg("text", { class: `ml-label ${style}`, x: Math.min(toX(lastX), WIDTH - RIGHT) + 8, y: ends[i] + 4 }, label),
      );
    });
    const ending = shown.map(({ label, points }) => `${label} ${show(points[points.length - 1][1])}`).join(", ");
    setAttributes(picture, { "aria-label": ending ? `${title}, last ${unit}: ${ending}` : `${title}: no ${unit} yet` });
  };
  return { element: h("figure", { class: "ml-chart" }, h("figcaption", {}, title), picture), draw };
}

/** For instance 1·10⁻⁴, and plain 1. @param {number} value */
export function powerOfTen(value) {
  const [digits, exponent] = value.toExponential(Number.isInteger(Math.log10(value)) ? 0 : 1).split("e");
  const raised = exponent.replace("+", "").replace(/[-0-9]/g, (sign) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(sign)]);
  return exponent === "+0" ? digits : digits === "1" ? `10${raised}` : `${digits}·10${raised}`;
}

/** Keep labels from covering each other. @param {number[]} heights */
function apart(heights) {
  const moved = [...heights];
  const order = heights.map((_, i) => i).sort((a, b) => heights[a] - heights[b]);
  // Two that are too close move by equal amounts; a third may then be too close to one of them.
  for (let round = 0; round < 10; round++)
    for (let i = 1; i < order.length; i++) {
      const [above, below] = [order[i - 1], order[i]];
      const short = Math.max(0, 14 - (moved[below] - moved[above])) / 2;
      moved[above] -= short;
      moved[below] += short;
    }
  return moved;
}
