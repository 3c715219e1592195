// Convolution by hand: a kernel over a digit, one place after another.

import { convolve, productsAt, total } from "./arithmetic/convolve.js";
import { decodeBytes } from "./arithmetic/model.js";
import { button, chooser, h, mount, numbersOf, paintInk, setAttributes, slider, svg, table } from "./page/page.js";
import { createGoal } from "./page/goal.js";
import { signedSquares } from "./page/marks.js";
import { signed } from "./page/plane.js";

/** @type {Record<string, number[][]>} */
const PRESETS = {
  "Left edges": [
    [-1, 0, 1],
    [-1, 0, 1],
    [-1, 0, 1],
  ],
  "Upper edges": [
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
  const state = { kernel: PRESETS["Upper edges"], digit: 7, row: 13, column: 15, positiveOnly: false };
  const image = () => pixels.subarray(784 * state.digit, 784 * (state.digit + 1));

  const input = createInput((row, column) => move(row, column));
  const output = createOutput();
  const goal = createGoal("move the window to a place where the sum is as large as it gets.");
  let moved = false; // by the reader
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
      `Row ${row}, column ${column}: the products add up to ${exact(value)}` +
      (positiveOnly ? `; ReLU makes it ${exact(Math.max(0, value))}.` : ".");
    // Sums that differ in their last bit only are equal.
    const found = value > 0 && value > Math.max(...values) - 1e-9;
    const news = moved ? goal.check(found, `no place has a sum above ${exact(value)}.`) : "";
    grids.replaceChildren(
      numbers(
        "Pixels",
        kernel.map((_, r) => kernel.map((__, c) => image()[(row + r) * 28 + column + c])),
      ),
      numbers("Products", productsAt(image(), kernel, row, column)),
    );
    sums.refresh();
    say(news + sum.textContent);
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
        value: "Upper edges",
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
    goal.element,
    h("div", { class: "ml-pictures" }, input.element, output.element),
    h("div", { class: "ml-grids" }, editor, grids),
    sum,
    sums.element,
  );
  setKernel(state.kernel);
  moved = true;
});

/** A number with the decimals that it has, four at most: what is shown is what is added. @param {number} value */
const exact = (value) => signed(Number(value.toFixed(4)), 4).replace(/\.?0+$/, "");

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

/** The sums at all places. */
function createOutput() {
  const picture = svg("svg", { role: "img" });
  const show = (
    /** @type {Float64Array} */ values,
    /** @type {number} */ side,
    /** @type {number} */ row,
    /** @type {number} */ column,
  ) => {
    setAttributes(picture, {
      viewBox: `0 0 ${side} ${side}`,
      "aria-label":
        `The sums at all ${side} by ${side} places, ` +
        `from ${signed(Math.min(...values), 2)} to ${signed(Math.max(...values), 2)}`,
    });
    picture.replaceChildren(
      ...signedSquares(values, side),
      svg("rect", { class: "ml-window", x: column, y: row, width: 1, height: 1 }),
    );
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
    h("tbody", {}, ...values.map((row) => h("tr", {}, ...row.map((value) => h("td", {}, exact(value)))))),
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
