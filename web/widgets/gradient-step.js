// One gradient step on a loss surface: the same neuron, its two weights as the plane, its loss as the height.

import { evaluate } from "./arithmetic/neuron.js";
import { button, h, mount, numbersOf, setAttributes, slider, svg, table } from "./page/page.js";
import { createPlane, createShades, factor, signed } from "./page/plane.js";

const X_RANGE = /** @type {[number, number]} */ ([-12, 4]);
const Y_RANGE = /** @type {[number, number]} */ ([-6, 10]);
const GRID = [-8, -4, 0, 4, 8]; // from the middle of the plane
const START = /** @type {[number, number]} */ ([2, -4]);

mount("gradient-step", async ({ root, say, load }) => {
  /** @type {import("./arithmetic/neuron.js").Digits} */
  const digits = await load("neuron");
  let rate = 1;
  /** @type {{weights: [number, number], loss: number, gradient: [number, number]}[]} */
  let path = [];
  const visit = (/** @type {[number, number]} */ weights) => path.push({ weights, ...evaluate(digits, weights) });

  const plane = createPlane({
    x: "weight w₁",
    y: "weight w₂",
    xRange: X_RANGE,
    yRange: Y_RANGE,
    ticks: [
      [-10, -5, 0],
      [-5, 0, 5, 10],
    ],
  });
  const shade = createShades(plane, { xRange: X_RANGE, yRange: Y_RANGE, count: 32, style: "ml-shade" });
  const lowest = 0.02;
  // On a log scale, because the loss falls by a factor of a hundred over the plane.
  shade((x, y) => Math.log(evaluate(digits, [x, y]).loss / lowest) / Math.log(8 / lowest));
  const trail = svg("polyline", { class: "ml-border" });
  const dots = svg("g");
  const next = svg("line", { class: "ml-next" });
  plane.content.append(trail, dots, next);

  const formula = h("p", { class: "ml-formula" });
  const steps = h("div", { class: "ml-scroll", role: "region", "aria-label": "The steps in numbers", tabindex: 0 });
  const refresh = () => {
    const {
      weights: [w1, w2],
      loss,
      gradient: [g1, g2],
    } = path[path.length - 1];
    const at = ([x, y] = START) => `${plane.toX(x)},${plane.toY(y)}`;
    trail.setAttribute("points", path.map(({ weights }) => at(weights)).join(" "));
    dots.replaceChildren(
      ...path.map(({ weights: [x, y] }, i) =>
        svg("circle", { class: "ml-step", r: i === path.length - 1 ? 6 : 3, cx: plane.toX(x), cy: plane.toY(y) }),
      ),
    );
    setAttributes(next, {
      x1: plane.toX(w1),
      y1: plane.toY(w2),
      x2: plane.toX(w1 - rate * g1),
      y2: plane.toY(w2 - rate * g2),
    });
    formula.textContent =
      `Next step: w₁ = ${signed(w1, 2)} − ${rate} × ${factor(g1, 3)} = ${signed(w1 - rate * g1, 2)}, ` +
      `w₂ = ${signed(w2, 2)} − ${rate} × ${factor(g2, 3)} = ${signed(w2 - rate * g2, 2)}`;
    steps.replaceChildren(
      table(
        "Steps so far, the last ten",
        ["step", "w₁", "w₂", "loss"],
        path
          .map(({ weights, loss }, i) => [String(i), signed(weights[0], 2), signed(weights[1], 2), loss.toFixed(4)])
          .slice(-10),
      ),
    );
    plane.element.setAttribute(
      "aria-label",
      `Loss over the two weights, low at the upper left; after ` +
        `${path.length - 1} steps at ${signed(w1, 2)}, ${signed(w2, 2)}${inside(w1, w2) ? "" : ", outside the picture"}`,
    );
    outside.textContent = inside(w1, w2) ? "" : "The weights have left the picture: the step was too long.";
    say(`Step ${path.length - 1}: loss ${loss.toFixed(4)}. ${outside.textContent}`);
  };
  const outside = h("p", { class: "ml-state" });
  const step = (/** @type {number} */ count) => {
    for (let i = 0; i < count; i++) {
      const { weights, gradient } = path[path.length - 1];
      visit([weights[0] - rate * gradient[0], weights[1] - rate * gradient[1]]);
    }
    refresh();
  };
  const reset = () => {
    path = [];
    visit(START);
    refresh();
  };
  root.classList.add("ml-neuron");
  root.append(
    h(
      "div",
      { class: "ml-figure" },
      plane.element,
      h("p", { class: "ml-note" }, "Shaded by the loss: the stronger, the higher. The dashed line is the next step."),
    ),
    h(
      "div",
      {},
      slider({
        label: "Learning rate",
        min: -1,
        max: 2,
        step: 0.1,
        value: 0,
        show: (power) => String(Number((10 ** power).toPrecision(2))),
        oninput: (power) => {
          rate = Number((10 ** power).toPrecision(2));
          refresh();
        },
      }).element,
      h(
        "div",
        { class: "ml-buttons" },
        button("Step", () => step(1), { class: "ml-primary" }),
        button("Ten steps", () => step(10)),
        button("Reset", reset),
      ),
      formula,
      outside,
      steps,
    ),
    numbersOf("The loss in numbers", () =>
      table(
        "Loss, by w₁ (columns) and w₂ (rows)",
        ["w₂", ...GRID.map((x) => signed(x - 4))],
        [...GRID]
          .reverse()
          .map((y) => [signed(y + 2), ...GRID.map((x) => evaluate(digits, [x - 4, y + 2]).loss.toFixed(2))]),
      ),
    ).element,
  );
  reset();
});

/** @param {number} w1 @param {number} w2 */
const inside = (w1, w2) => w1 >= X_RANGE[0] && w1 <= X_RANGE[1] && w2 >= Y_RANGE[0] && w2 <= Y_RANGE[1];
