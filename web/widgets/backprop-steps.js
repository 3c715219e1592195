// Backpropagation by steps: a network of two inputs, two hidden units and two outputs, forward and back. Each number is
// covered until the reader has typed it or asked for it. Then one weight is moved, and the derivative has to predict.

import {
  CHAPTER,
  compute,
  derivative,
  MOVABLE,
  moved,
  operations,
  randomNetwork,
  written,
} from "./arithmetic/backprop.js";
import { createGoal } from "./page/goal.js";
import { button, chooser, h, mount, newId, numbersOf, slider, svg, table } from "./page/page.js";
import { createPlane, signed } from "./page/plane.js";
import { createPlayer } from "./page/player.js";

/** @typedef {import("./arithmetic/backprop.js").Network} Network */

const PAUSE = 1500; // milliseconds between two operations that are played
const CLOSE = 0.0051; // an answer is right to two decimals
const MOST = 2; // how far a weight can be moved, either way

mount("backprop-steps", async ({ root, say }) => {
  let network = CHAPTER;
  let steps = operations(network);
  let done = 0; // how many numbers are uncovered
  /** @type {Set<string>} */
  const typed = new Set(); // which of them the reader found at the first try
  /** @type {Set<string>} */
  const spoiled = new Set(); // which of them were typed wrongly or shown before

  const picture = h("div", { class: "ml-backprop-picture" });
  const goal = createGoal(`find all ${steps.length} numbers at the first try.`);
  const question = h("p", { class: "ml-title" });
  const rule = h("p", {});
  const verdict = h("p", { class: "ml-formula" });
  const id = newId();
  const label = h("label", { for: id }, "Your number, to two decimals");
  const input = h("input", { type: "text", id, autocomplete: "off", size: 8 });
  const form = h(
    "form",
    { class: "ml-controls", onsubmit: (/** @type {Event} */ event) => check(event) },
    h("div", { class: "ml-chooser" }, label, input),
    h(
      "div",
      { class: "ml-buttons" },
      h("button", { type: "submit", class: "ml-primary" }, "Check"),
      button("Show it", () => show()),
    ),
  );
  const { element: play, stop } = createPlayer({
    label: "Play",
    pause: PAUSE,
    step: () => {
      uncover("");
      if (done === steps.length) stop();
    },
  });
  const back = button("One back", () => {
    stop();
    done = Math.max(0, done - 1);
    verdict.textContent = "";
    refresh();
  });
  const numbers = numbersOf("The network in numbers", () => inNumbers(network, steps.slice(0, done)));
  const experiment = createExperiment(say);

  const announce = (/** @type {string} */ text) => {
    verdict.textContent = text;
    say(`${text} ${done < steps.length ? `Next: ${steps[done].name}.` : goal.element.textContent}`);
  };
  const uncover = (/** @type {string} */ how) => {
    const { key, name, formula, value } = steps[done++];
    if (!typed.has(key)) spoiled.add(key);
    input.value = "";
    refresh();
    announce(`${how}${name[0].toUpperCase()}${name.slice(1)}: ${formula} = ${written(value)}.`);
  };
  const show = () => {
    stop();
    if (done < steps.length) uncover("");
  };
  const check = (/** @type {Event} */ event) => {
    event.preventDefault();
    stop();
    const answer = readNumber(input.value);
    if (Number.isNaN(answer)) return announce("That is not a number: write it like −0.25.");
    const { key, value } = steps[done];
    if (Math.abs(answer - value) < CLOSE) {
      if (!spoiled.has(key)) typed.add(key);
      return uncover("Right. ");
    }
    spoiled.add(key);
    announce(
      Math.abs(answer + value) < CLOSE
        ? "The size is right, the sign is not."
        : `${written(answer)} is not it. Follow the rule once more, or let it be shown.`,
    );
  };
  const begin = (/** @type {Network} */ next) => {
    stop();
    network = next;
    steps = operations(network);
    done = 0;
    typed.clear();
    spoiled.clear();
    goal.reset();
    verdict.textContent = "";
    input.value = "";
    experiment.set(network);
    refresh();
    say(`All numbers are covered. Next: ${steps[0].name}.`);
  };

  const refresh = () => {
    const all = steps.length;
    const over = done === all;
    const found = steps.slice(0, done).filter(({ key }) => typed.has(key)).length;
    const again = over ? " Cover all to try again." : "";
    goal.check(found === all, "you found all of them.", `${done} uncovered, ${found} found by you.${again}`);
    question.textContent = over
      ? "Forward and back are done."
      : `${done + 1}. ${steps[done].phase === "forward" ? "Forward" : "Back"}: the ${steps[done].name}?`;
    rule.textContent = over
      ? "Each derivative says how fast the loss grows with that weight. Now put one to the test below."
      : steps[done].rule;
    // Hidden, a field that has the focus would lose it.
    if (over && form.contains(document.activeElement))
      /** @type {HTMLElement} */ (play.parentElement?.lastElementChild)?.focus();
    form.hidden = over;
    play.disabled = over;
    back.disabled = done === 0;
    picture.replaceChildren(draw(network, steps, done));
    numbers.refresh();
  };

  root.classList.add("ml-backprop");
  root.append(
    goal.element,
    sideBySide(
      picture,
      "Beside each weight and bias stands, after ∂, the derivative of the loss for it; that of a bias is the error of " +
        "its unit. A ? is next, a • is still covered.",
      question,
      rule,
      form,
      verdict,
      h(
        "div",
        { class: "ml-buttons" },
        play,
        back,
        button("Cover all", () => begin(network)),
        button("Numbers of the chapter", () => begin(CHAPTER)),
        button("Random numbers", () => begin(randomNetwork(Math.random))),
      ),
    ),
    numbers.element,
    experiment.element,
  );
  experiment.set(network);
  refresh();
});

/** A picture with its note, and what stands beside them. @param {Node} picture @param {string} note @param {...Node} side */
const sideBySide = (picture, note, ...side) =>
  h(
    "div",
    { class: "ml-backprop-top" },
    h("div", {}, picture, h("p", { class: "ml-note" }, note)),
    h("div", { class: "ml-backprop-side" }, ...side),
  );

/** A number as people type it, with any minus sign and a point or a comma. @param {string} text */
function readNumber(text) {
  const plain = text.trim().replace(/[−–]/g, "-").replace(",", ".");
  return plain === "" ? NaN : Number(plain);
}

/**
 * The network as a picture, with what is uncovered.
 * @param {Network} network @param {import("./arithmetic/backprop.js").Step[]} steps @param {number} done
 */
function draw({ x, w1, b1, w2, b2, label }, steps, done) {
  const at = new Map(steps.map(({ key, value }, i) => [key, i < done ? written(value) : i === done ? "?" : "•"]));
  const next = steps[done]?.key;
  const [left, middle, right] = [26, 164, 316];
  const rows = [64, 236];
  const text = (/** @type {number} */ px, /** @type {number} */ py, /** @type {string} */ words, style = "") =>
    svg("text", { x: px, y: py, "text-anchor": px > right ? "end" : "middle", class: style }, words);
  /** @param {string} key @param {string} words */
  const backward = (key, words) => svg("tspan", { class: `ml-back ${key === next ? "ml-next-number" : ""}` }, words);
  /** @type {Node[]} */
  const parts = [];
  const edge = (
    /** @type {[number, number]} */ [x0, x1],
    /** @type {number} */ i,
    /** @type {number} */ j,
    /** @type {number} */ weight,
    /** @type {string} */ key,
  ) => {
    parts.push(
      svg("line", {
        class: key === next ? "ml-edge ml-edge-next" : "ml-edge",
        x1: x0,
        y1: rows[i],
        x2: x1,
        y2: rows[j],
      }),
    );
    // The two that cross carry their numbers near their start.
    const share = i === j ? 0.5 : 0.3;
    const [px, py] = [x0 + share * (x1 - x0), rows[i] + share * (rows[j] - rows[i])];
    const words = text(px, i === j ? py + (i ? 17 : -8) : py + (i ? 13 : 1), `${written(weight)} `, "ml-on-edge");
    words.append(backward(key, `∂ ${at.get(key)}`));
    labels.push(words);
  };
  /** @type {Node[]} */
  const labels = [];
  for (const i of [0, 1])
    for (const j of [0, 1]) {
      edge([left, middle], i, j, w1[i][j], `u${i}${j}`);
      edge([middle, right], i, j, w2[i][j], `v${i}${j}`);
    }
  /** @param {number} px @param {number} i @param {string} inside @param {boolean} chosen */
  const node = (px, i, inside, chosen) => {
    parts.push(svg("circle", { class: chosen ? "ml-node ml-edge-next" : "ml-node", cx: px, cy: rows[i], r: 23 }));
    labels.push(text(px, rows[i] + 5, inside, "ml-loss"));
  };
  for (const i of [0, 1]) {
    const away = (/** @type {number} */ line) => (i ? rows[1] + 26 + 16 * line : rows[0] - 44 + 16 * (2 - line) - 16);
    const unit = "AB"[i];
    node(left, i, written(x[i]), false);
    labels.push(text(left, away(1), `input ${i + 1}`));
    node(middle, i, String(at.get(`h${i}`)), [`h${i}`, `z${i}`, `d${i}`].includes(next));
    node(right, i, String(at.get(`p${i}`)), [`s${i}`, `p${i}`, `e${i}`].includes(next));
    const biases = [text(middle, away(2), `bias ${written(b1[i])} `), text(340, away(2), `bias ${written(b2[i])} `)];
    biases[0].append(backward(`d${i}`, `∂ ${at.get(`d${i}`)}`));
    biases[1].append(backward(`e${i}`, `∂ ${at.get(`e${i}`)}`));
    labels.push(
      text(middle, away(1), `${unit}: sum ${at.get(`z${i}`)}`),
      text(340, away(1), `${i}: logit ${at.get(`s${i}`)}`),
      ...biases,
    );
  }
  labels.push(text(340, 146, `label ${label}`), text(340, 163, `loss ${at.get("loss")}`, "ml-loss"));
  const known = steps.slice(0, done).map(({ name, value }) => `${name} ${written(value)}`);
  return svg(
    "svg",
    {
      viewBox: "0 0 340 300",
      role: "img",
      "aria-label":
        `Two inputs, hidden units A and B, outputs 0 and 1. ` +
        (known.length ? `Uncovered: ${known.join("; ")}.` : "All computed numbers are covered."),
    },
    ...parts,
    ...labels,
  );
}

/** @param {Network} network @param {import("./arithmetic/backprop.js").Step[]} steps  those that are uncovered */
function inNumbers({ x, w1, b1, w2, b2, label }, steps) {
  return table(
    `Given: inputs ${x.map(written).join(" and ")}, label ${label}. Then what has been uncovered`,
    ["number", "value", "how"],
    [
      ...[...w1.flat(), ...b1, ...w2.flat(), ...b2].map((value, i) => [
        Object.values(MOVABLE)[i],
        written(value),
        "given",
      ]),
      ...steps.map(({ name, value, formula }) => [name, written(value), formula]),
    ],
  );
}

/**
 * Move one weight: what its derivative predicts, and what the loss does.
 * @param {(text: string) => void} say
 * @returns {{element: HTMLElement, set: (network: Network) => void}}
 */
function createExperiment(say) {
  let network = CHAPTER;
  let key = "u11";
  let change = 0;
  const after = (/** @type {number} */ by) => compute(moved(network, key, by)).loss;
  const picture = h("div", { class: "ml-figure ml-drag" });
  const result = h("p", { class: "ml-formula" });
  const goal = createGoal("halve the loss by moving a single number.");
  const dot = svg("circle", { class: "ml-step", r: 7 });
  /** @type {ReturnType<typeof createPlane>} */
  let plane;
  const drawCurve = () => {
    const [before, slope] = [after(0), derivative(network, key)];
    const curve = Array.from({ length: 81 }, (_, i) => (i - 40) / 20);
    const top = Math.ceil(2 * before + 1);
    plane = createPlane({
      x: "change of the number",
      y: "loss",
      xRange: [-MOST, MOST],
      yRange: [0, top],
      ticks: [
        [-2, -1, 0, 1, 2],
        [0, top],
      ],
    });
    const path = (/** @type {(by: number) => number} */ of) =>
      curve.map((by, i) => `${i ? "L" : "M"}${plane.toX(by)} ${plane.toY(of(by))}`).join("");
    plane.content.append(
      svg("path", { class: "ml-border", d: path(after) }),
      svg("path", { class: "ml-next", d: path((by) => before + slope * by) }),
      dot,
    );
    picture.replaceChildren(plane.element);
  };
  const refresh = () => {
    const [before, slope, loss] = [after(0), derivative(network, key), after(change)];
    dot.setAttribute("cx", String(plane.toX(change)));
    dot.setAttribute("cy", String(plane.toY(loss)));
    const fixed = (/** @type {number} */ value) => signed(value, 3);
    result.textContent =
      `Predicted: ${fixed(slope)} × ${signed(change, 2)} = ${fixed(slope * change)}. ` +
      `Actual: from ${before.toFixed(3)} to ${loss.toFixed(3)}, a change of ${fixed(loss - before)}.`;
    const news = goal.check(
      loss <= before / 2,
      `the loss is ${loss.toFixed(3)}, at most half of ${before.toFixed(3)}.`,
      `It was ${before.toFixed(3)} and is ${loss.toFixed(3)}.`,
    );
    plane.element.setAttribute(
      "aria-label",
      `Loss by the change of the ${MOVABLE[key]}, and the straight line that its derivative predicts; at ` +
        `${signed(change, 2)} the loss is ${loss.toFixed(3)}, predicted ${(before + slope * change).toFixed(3)}`,
    );
    return `${news}${result.textContent}`;
  };
  const move = (/** @type {number} */ by) => {
    change = by;
    say(refresh());
  };
  const range = slider({
    label: "Change",
    min: -MOST,
    max: MOST,
    step: 0.05,
    value: 0,
    show: (value) => signed(value, 2),
    oninput: move,
  });
  const put = (/** @type {number} */ by) => {
    range.set(by);
    move(by);
  };
  const restart = (/** @type {Network} */ next, /** @type {string} */ number) => {
    [network, key, change] = [next, number, 0];
    range.set(0);
    goal.reset();
    drawCurve();
    refresh();
  };
  // The picture is dragged sideways; up and down still scrolls the page.
  const drag = (/** @type {PointerEvent} */ event) => {
    if (event.type === "pointermove" && !event.buttons) return;
    const [by] = plane.valuesAt(event);
    put(Math.round(20 * Math.min(MOST, Math.max(-MOST, by))) / 20);
  };
  picture.addEventListener("pointerdown", drag);
  picture.addEventListener("pointermove", drag);
  const which = chooser({
    label: "Which number",
    options: Object.entries(MOVABLE),
    value: key,
    onchange: (value) => {
      restart(network, value);
      say(result.textContent ?? "");
    },
  });
  const element = sideBySide(
    picture,
    "Solid: the loss. Dashed: what the derivative predicts. Drag the dot, or use the slider.",
    h("p", { class: "ml-title" }, "Put a derivative to the test"),
    goal.element,
    which.element,
    range.element,
    result,
    h(
      "div",
      { class: "ml-buttons" },
      button("Put it back", () => put(0)),
    ),
  );
  return { element, set: (next) => restart(next, key) };
}
