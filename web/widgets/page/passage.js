// A digit on its way through a convolutional network: the window moves, and what it has seen fills the maps.

import { h, paintInk, setAttributes, svg } from "./page.js";
import { arrange, inked, tiles } from "./maps.js";

/** @typedef {import("../arithmetic/network.js").Conv | import("../arithmetic/network.js").Pool} Windowed */
/** @typedef {import("./maps.js").Shaped} Shaped */

const SECONDS = { conv: 1.3, pool: 0.7 };

/**
 * @param {import("../arithmetic/network.js").Layer[]} layers
 * @returns {{element: HTMLElement, show: (image: ArrayLike<number>) => void,
 *   play: (pale: number, then?: () => void) => void}}
 *   show: all that the last call of `forward` left, which was for this image;
 *   play: let the windows move over it again; pale: the share of the ink that is shown before a window comes, 0 to 1
 */
export function createPassage(layers) {
  const image = { shape: [28, 28, 1], output: new Float32Array(784) };
  let picture = createPicture(image, "1. The image: 28 × 28");
  const pictures = [picture];
  const stages = layers.flatMap((layer, i) => {
    if (layer.type !== "conv" && layer.type !== "pool") return [];
    const from = picture;
    const shown = /** @type {Shaped} */ (layer.type === "pool" ? layer : layers[i + 1]);
    picture = createPicture(shown, `${pictures.length + 1}. ${describe(layer)}`);
    pictures.push(picture);
    return [{ layer, from, to: picture, seconds: SECONDS[layer.type] }];
  });
  const total = stages.reduce((sum, { seconds }) => sum + seconds, 0);

  const paint = (/** @type {number} */ time, /** @type {number} */ pale) => {
    for (const { layer, from, to, seconds } of stages) {
      const share = Math.min(1, Math.max(0, time / seconds));
      const [rows, columns] = layer.shape;
      const cell = Math.floor(share * rows * columns);
      const moving = share > 0 && share < 1;
      from.frame(moving ? layer : null, cell);
      to.show(cell, pale, moving);
      time -= seconds;
    }
  };
  let frame = 0;
  const show = (/** @type {ArrayLike<number>} */ pixels) => {
    cancelAnimationFrame(frame);
    image.output.set(pixels);
    for (const each of pictures) each.take();
    pictures[0].show(784, 1, false);
    paint(Infinity, 1);
  };
  const play = (/** @type {number} */ pale, then = () => {}) => {
    cancelAnimationFrame(frame);
    const start = performance.now();
    const step = (/** @type {number} */ now) => {
      const time = (now - start) / 1000;
      if (time < total) {
        paint(time, pale);
        frame = requestAnimationFrame(step);
      } else {
        paint(Infinity, 1);
        then();
      }
    };
    step(start);
  };
  const element = h(
    "section",
    { class: "ml-layers ml-passage", "aria-label": "The image on its way through the network" },
    ...pictures.map((each) => each.element),
  );
  return { element, show, play };
}

/** @param {Windowed} layer */
function describe({ type, window: [rows, columns], shape }) {
  const size = `${rows} × ${columns}`;
  return type === "conv" ? `A window of ${size} fills ${shape[2]} maps` : `Pooling: max of ${size}`;
}

/** @param {Shaped} layer  its output is what the picture shows @param {string} caption */
function createPicture(layer, caption) {
  const [rows, , filters] = layer.shape;
  const grid = tiles(layer, Math.min(filters, filters > 32 ? 16 : 8));
  const canvas = h("canvas", { class: "ml-ink", role: "img" });
  const outline = svg("path", { class: "ml-window" });
  const overlay = svg("svg", { viewBox: `0 0 ${grid.width} ${grid.height}`, "aria-hidden": "true" }, outline);
  const text = h("figcaption", {}, caption);
  const paper = h("div", { class: "ml-paper ml-stack" }, canvas, overlay);
  paper.style.aspectRatio = `${grid.width} / ${grid.height}`;
  paper.style.width = `${grid.width * (rows > 14 ? 4 : rows > 6 ? 2 : 3)}px`;
  let ink = new Uint8Array();

  /** Take what the layer holds now. */
  const take = () => {
    ink = layer.name || filters > 1 ? inked(layer) : Uint8Array.from(layer.output);
    const active = layer.output.filter((value) => value > 0).length;
    const what = `${caption}; ${active} of ${layer.output.length} are above 0`;
    canvas.setAttribute("aria-label", what.replaceAll("×", "by"));
  };
  const show = (/** @type {number} */ cells, /** @type {number} */ pale, /** @type {boolean} */ moving) => {
    const seen = ink.map((value, unit) => (unit < cells * filters ? value : pale * value));
    paintInk(canvas, arrange(grid, seen), grid.width);
    text.classList.toggle("ml-now", moving);
  };
  /** Frame, in every tile, what a cell of the next layer sees. @param {Windowed | null} next @param {number} cell */
  const frame = (next, cell) => {
    if (!next) return setAttributes(outline, { d: "" });
    const [height, width] = next.window;
    const top = Math.floor(cell / next.shape[1]) * next.strides[0] - next.padding[0];
    const left = (cell % next.shape[1]) * next.strides[1] - next.padding[1];
    const corners = Array.from({ length: filters }, (_, filter) => grid.placeOf(filter));
    setAttributes(outline, {
      d: corners.map(([x, y]) => `M${x + left} ${y + top}h${width}v${height}h${-width}z`).join(""),
    });
  };
  return { element: h("figure", {}, paper, text), take, show, frame };
}
