// Convolution by hand: a kernel over a digit, one place after another.

import { convolve, productsAt, total } from "./arithmetic/convolve.js";
import { decodeBytes } from "./arithmetic/model.js";
import { button, chooser, h, mount, numbersOf, paintInk, setAttributes, slider, svg, table } from "./page/page.js";
import { signed } from "./page/plane.js";

/** @type {Record<string, number[][]>} */
const PRESETS = {
  "Upright edges": [
    [-1, 0, 1],
    [-1, 0, 1],
    [-1, 0, 1],
  ],
  "Level edges": [
    [-1, -1, -1],
    [0, 0, 0],
    [1, 1, 1],
  ],
  Blur: [
    [0.11, 0.11, 0.11],
    [0.11, 0.11, 0.11],
    [0.11, 0.11, 0.11],
  ],
  Sharpen: [
    [0, -1, 0],
    [-1, 5, -1],
    [0, -1, 0],
  ],
  Outline: [
    [-1, -1, -1],
    [-1, 8, -1],
    [-1, -1, -1],
  ],
  Unchanged: [
    [0, 0, 0],
    [0, 1, 0],
    [0, 0, 0],
  ],
};

mount("convolution", async ({ root, say, load }) => {
  const { labels, images, kernels } = await load("convolution");
  const pixels = Float64Array.from(decodeBytes(images), (value) => Number((value / 255).toFixed(2)));
  const state = { kernel: PRESETS["Upright edges"], digit: 7, row: 13, column: 15, positiveOnly: false };
  const image = () => pixels.subarray(784 * state.digit, 784 * (state.digit + 1));

  const input = createInput((row, column) => move(row, column));
  const output = createOutput();
  const sum = h("p", { class: "ml-formula" });
  const grids = h("div", { class: "ml-grids" });
  const sums = numbersOf("All sums in numbers", () => {
    const { values, side } = convolve(image(), state.kernel);
    const places = Array.from({ length: side }, (_, place) => place);
    return table(
      "Sums by row and column",
      ["row", ...places.map(String)],
      places.map((row) => [String(row), ...places.map((column) => signed(values[row * side + column], 1))]),
    );
  });
  const rows = createPlaceSlider("Row", (row) => move(row, state.column));
  const columns = createPlaceSlider("Column", (column) => move(state.row, column));

  const refresh = () => {
    const { kernel, row, column, positiveOnly } = state;
    const { values, side } = convolve(image(), kernel);
    input.show(image(), row, column, kernel.length, labels[state.digit]);
    output.show(positiveOnly ? values.map((value) => Math.max(0, value)) : values, side, row, column);
    const value = total(productsAt(image(), kernel, row, column));
    sum.textContent =
      `Row ${row}, column ${column}: the products add up to ${signed(value, 2)}` +
      (positiveOnly ? `; ReLU makes it ${signed(Math.max(0, value), 2)}.` : ".");
    grids.replaceChildren(
      numbers(
        "Pixels",
        kernel.map((_, r) => kernel.map((__, c) => image()[(row + r) * 28 + column + c])),
      ),
      numbers("Products", productsAt(image(), kernel, row, column)),
    );
    sums.refresh();
    say(sum.textContent);
  };
  const move = (/** @type {number} */ row, /** @type {number} */ column) => {
    const last = 28 - state.kernel.length;
    state.row = Math.min(last, Math.max(0, row));
    state.column = Math.min(last, Math.max(0, column));
    rows.set(state.row, last);
    columns.set(state.column, last);
    refresh();
  };
  const editor = h("div", { class: "ml-kernel" });
  const setKernel = (/** @type {number[][]} */ kernel) => {
    state.kernel = kernel.map((weights) => [...weights]);
    editor.replaceChildren(kernelEditor(state.kernel, refresh));
    move(state.row, state.column);
  };
  const next = () => {
    const side = 28 - state.kernel.length + 1;
    const place = (state.row * side + state.column + 1) % (side * side);
    move(Math.floor(place / side), place % side);
  };

  /** @type {Record<string, number[][]>} */
  const all = { ...PRESETS };
  kernels.forEach((/** @type {number[][]} */ kernel, /** @type {number} */ i) => {
    all[`Learned: filter ${i + 1} of the chapter’s network`] = kernel;
  });
  root.classList.add("ml-convolution");
  root.append(
    h(
      "div",
      { class: "ml-controls" },
      chooser({
        label: "Kernel",
        options: Object.keys(all).map((name) => [name, name]),
        value: "Upright edges",
        onchange: (name) => setKernel(all[name]),
      }).element,
      chooser({
        label: "Digit",
        options: labels.map((/** @type {number} */ label, /** @type {number} */ i) => [String(i), String(label)]),
        value: String(state.digit),
        onchange: (digit) => {
          state.digit = Number(digit);
          refresh();
        },
      }).element,
      reluButton((pressed) => {
        state.positiveOnly = pressed;
        refresh();
      }),
    ),
    h(
      "div",
      { class: "ml-controls" },
      rows.element,
      columns.element,
      button("Next place", next, { class: "ml-primary" }),
    ),
    h("div", { class: "ml-pictures" }, input.element, output.element),
    h("div", { class: "ml-grids" }, editor, grids),
    sum,
    sums.element,
  );
  setKernel(state.kernel);
});

/** @param {string} label @param {(value: number) => void} oninput */
function createPlaceSlider(label, oninput) {
  const { element, set } = slider({ label, min: 0, max: 25, step: 1, value: 0, oninput });
  const input = /** @type {HTMLInputElement} */ (element.querySelector("input"));
  return {
    element,
    set: (/** @type {number} */ value, /** @type {number} */ max) => {
      input.max = String(max);
      set(value);
    },
  };
}

/** @param {(pressed: boolean) => void} onchange */
function reluButton(onchange) {
  const element = button(
    "Then ReLU",
    () => {
      const pressed = element.getAttribute("aria-pressed") !== "true";
      element.setAttribute("aria-pressed", String(pressed));
      onchange(pressed);
    },
    { "aria-pressed": "false" },
  );
  return element;
}

/** The digit, with the kernel's window on it; a click moves the window there. @param {(row: number, column: number) => void} onpick */
function createInput(onpick) {
  const canvas = h("canvas", { class: "ml-ink" });
  const frame = svg("rect", { class: "ml-window" });
  const overlay = svg("svg", { viewBox: "0 0 28 28", role: "img" }, frame);
  let size = 3;
  overlay.addEventListener("click", (event) => {
    const box = overlay.getBoundingClientRect();
    const { clientX, clientY } = /** @type {MouseEvent} */ (event);
    const at = (/** @type {number} */ share) => Math.floor(28 * share) - Math.floor(size / 2);
    onpick(at((clientY - box.top) / box.height), at((clientX - box.left) / box.width));
  });
  const show = (
    /** @type {ArrayLike<number>} */ image,
    /** @type {number} */ row,
    /** @type {number} */ column,
    /** @type {number} */ length,
    /** @type {number} */ label,
  ) => {
    size = length;
    paintInk(
      canvas,
      Array.from(image, (value) => 255 * value),
      28,
    );
    setAttributes(frame, { x: column, y: row, width: length, height: length });
    setAttributes(overlay, { "aria-label": `A ${label}, the kernel’s window at row ${row}, column ${column}` });
  };
  return {
    element: h("figure", {}, h("figcaption", {}, "Image"), h("div", { class: "ml-stack" }, canvas, overlay)),
    show,
  };
}

/** The sums at all places: blue and whole above 0, orange with a hole below. */
function createOutput() {
  const picture = svg("svg", { role: "img" });
  const show = (
    /** @type {Float64Array} */ values,
    /** @type {number} */ side,
    /** @type {number} */ row,
    /** @type {number} */ column,
  ) => {
    const largest = Math.max(1e-9, ...values.map(Math.abs));
    setAttributes(picture, {
      viewBox: `0 0 ${side} ${side}`,
      "aria-label":
        `The sums at all ${side} by ${side} places, ` +
        `from ${signed(Math.min(...values), 2)} to ${signed(Math.max(...values), 2)}`,
    });
    const squares = [...values].flatMap((value, i) =>
      Math.abs(value) < 0.02 * largest
        ? []
        : [
            svg("path", {
              class: value > 0 ? "ml-positive" : "ml-negative",
              "fill-opacity": (Math.abs(value) / largest).toFixed(2),
              // Below 0, the square has a hole, so that the sign does not rest on the color.
              d: `M${i % side} ${Math.floor(i / side)}h1v1h-1z` + (value > 0 ? "" : "m.3 .3v.4h.4v-.4z"),
            }),
          ],
    );
    picture.replaceChildren(...squares, svg("rect", { class: "ml-window", x: column, y: row, width: 1, height: 1 }));
  };
  return {
    element: h(
      "figure",
      {},
      h("figcaption", {}, "Sums (■ above 0, □ below)"),
      h("div", { class: "ml-stack" }, picture),
    ),
    show,
  };
}

/** @param {string} caption @param {number[][]} values */
function numbers(caption, values) {
  return h(
    "table",
    { class: "ml-numbers" },
    h("caption", {}, caption),
    h("tbody", {}, ...values.map((row) => h("tr", {}, ...row.map((value) => h("td", {}, signed(value, 2)))))),
  );
}

/** @param {number[][]} kernel  changed in place @param {() => void} onchange */
function kernelEditor(kernel, onchange) {
  return h(
    "table",
    { class: "ml-numbers" },
    h("caption", {}, "Kernel"),
    h(
      "tbody",
      {},
      ...kernel.map((weights, r) =>
        h(
          "tr",
          {},
          ...weights.map((weight, c) => {
            const input = h("input", {
              type: "number",
              step: "any",
              value: weight,
              "aria-label": `Weight in row ${r + 1}, column ${c + 1}`,
              oninput: () => {
                if (!Number.isFinite(input.valueAsNumber)) return;
                kernel[r][c] = input.valueAsNumber;
                onchange();
              },
            });
            return h("td", {}, input);
          }),
        ),
      ),
    ),
  );
}
