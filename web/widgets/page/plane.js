// A square plane with two axes, as SVG, and the two-input neuron that lives on it.

import { newId, svg } from "./page.js";

const SIDE = 320;
const MARGIN = 40;

/**
 * @param {{x: string, y: string, xRange: [number, number], yRange: [number, number], ticks: number[][],
 *   show?: (tick: number) => string}} options
 *   x and y: names of the axes; ticks: those of x, those of y
 */
export function createPlane({ x, y, xRange, yRange, ticks: [xTicks, yTicks], show = signed }) {
  const inner = SIDE - MARGIN - 8;
  const toX = (/** @type {number} */ value) => MARGIN + ((value - xRange[0]) / (xRange[1] - xRange[0])) * inner;
  const toY = (/** @type {number} */ value) => 8 + inner - ((value - yRange[0]) / (yRange[1] - yRange[0])) * inner;
  const clip = newId();
  const content = svg("g", { "clip-path": `url(#${clip})` });
  const middle = MARGIN + inner / 2;
  const element = svg(
    "svg",
    { viewBox: `0 0 ${SIDE} ${SIDE}`, role: "img", class: "ml-plane" },
    svg("clipPath", { id: clip }, svg("rect", { x: MARGIN, y: 8, width: inner, height: inner })),
    content,
    svg("rect", { class: "ml-frame", x: MARGIN, y: 8, width: inner, height: inner }),
    ...xTicks.map((tick) => svg("text", { x: toX(tick), y: SIDE - 20, "text-anchor": "middle" }, show(tick))),
    ...yTicks.map((tick) => svg("text", { x: MARGIN - 5, y: toY(tick) + 4, "text-anchor": "end" }, show(tick))),
    svg("text", { x: middle, y: SIDE - 4, "text-anchor": "middle" }, x),
    svg("text", { x: 0, y: 0, "text-anchor": "middle", transform: `translate(11 ${8 + inner / 2}) rotate(-90)` }, y),
  );
  /** Where an event happened, as values of the two axes. @param {MouseEvent} event @returns {[number, number]} */
  const valuesAt = ({ clientX, clientY }) => {
    const box = element.getBoundingClientRect();
    const left = ((clientX - box.left) * SIDE) / box.width;
    const top = ((clientY - box.top) * SIDE) / box.height;
    return [
      xRange[0] + ((left - MARGIN) / inner) * (xRange[1] - xRange[0]),
      yRange[0] + ((8 + inner - top) / inner) * (yRange[1] - yRange[0]),
    ];
  };
  return { element, content, toX, toY, valuesAt };
}

/**
 * Squares that fill a plane; each can be shaded by its own share.
 * @param {ReturnType<typeof createPlane>} plane
 * @param {{xRange: [number, number], yRange: [number, number], count: number}} options
 */
export function createShades({ content, toX, toY }, { xRange, yRange, count }) {
  const [width, height] = [(xRange[1] - xRange[0]) / count, (yRange[1] - yRange[0]) / count];
  const cells = Array.from({ length: count * count }, (_, i) => {
    const left = xRange[0] + (i % count) * width;
    const bottom = yRange[0] + Math.floor(i / count) * height;
    const cell = svg("rect", {
      class: "ml-output",
      x: toX(left),
      y: toY(bottom + height),
      width: toX(left + width) - toX(left),
      height: toY(bottom) - toY(bottom + height),
    });
    return { cell, x: left + width / 2, y: bottom + height / 2 };
  });
  content.append(...cells.map(({ cell }) => cell));
  return (/** @type {(x: number, y: number) => number} */ share) => {
    for (const { cell, x, y } of cells) cell.setAttribute("fill-opacity", share(x, y).toFixed(2));
  };
}

/** A number as a factor: in brackets if it is negative. @param {number} value @param {number} digits */
export const factor = (value, digits) => (value < 0 ? `(${signed(value, digits)})` : signed(value, digits));

/** A number with a true minus sign. @param {number} value @param {number} [digits] */
export const signed = (value, digits = 0) =>
  value
    .toFixed(digits)
    .replace(/^-(?=.*[1-9])/, "−")
    .replace("-", "");
