// Signed numbers as squares: orange and whole above 0, blue with a hole below, as in the figures of the chapters.

import { h, paintInk, setAttributes, svg } from "./page.js";

/** Below 0, a square has a hole, so that the sign does not rest on the color. */
const HOLE = "m.3 .3v.4h.4v-.4z";

/**
 * A square for each number that can be told from 0; the larger, the stronger its color.
 * @param {ArrayLike<number>} values  row by row @param {number} width
 */
export function signedSquares(values, width) {
  const largest = Math.max(1e-9, ...Array.from(values, Math.abs));
  return Array.from(values).flatMap((value, i) =>
    Math.abs(value) < 0.02 * largest
      ? []
      : [
          svg("path", {
            class: value > 0 ? "ml-positive" : "ml-negative",
            "fill-opacity": (Math.abs(value) / largest).toFixed(2),
            d: `M${i % width} ${Math.floor(i / width)}h1v1h-1z` + (value > 0 ? "" : HOLE),
          }),
        ],
  );
}

const STRENGTHS = 6;

/**
 * The same for many pictures that change often: few elements, and a color of few strengths.
 * @param {ArrayLike<number>} values  row by row @param {number} width
 */
export function signedPaths(values, width) {
  const largest = Math.max(...Array.from(values, Math.abs));
  /** @type {string[]} */
  const paths = new Array(2 * STRENGTHS + 1).fill("");
  for (let i = 0; largest > 0 && i < values.length; i++) {
    const strength = Math.round((STRENGTHS * values[i]) / largest);
    const square = `M${i % width} ${Math.floor(i / width)}h1v1h-1z`;
    if (strength) paths[STRENGTHS + strength] += square + (strength > 0 ? "" : HOLE);
  }
  return paths.flatMap((d, i) => {
    const strength = i - STRENGTHS;
    const style = strength > 0 ? "ml-positive" : "ml-negative";
    return d ? [svg("path", { class: style, "fill-opacity": (Math.abs(strength) / STRENGTHS).toFixed(2), d })] : [];
  });
}

/** An image in pale ink, and on it the part of each pixel in a number; a frame can mark a part of it. */
export function createEvidence() {
  const canvas = h("canvas", { class: "ml-ink ml-pale" });
  const overlay = svg("svg", { viewBox: "0 0 28 28", role: "img", "aria-label": "Nothing yet" });
  /**
   * @param {ArrayLike<number>} image @param {ArrayLike<number>} parts @param {string} label
   * @param {import("../arithmetic/explain.js").Field} [field]
   */
  const show = (image, parts, label, field) => {
    paintInk(canvas, image, 28);
    overlay.replaceChildren(...signedSquares(parts, 28));
    if (field) {
      const { top, left, bottom, right } = field;
      const frame = { x: left, y: top, width: right - left + 1, height: bottom - top + 1 };
      overlay.append(svg("rect", { class: "ml-window", ...frame }));
    }
    setAttributes(overlay, { "aria-label": label });
  };
  return { element: h("div", { class: "ml-stack ml-evidence" }, canvas, overlay), show };
}
