// One neuron with two inputs: move its weights and its bias, and the line between its two answers moves.

import { pointAt } from "./arithmetic/map.js";
import { decodeBytes } from "./arithmetic/model.js";
import { evaluate, sigmoid } from "./arithmetic/neuron.js";
import { createGoal } from "./page/goal.js";
import {
  button,
  chooser,
  h,
  mount,
  numbersOf,
  paintInk,
  percent,
  setAttributes,
  slider,
  svg,
  table,
} from "./page/page.js";
import { createPlane, createShades, factor, signed } from "./page/plane.js";

const RANGE = /** @type {[number, number]} */ ([-3, 3]);
/** @type {Record<string, (z: number) => number>} */
const ACTIVATIONS = { sigmoid, ReLU: (z) => Math.max(0, z), none: (z) => z };

mount("one-neuron", async ({ root, say, load }) => {
  /** @type {import("./arithmetic/neuron.js").Digits & {best: number, images: string}} */
  const digits = await load("neuron");
  const { points, labels, best } = digits;
  const images = decodeBytes(digits.images);
  const state = { w1: 1, w2: 1, b: 0, activation: "sigmoid", chosen: 0 };

  const plane = createPlane({
    x: "x₁: ink in all",
    y: "x₂: ink in the middle",
    xRange: RANGE,
    yRange: RANGE,
    ticks: [
      [-2, 0, 2],
      [-2, 0, 2],
    ],
  });
  const shade = createShades(plane, { xRange: RANGE, yRange: RANGE, count: 24 });
  const line = svg("path", { class: "ml-border" });
  const ring = svg("circle", { class: "ml-ring", r: 8 });
  plane.content.append(...points.map(([x, y], i) => mark(labels[i], plane.toX(x), plane.toY(y))), line, ring);

  const numbers = numbersOf("All digits in numbers", () =>
    table(
      "Inputs of each digit, and its sum",
      ["digit", "shows a", "x₁", "x₂", "z"],
      points.map(([x, y], i) => [
        String(i + 1),
        String(labels[i]),
        signed(x, 2),
        signed(y, 2),
        signed(state.w1 * x + state.w2 * y + state.b, 2),
      ]),
    ),
  );
  const goal = createGoal(
    `bring ${best - 1} of the ${points.length} digits to their side of the line. (${best} is the most that these steps allow.)`,
  );
  const picture = h("canvas", { class: "ml-ink", role: "img" });
  const sum = h("p", { class: "ml-formula" });
  const result = h("p", { class: "ml-state" });
  const refresh = () => {
    const { w1, w2, b, activation, chosen } = state;
    const output = ACTIVATIONS[activation];
    shade((x, y) => Math.min(1, Math.max(0, output(w1 * x + w2 * y + b))));
    line.setAttribute("d", border(state, plane));
    const [x1, x2] = points[chosen];
    setAttributes(ring, { cx: plane.toX(x1), cy: plane.toY(x2) });
    const z = w1 * x1 + w2 * x2 + b;
    sum.textContent =
      `Digit ${chosen + 1}, a ${labels[chosen] ? "one" : "zero"}: ` +
      `z = ${signed(w1, 1)} × ${factor(x1, 2)} + ${factor(w2, 1)} × ${factor(x2, 2)} + ${factor(b, 1)} = ${signed(z, 2)}` +
      (activation === "none" ? "" : `; ${activation}(z) = ${signed(output(z), 2)}`);
    paintInk(picture, images.subarray(784 * chosen, 784 * (chosen + 1)), 28);
    picture.setAttribute("aria-label", `Digit ${chosen + 1}, a ${labels[chosen] ? "one" : "zero"}`);
    const { right, loss } = evaluate(digits, [w1, w2], b);
    const news = goal.check(right >= best - 1, `${right} digits lie on their side.`);
    result.textContent =
      `${right} of ${points.length} digits lie on their side of the line (${percent(right / points.length)}). ` +
      `With a sigmoid, the cross-entropy is ${loss.toFixed(3)}; that of knowing nothing is ln 2 = 0.693.`;
    plane.element.setAttribute(
      "aria-label",
      `${points.length / 2} zeros and as many ones as points, and the line where ` +
        `z is 0: ${right} lie on their side`,
    );
    numbers.refresh();
    say(news + result.textContent);
  };
  const move = (/** @type {"w1" | "w2" | "b"} */ key, /** @type {string} */ label) =>
    slider({
      label,
      min: -6,
      max: 6,
      step: 0.1,
      value: state[key],
      show: (value) => signed(value, 1),
      oninput: (value) => {
        state[key] = value;
        refresh();
      },
    }).element;
  const choose = (/** @type {number} */ digit) => {
    state.chosen = (digit + points.length) % points.length;
    refresh();
  };
  // A press chooses the nearest digit; keys have the buttons.
  plane.element.addEventListener("click", (event) => {
    choose(pointAt(points, plane.valuesAt(/** @type {MouseEvent} */ (event))) ?? state.chosen);
  });
  root.classList.add("ml-neuron");
  root.append(
    goal.element,
    h(
      "div",
      { class: "ml-figure" },
      plane.element,
      h(
        "p",
        { class: "ml-note" },
        "○ zeros, ▲ ones of the training set; both inputs standardized. Shaded: the neuron’s output, from 0 to 1 and more. " +
          "Press a digit to choose it.",
      ),
    ),
    h(
      "div",
      {},
      move("w1", "Weight w₁"),
      move("w2", "Weight w₂"),
      move("b", "Bias b"),
      chooser({
        label: "Activation",
        options: Object.keys(ACTIVATIONS).map((name) => [name, name]),
        value: state.activation,
        onchange: (value) => {
          state.activation = value;
          refresh();
        },
      }).element,
      h("div", { class: "ml-chosen" }, h("div", { class: "ml-paper" }, picture), sum),
      h(
        "div",
        { class: "ml-buttons" },
        button("Previous digit", () => choose(state.chosen - 1)),
        button("Next digit", () => choose(state.chosen + 1)),
      ),
      result,
    ),
    numbers.element,
  );
  refresh();
});

/** Zeros are circles, ones are triangles. @param {number} label @param {number} x @param {number} y */
function mark(label, x, y) {
  return label
    ? svg("path", { class: "ml-one", d: `M${x} ${y - 4}l4 7h-8z` })
    : svg("circle", { class: "ml-zero", cx: x, cy: y, r: 3.4 });
}

/**
 * Where w1 x1 + w2 x2 + b is 0, as a path across the plane.
 * @param {{w1: number, w2: number, b: number}} neuron @param {ReturnType<typeof createPlane>} plane
 */
function border({ w1, w2, b }, { toX, toY }) {
  const length = w1 * w1 + w2 * w2;
  if (length === 0) return "";
  // The point of the line nearest to the origin, and 10 to either side of it.
  const [x, y] = [(-b * w1) / length, (-b * w2) / length];
  const [dx, dy] = [(-10 * w2) / Math.sqrt(length), (10 * w1) / Math.sqrt(length)];
  return `M${toX(x - dx)} ${toY(y - dy)}L${toX(x + dx)} ${toY(y + dy)}`;
}
