// Watch a training: the first layer's weights, dead units, ten digits and the curves, after some of its steps. The same
// network is trained at two learning rates, from the same weights and on the same batches.

import { decodeShades } from "./arithmetic/model.js";
import { answersAfter, answersTo, changesAt, deathOf, weightsAt } from "./arithmetic/training.js";
import { createChart, powerOfTen } from "./page/chart.js";
import { createGoal } from "./page/goal.js";
import { signedPaths } from "./page/marks.js";
import {
  button,
  chooser,
  digitPicture,
  h,
  mount,
  numbersOf,
  percent,
  probability,
  setAttributes,
  slider,
  svg,
  table,
} from "./page/page.js";
import { createPlayer, still } from "./page/player.js";

/** @typedef {import("./arithmetic/training.js").Run} Run */
/** @typedef {{steps: number[], indices: number[], labels: string, shades: string, runs: Run[]}} Training */

const PAUSE = 800; // milliseconds between two moments that are played
const UNITS = 128; // of either hidden layer
const SOUGHT = 9; // the place, and the label, of the digit to look for
const [WEIGHTS, CHANGES] = ["weights", "changes"];

mount("watch-training", async ({ root, say, load }) => {
  /** @type {Training} */
  const training = await load("training");
  const { steps, runs } = training;
  const end = steps.length - 1;
  let run = runs[0];
  let at = 0;

  const goals = runs.map((each) => createGoalOf(training, each));
  const state = h("p", { class: "ml-state" });
  const digits = createDigits(training);
  const charts = createCharts(steps);
  const layer = createLayer(run);
  const numbers = numbersOf("The training in numbers", () => inNumbers(training, run));
  const refresh = () => {
    state.textContent = describe(training, run, at);
    digits.show(run, at);
    charts.draw(run, at);
    layer.show(run, at);
  };
  const verdict = h("p", { class: "ml-verdict" });
  const go = (/** @type {number} */ moment) => {
    verdict.textContent = "";
    at = Math.min(end, Math.max(0, moment));
    if (at === end) stop();
    range.set(at);
    refresh();
    say(`${state.textContent} ${digits.text()}`);
  };
  const { element: play, stop } = createPlayer({
    label: "Play",
    pause: PAUSE,
    step: () => go(at + 1),
    begin: () => {
      if (at === end) go(0);
      else if (still()) go(end);
      return !still();
    },
    more: { class: "ml-primary" },
  });
  const choose = (/** @type {number} */ index) => {
    run = runs[index];
    verdict.textContent = "";
    charts.reset(run);
    numbers.refresh();
    refresh();
    say(`${state.textContent} ${digits.text()}`);
  };
  const turn = (/** @type {number} */ by) => () => {
    stop();
    go(at + by);
  };
  const range = slider({
    label: "Step of the training",
    min: 0,
    max: end,
    step: 1,
    value: 0,
    show: (moment) => `${steps[moment]} of ${steps[end]}`,
    oninput: (moment) => {
      stop();
      go(moment);
    },
  });
  const claim = () => {
    stop();
    // Said here, too: the goal itself may be out of sight.
    verdict.textContent = goals[runs.indexOf(run)].claim(at);
    say(verdict.textContent);
  };
  const rates = chooser({
    label: "Learning rate",
    options: runs.map(({ rate }, i) => [String(i), `${rate}, ${i ? "too high" : "about right"}`]),
    value: "0",
    onchange: (index) => choose(Number(index)),
  });
  const views = chooser({
    label: "Of the first hidden layer, show",
    options: [
      [CHANGES, "how its weights have changed"],
      [WEIGHTS, "its weights"],
    ],
    value: CHANGES,
    onchange: (view) => {
      layer.choose(view);
      layer.show(run, at);
      say(layer.text());
    },
  });
  root.append(
    ...goals.map(({ element }) => element),
    h("div", { class: "ml-controls" }, rates.element, views.element),
    state,
    digits.element,
    layer.element,
    charts.element,
    h(
      "div",
      { class: "ml-player" },
      range.element,
      h(
        "div",
        { class: "ml-buttons" },
        play,
        button("Back", turn(-1)),
        button("Next", turn(1)),
        button("Here!", claim),
      ),
      verdict,
    ),
    numbers.element,
  );
  charts.reset(run);
  refresh();
});

/** A number with few digits; a power of ten where it is very large or small. @param {number} value @param {number} [digits] */
const short = (value, digits = 3) =>
  value && (value >= 1e4 || value < 1e-3) ? powerOfTen(value) : String(Number(value.toPrecision(digits)));

/** @param {Training} training @param {Run} run @param {number} at */
function describe({ steps }, { loss, accuracy, dead }, at) {
  const [[training, validation], [first, second]] = [loss[at], dead[at]];
  return (
    `Step ${steps[at]}: training loss ${short(training)}, validation loss ${short(validation)}, ` +
    `validation accuracy ${percent(accuracy[at][1])}. Dead units: ${first} of ${UNITS} in the first hidden layer, ` +
    `${second} of ${UNITS} in the second.`
  );
}

/**
 * What to look for in a training: where it learns, the first moment at which a digit is read; where it fails, the first
 * at which the second layer is as dead as it gets. claim: the reader says that it is this moment; returns what to speak.
 * @param {Training} training @param {Run} run
 */
function createGoalOf({ steps }, run) {
  const answers = answersTo(run, SOUGHT);
  const { most, moment } = deathOf(run);
  const learns = run.accuracy[steps.length - 1][1] > 0.5;
  const first = learns ? answers.indexOf(SOUGHT) : moment;
  const left = (/** @type {number} */ dead) =>
    dead === UNITS
      ? "no unit of the second hidden layer is left"
      : `${UNITS - dead} units of the second hidden layer are left`;
  const { element, check } = createGoal(
    learns
      ? `at a learning rate of ${run.rate}, go to the first step at which the network reads the ${SOUGHT} in the frame, ` +
          "and press Here!"
      : `at a learning rate of ${run.rate}, go to the first step at which ${left(most)}, and press Here!`,
  );
  const later = answersAfter(answers, SOUGHT);
  const found = learns
    ? `step ${steps[first]}.` + (later.length ? ` After that the answer changes to ${later.join(", ")}.` : "")
    : `step ${steps[first]}.` +
      (most === UNITS
        ? " Now all training images get the same answer, and only the last ten biases still change."
        : "");
  const miss = (/** @type {number} */ at) => {
    if (learns) {
      const { [at]: answer } = answers;
      return answer === SOUGHT ? `it reads the ${SOUGHT}, but not for the first time` : `it says ${answer}`;
    }
    const [, dead] = run.dead[at];
    return left(dead) + (dead === most ? ", but not for the first time" : "");
  };
  const claim = (/** @type {number} */ at) => {
    const progress = `Not here: at step ${steps[at]}, ${miss(at)}.`;
    return check(at === first, found, progress) || (at === first ? `Step ${steps[at]} it is.` : progress);
  };
  return { element, claim };
}

/** Ten digits, each with the ten probabilities that the network gives. @param {Training} training */
function createDigits({ indices, labels, shades }) {
  const pixels = decodeShades(shades);
  const cards = indices.map((index, place) => {
    const label = Number(labels[place]);
    const picture = digitPicture(pixels.subarray(784 * place, 784 * (place + 1)), `Validation image ${index}`);
    const text = h("p", {});
    const bars = Array.from({ length: 10 }, (_, digit) => svg("rect", { class: "ml-column-bar", x: 12 * digit + 1 }));
    const chart = svg(
      "svg",
      { viewBox: "0 0 120 58", "aria-hidden": "true" },
      ...bars,
      svg("line", { class: "ml-grid", x1: 0, x2: 120, y1: 42, y2: 42 }),
      ...bars.map((_, digit) => {
        const style = digit === label ? "ml-label" : "";
        return svg("text", { class: style, x: 12 * digit + 6, y: 55, "text-anchor": "middle" }, String(digit));
      }),
    );
    const element = h(
      "li",
      { class: place === SOUGHT ? "ml-sought" : undefined },
      h("div", { class: "ml-watched" }, picture, text),
      chart,
    );
    const show = (/** @type {number[]} */ probabilities) => {
      const best = Math.max(...probabilities);
      const answer = probabilities.indexOf(best);
      probabilities.forEach((share, digit) => {
        setAttributes(bars[digit], {
          class: `ml-column-bar ${digit === answer ? "ml-best" : ""}`,
          y: 42 - 40 * share,
          width: 10,
          height: 40 * share,
        });
      });
      text.replaceChildren(
        h("strong", {}, `${answer === label ? "✓" : "✗"} says ${answer}`),
        h("br"),
        probability(best, 0),
      );
      return answer === label;
    };
    return { element, show };
  });
  let right = 0;
  const text = () => `${right} of ten read correctly.`;
  const caption = h("p", { class: "ml-title" });
  const show = (/** @type {Run} */ { probabilities }, /** @type {number} */ at) => {
    right = cards.filter((card, place) => card.show(probabilities[at][place])).length;
    caption.textContent = `Validation images: ${text()}`;
  };
  const list = h("ul", { class: "ml-watch" }, ...cards.map(({ element }) => element));
  return { element: h("div", { class: "ml-part" }, caption, list), show, text };
}

/** Loss, accuracy and dead units over the steps: all of them pale, and those up to the moment shown. @param {number[]} steps */
function createCharts(steps) {
  const element = h("div", { class: "ml-charts" });
  const end = steps[steps.length - 1];
  const axis = {
    x: "step, on a logarithmic scale",
    xRange: /** @type {[number, number]} */ ([0, end]),
    xTicks: [0, 4, 16, 64, 256, end],
    along: (/** @type {number} */ step) => Math.log2(step + 1),
    unit: "step",
  };
  /** @type {{chart: ReturnType<typeof createChart>, of: (run: Run) => [number, number][], names: [string, string][]}[]} */
  let all = [];
  /** @type {[string, string][]} */
  const images = [
    ["training", "ml-training"],
    ["validation", "ml-validation"],
  ];
  const reset = (/** @type {Run} */ run) => {
    const top = Math.ceil(Math.log10(Math.max(...run.loss.flat())));
    const every = Math.ceil((top + 1) / 4);
    const loss = createChart({
      ...axis,
      title: "Loss",
      log: true,
      yRange: [0.1, 10 ** top],
      yTicks: Array.from({ length: Math.floor((top + 1) / every) + 1 }, (_, i) => 10 ** (i * every - 1)),
      show: (value) => short(value),
    });
    const accuracy = createChart({
      ...axis,
      title: "Accuracy",
      yRange: [0, 1],
      yTicks: [0, 0.5, 1],
      show: (share) => percent(share, 0),
    });
    const dead = createChart({
      ...axis,
      title: `Dead units of ${UNITS}, by hidden layer`,
      yRange: [-16, UNITS], // room for labels below 0
      yTicks: [0, UNITS / 2, UNITS],
    });
    all = [
      { chart: loss, of: (each) => each.loss, names: images },
      { chart: accuracy, of: (each) => each.accuracy, names: images },
      {
        chart: dead,
        of: (each) => each.dead,
        names: [
          ["first", "ml-layer-1"],
          ["second", "ml-layer-2"],
        ],
      },
    ];
    element.replaceChildren(...all.map(({ chart }) => chart.element));
  };
  const draw = (/** @type {Run} */ run, /** @type {number} */ at) => {
    for (const { chart, of, names } of all) {
      const series = (/** @type {number} */ last) =>
        names.map(([label, style], i) => ({
          label,
          style,
          points: of(run)
            .slice(0, last + 1)
            .map((values, moment) => /** @type {[number, number]} */ ([steps[moment], values[i]])),
        }));
      chart.draw(series(at), series(steps.length - 1));
    }
  };
  return { element, reset, draw };
}

/** The first units of the first hidden layer, each as an image of its weights. @param {Run} run */
function createLayer({ scales: [{ length: count }] }) {
  let view = CHANGES;
  const units = Array.from({ length: count }, (_, unit) => {
    const picture = svg("svg", { viewBox: "0 0 28 28", role: "img" });
    const caption = h("figcaption");
    const element = h("figure", {}, h("div", { class: "ml-paper" }, picture), caption);
    /** @param {Float64Array} values @param {number} largest @param {boolean} alive */
    const show = (values, largest, alive) => {
      picture.replaceChildren(...signedPaths(values, 28));
      element.classList.toggle("ml-dead", !alive);
      caption.textContent = `${alive ? "" : "dead, "}±${short(largest, 2)}`;
      setAttributes(picture, { "aria-label": `Unit ${unit + 1}, ${alive ? "alive" : "dead"}: ${text()}` });
    };
    return { element, show };
  });
  const text = () => (view === WEIGHTS ? "weights" : "change of the weights since the start");
  const title = h("p", { class: "ml-title" });
  const show = (/** @type {Run} */ run, /** @type {number} */ at) => {
    title.textContent = `First hidden layer, ${count} of its ${UNITS} units: ${text()}`;
    const values = view === WEIGHTS ? weightsAt(run, at) : changesAt(run, at);
    const largest = view === WEIGHTS ? run.largest[at] : at ? run.scales[at] : run.scales[0].map(() => 0);
    units.forEach((unit, i) => unit.show(values[i], largest[i], run.alive[at][i] === "1"));
  };
  const choose = (/** @type {string} */ next) => void (view = next);
  const element = h(
    "div",
    { class: "ml-part" },
    title,
    h("div", { class: "ml-units-grid" }, ...units.map((unit) => unit.element)),
    h(
      "p",
      { class: "ml-note" },
      "■ is above 0, □ below. Below each image stands the largest number of its unit, which has the full color. " +
        "Where no digit has ink, at the border, nothing changes.",
    ),
  );
  return { element, show, choose, text: () => title.textContent ?? "" };
}

/** @param {Training} training @param {Run} run */
function inNumbers({ steps, labels }, run) {
  const { rate, loss, accuracy, dead } = run;
  const answers = Array.from(labels, (_, place) => answersTo(run, place));
  return table(
    `Training at a learning rate of ${rate}`,
    [
      "step",
      "loss: training",
      "validation",
      "accuracy: training",
      "validation",
      "dead: first layer",
      "second",
      "answers to the digits 0 to 9",
    ],
    steps.map((step, at) => [
      String(step),
      ...loss[at].map((value) => short(value)),
      ...accuracy[at].map((share) => percent(share)),
      ...dead[at].map(String),
      answers.map((each) => each[at]).join(" "),
    ]),
  );
}
