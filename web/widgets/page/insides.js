// What happens inside a network: each layer's activations as a picture.

import { h, paintInk } from "./page.js";

/** @typedef {import("../arithmetic/model.js").Model} Model */
/** @typedef {import("../arithmetic/network.js").Activation & {shape: number[]}} Shaped */

export function createInsides() {
  const body = h("div", { class: "ml-details-body" });
  const element = h(
    "details",
    { class: "ml-insides" },
    h("summary", {}, "Look inside"),
    h(
      "p",
      { class: "ml-note" },
      "Each square is one unit; in a convolutional layer, each picture is what one filter found, and where. " +
        "The stronger the ink, the larger the activation.",
    ),
    body,
  );

  const create = (/** @type {Model} */ model) => {
    const hidden = /** @type {Shaped[]} */ (model.layers.filter((layer) => layer.type === "activation")).slice(0, -1);
    const figures = hidden.map(createFigure);
    const part = h(
      "section",
      { "aria-label": `Inside: ${model.title}` },
      h("p", { class: "ml-title" }, model.title),
      h("div", { class: "ml-layers" }, ...figures.map((figure) => figure.element)),
    );
    return {
      element: part,
      show: (/** @type {boolean} */ drawn) => {
        if (element.open) figures.forEach((figure) => figure.show(drawn));
      },
    };
  };
  /** @param {() => void} act */
  const onopen = (act) => element.addEventListener("toggle", act);
  return { element, body, create, onopen };
}

/** @param {Shaped} layer @param {number} index */
function createFigure(layer, index) {
  const canvas = h("canvas", { class: "ml-ink ml-activations", role: "img" });
  const text = h("figcaption");
  const show = (/** @type {boolean} */ drawn) => {
    const { picture, width } = layer.shape.length === 3 ? tiles(layer) : squares(layer);
    paintInk(canvas, drawn ? picture : new Uint8Array(picture.length), width);
    text.textContent = describe(layer, index, drawn);
    canvas.setAttribute("aria-label", text.textContent);
  };
  return { element: h("figure", {}, h("div", { class: "ml-paper" }, canvas), text), show };
}

/** @param {Shaped} layer @param {number} index @param {boolean} drawn */
function describe({ name, shape, output }, index, drawn) {
  const what = shape.length === 3 ? `${shape[2]} filters, ${shape[0]} by ${shape[1]} places each` : `${shape[0]} units`;
  const border = name === "relu" ? 0 : 0.5;
  const active = output.filter((value) => value > border).length;
  return `Hidden layer ${index + 1}: ${what}` + (drawn ? `; ${active} of ${output.length} above ${border}` : "");
}

/** One square a unit. @param {Shaped} layer */
function squares({ name, output }) {
  const width = output.length % 16 === 0 ? 16 : 10;
  return { picture: inked(name, output), width };
}

/** One tile a filter, eight in a row, a pixel apart. @param {Shaped} layer */
function tiles({ name, shape: [height, width, filters], output }) {
  const values = inked(name, output);
  const across = 8 * (width + 1) - 1;
  const picture = new Uint8Array(across * (Math.ceil(filters / 8) * (height + 1) - 1));
  values.forEach((value, i) => {
    const filter = i % filters;
    const cell = Math.floor(i / filters);
    const row = Math.floor(filter / 8) * (height + 1) + Math.floor(cell / width);
    picture[row * across + (filter % 8) * (width + 1) + (cell % width)] = value;
  });
  return { picture, width: across };
}

/** @param {string} name @param {Float32Array} output */
function inked(name, output) {
  const largest = name === "relu" ? Math.max(1e-9, ...output) : 1;
  return Uint8Array.from(output, (value) => (255 * Math.max(0, value)) / largest);
}
