// What happens inside a network: each layer's activations as a picture, and what each unit makes of which pixels.

import { gradientTimesInput, receptiveField, unitScore } from "../arithmetic/explain.js";
import { forward } from "../arithmetic/network.js";
import { arrange, inked, squares, tiles } from "./maps.js";
import { createEvidence } from "./marks.js";
import { h, onArrows, paintInk, setAttributes, svg } from "./page.js";
import { signed } from "./plane.js";

/** @typedef {import("../arithmetic/model.js").Model} Model */
/** @typedef {import("../arithmetic/network.js").Activation & {shape: number[]}} Shaped */
/** @typedef {{layer: Shaped, index: number, number: number}} Hidden  index: among all layers; number: for the reader */

/** @param {(text: string) => void} say */
export function createInsides(say) {
  const body = h("div", { class: "ml-details-body" });
  const element = h(
    "details",
    { class: "ml-insides" },
    h("summary", {}, "Look inside"),
    h(
      "p",
      { class: "ml-note" },
      "Each square is one unit; in a convolutional layer, each picture is what one filter found, and where. " +
        "The stronger the ink, the larger the activation. " +
        "Pick a unit, by pressing it or with the arrow keys, to see which pixels it looks at.",
    ),
    body,
  );

  const create = (/** @type {Model} */ model) => {
    const part = createNetwork(model, say);
    return {
      element: part.element,
      show: (/** @type {Uint8Array | null} */ image) => {
        if (element.open) part.show(image);
      },
    };
  };
  /** @param {() => void} act */
  const onopen = (act) => element.addEventListener("toggle", act);
  return { element, body, create, onopen };
}

/** @param {Model} model @param {(text: string) => void} say */
function createNetwork({ title, layers }, say) {
  const hidden = layers
    .flatMap((layer, index) => (layer.type === "activation" ? [{ layer: /** @type {Shaped} */ (layer), index }] : []))
    .slice(0, -1)
    .map((each, i) => ({ ...each, number: i + 1 }));
  /** @type {Uint8Array | null} */
  let image = null;
  let [at, unit] = [-1, 0]; // the unit that is picked; none at first
  const evidence = createEvidence();
  const text = h("figcaption");
  const explain = () => {
    figures.forEach((figure, i) => figure.mark(i === at ? unit : -1));
    if (!image) {
      evidence.show(new Uint8Array(784), [], "Nothing yet");
      text.textContent = "Draw a digit first.";
      return;
    }
    const { index } = hidden[at];
    const field = receptiveField(layers, index, unit);
    evidence.show(
      image,
      gradientTimesInput(unitScore(layers, index, unit), image),
      "What raises the unit’s sum and, with a hole, what lowers it; the frame is what it sees",
      field,
    );
    text.textContent = `${nameUnit(hidden[at], unit)}. It sees ${nameField(field)}. ■ raises its sum, □ lowers it.`;
  };
  const figures = hidden.map((each, i) =>
    createFigure(each, (picked) => {
      [at, unit] = [i, picked];
      if (image) forward(layers, image); // its reasons may have been asked of an image with erased pixels since
      explain();
      say(text.textContent ?? "");
    }),
  );
  const show = (/** @type {Uint8Array | null} */ next) => {
    image = next;
    if (image) forward(layers, image);
    if (at < 0 && image) [at, unit] = [0, strongestOf(hidden[0].layer.output)];
    figures.forEach((figure) => figure.show(image !== null));
    explain();
  };
  const element = h(
    "section",
    { "aria-label": `Inside: ${title}` },
    h("p", { class: "ml-title" }, title),
    h("div", { class: "ml-layers" }, ...figures.map((figure) => figure.element)),
    h("figure", { class: "ml-unit" }, evidence.element, text),
  );
  return { element, show };
}

/** @param {Float32Array} output */
const strongestOf = (output) => output.indexOf(Math.max(...output));

/** @param {Hidden} hidden @param {number} unit */
function nameUnit({ layer: { shape, output }, number }, unit) {
  const value = `activation ${signed(output[unit], 2)}`;
  if (shape.length < 3) return `Hidden layer ${number}, unit ${unit + 1}: ${value}`;
  const [, width, filters] = shape;
  const cell = Math.floor(unit / filters);
  const place = `row ${Math.floor(cell / width)}, column ${cell % width}`;
  return `Hidden layer ${number}, filter ${(unit % filters) + 1}, ${place}: ${value}`;
}

/** @param {import("../arithmetic/explain.js").Field} field */
function nameField({ top, left, bottom, right }) {
  if (top + left === 0 && bottom + right === 54) return "the whole image";
  return `rows ${top} to ${bottom} and columns ${left} to ${right} of the image`;
}

/** @param {Hidden} hidden @param {(unit: number) => void} onpick */
function createFigure({ layer, number }, onpick) {
  const canvas = h("canvas", { class: "ml-ink ml-activations", role: "img" });
  const text = h("figcaption");
  const grid = layer.shape.length === 3 ? tiles(layer) : squares(layer);
  const frame = svg("rect", { class: "ml-window", width: 1, height: 1 });
  const overlay = svg("svg", { viewBox: `0 0 ${grid.width} ${grid.height}`, "aria-hidden": "true" }, frame);
  const paper = h(
    "div",
    {
      class: "ml-paper ml-units",
      role: "application",
      tabindex: 0,
      "aria-label": `Units of hidden layer ${number}: pick one with a pointer or with the arrow keys`,
    },
    canvas,
    overlay,
  );
  let picked = 0;
  const pick = (/** @type {number | undefined} */ unit) => {
    if (unit === undefined) return;
    picked = unit;
    onpick(unit);
  };
  paper.addEventListener("click", (event) => {
    const box = overlay.getBoundingClientRect();
    const x = Math.floor(((event.clientX - box.left) / box.width) * grid.width);
    const y = Math.floor(((event.clientY - box.top) / box.height) * grid.height);
    pick(grid.unitAt(x, y));
  });
  onArrows(paper, (right, down) => {
    const [x, y] = grid.placeOf(picked);
    // A step further where one falls between two pictures; at the end nothing is picked.
    pick(grid.unitAt(x + right, y + down) ?? grid.unitAt(x + 2 * right, y + 2 * down));
  });
  const show = (/** @type {boolean} */ drawn) => {
    paintInk(canvas, arrange(grid, drawn ? inked(layer) : new Uint8Array()), grid.width);
    text.textContent = describe(layer, number, drawn);
    canvas.setAttribute("aria-label", text.textContent);
  };
  const mark = (/** @type {number} */ unit) => {
    frame.toggleAttribute("hidden", unit < 0);
    if (unit < 0) return;
    picked = unit;
    const [x, y] = grid.placeOf(unit);
    setAttributes(frame, { x, y });
  };
  return { element: h("figure", {}, paper, text), show, mark };
}

/** @param {Shaped} layer @param {number} number @param {boolean} drawn */
function describe({ name, shape, output }, number, drawn) {
  const what = shape.length === 3 ? `${shape[2]} filters, ${shape[0]} by ${shape[1]} places each` : `${shape[0]} units`;
  const border = name === "relu" ? 0 : 0.5;
  const active = output.filter((value) => value > border).length;
  return `Hidden layer ${number}: ${what}` + (drawn ? `; ${active} of ${output.length} above ${border}` : "");
}
