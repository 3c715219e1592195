// ReLU against sigmoid: two networks that differ in nothing else train side by side in the reader's browser.

import { createChart, powerOfTen } from "./page/chart.js";
import { decodeShades } from "./arithmetic/model.js";
import { button, chooser, copyText, h, mount, numbersOf, percent, slider, table } from "./page/page.js";
import { createGoal } from "./page/goal.js";
import { HELD_OUT, STEPS } from "./arithmetic/race.js";
import { ask, startWorker } from "./page/worker.js";

/** @typedef {import("./arithmetic/race.js").Settings} Settings */
/** @typedef {import("./arithmetic/race.js").Measurement} Measurement */

/** @type {string} */
// @ts-expect-error the bundler puts the worker's script here
const WORKER = RACE_WORKER;
const EACH = 20; // steps between measurements
const RUNNERS = /** @type {const} */ (["relu", "sigmoid"]);
const NAMES = { relu: "ReLU", sigmoid: "sigmoid" };
/** @type {Settings} */
const DEFAULTS = { depth: 4, width: 50, rate: 0.1, initializer: "glorot", seed: 1 };
/** What the chapter tells of, with a race that shows it. @type {Record<string, Settings>} */
const PRESETS = {
  "Four layers: ReLU learns, sigmoid does not": DEFAULTS,
  "One layer: both learn": { ...DEFAULTS, depth: 1 },
  "The old comparison’s rate: sigmoid has only begun": { ...DEFAULTS, depth: 2, rate: 0.01 },
  "Rate 1: most ReLUs die, and sigmoid wins": { ...DEFAULTS, depth: 2, rate: 1 },
  "Eight layers: sigmoid’s gradients vanish": { ...DEFAULTS, depth: 8 },
  "Eight layers: He’s weights do not help sigmoid": { ...DEFAULTS, depth: 8, initializer: "he" },
};
const DEEPEST = 8;
const ALLOWED = {
  depth: (/** @type {number} */ value) => Number.isInteger(value) && value >= 1 && value <= DEEPEST,
  width: (/** @type {number} */ value) => [10, 25, 50, 100].includes(value),
  rate: (/** @type {number} */ value) => [0.003, 0.01, 0.03, 0.1, 0.3, 1].includes(value),
  seed: (/** @type {number} */ value) => Number.isInteger(value) && value >= 1 && value <= 9,
};

/**
 * @typedef {Record<"relu" | "sigmoid", Measurement[]>} Records
 * @typedef {{workers: Worker[], records: Records, running: boolean, looping: boolean, queue: Promise<boolean>}} Race
 *   queue: whether the last thing asked for was done; one thing at a time
 */

/** @returns {Race} */
const newRace = () => ({
  workers: [],
  records: { relu: [], sigmoid: [] },
  running: false,
  looping: false,
  queue: Promise.resolve(true),
});

mount("relu-race", async ({ root, say, load }) => {
  let settings = readAddress();
  let race = newRace();
  /** The race before this one, whose curves stay in sight. @type {{records: Records, text: string}} */
  let earlier = { records: newRace().records, text: "" };

  const goal = createGoal("find settings with which the sigmoid network ends more accurate than the ReLU network.");
  const before = h("p", { class: "ml-note ml-before" });
  const charts = createCharts(settings.depth);
  const results = h("div", { class: "ml-scroll", role: "region", "aria-label": "The race in numbers", tabindex: 0 });
  const measurements = numbersOf("Every measurement", () => allMeasurements(race.records));
  const status = h("p", { class: "ml-state" });
  const draw = () => {
    const done = stepsDone(race);
    const focused = /** @type {HTMLButtonElement} */ (document.activeElement);
    charts.draw(race.records, earlier.records);
    before.textContent = earlier.text && `Pale: the race before, ${earlier.text}.`;
    measurements.refresh();
    results.replaceChildren(...tables(race.records, settings.depth));
    startButton.textContent = race.running ? "Pause" : done ? "Go on" : "Start";
    startButton.disabled = done >= STEPS;
    stepButton.disabled = race.running || done >= STEPS;
    // A button that has done its work would take the focus with it.
    if (startButton.disabled && [startButton, stepButton].includes(focused)) resetButton.focus();
    status.textContent =
      done >= STEPS
        ? `Finished: ${STEPS} steps.`
        : done || race.running
          ? `Step ${done} of ${STEPS}.`
          : "Nothing runs until you start it. Start loads 5,000 digits once (0.7 MB).";
  };

  /** @param {Race} mine */
  const prepare = async (mine) => {
    const { labels, shades } = await load("race");
    const pixels = decodeShades(shades);
    mine.workers = RUNNERS.map(() => startWorker(WORKER));
    return RUNNERS.map((activation) => ({
      start: { pixels, labels: Array.from(labels, Number), activation, settings },
    }));
  };
  /** @param {Race} mine @param {object[]} messages  one for each runner */
  const tell = async (mine, messages) => {
    const answers = await Promise.all(messages.map((message, i) => ask(mine.workers[i], message)));
    RUNNERS.forEach((name, i) => mine.records[name].push(answers[i]));
    if (mine === race) draw();
  };
  /** Take some steps; the first time, build the networks before. @param {Race} mine */
  const advance = async (mine) => {
    if (!mine.workers.length) await tell(mine, await prepare(mine));
    await tell(
      mine,
      RUNNERS.map(() => ({ advance: EACH })),
    );
    return mine === race;
  };
  /** @param {Race} mine */
  const attempt = (mine) =>
    (mine.queue = mine.queue
      .then(() => advance(mine))
      .catch((error) => {
        mine.running = false;
        draw();
        status.textContent = `The race cannot run: ${error.message}.`;
        say(status.textContent);
        return false;
      }));
  const run = async () => {
    const mine = race;
    mine.running = true;
    draw();
    if (mine.looping) return;
    mine.looping = true;
    while (mine.running && (await attempt(mine))) {
      if (stepsDone(mine) >= STEPS) mine.running = false;
      if (stepsDone(mine) % 200 === 0) say(finish(mine) + summary(mine.records));
    }
    mine.looping = false;
    if (mine === race && stepsDone(mine)) draw();
  };
  /** What to say of the goal when a race has ended. @param {Race} mine */
  const finish = ({ records }) => {
    const [relu, sigmoid] = lastOf(records);
    const won = relu.step >= STEPS && sigmoid.accuracy > relu.accuracy;
    return goal.check(won, `${percent(sigmoid.accuracy)} against ${percent(relu.accuracy)}, with ${nameOf(settings)}.`);
  };
  const pause = () => {
    if (!race.running) return;
    race.running = false;
    say(`Paused. ${summary(race.records)}`);
    draw();
  };
  const reset = () => {
    race.running = false;
    race.workers.forEach((worker) => worker.terminate());
    if (stepsDone(race)) earlier = { records: race.records, text: nameOf(raced) };
    race = newRace();
    raced = settings;
    charts.reset(settings.depth);
    draw();
  };

  let raced = settings; // those of the race on the screen
  const startButton = button("Start", () => (race.running ? pause() : run()), { class: "ml-primary" });
  const stepButton = button(`${EACH} steps`, () => attempt(race));
  const resetButton = button("Reset", () => {
    reset();
    say("Reset.");
  });
  document.addEventListener("visibilitychange", () => document.hidden && pause());
  root.classList.add("ml-race");
  root.append(
    goal.element,
    controls(settings, (part) => {
      settings = { ...settings, ...part };
      writeAddress(settings);
      reset();
    }),
    h(
      "div",
      { class: "ml-buttons" },
      startButton,
      stepButton,
      resetButton,
      button("Copy link to these settings", () => copyAddress(settings, status, say)),
    ),
    status,
    before,
    charts.element,
    results,
    measurements.element,
  );
  draw();
});

/** @param {Race} race */
const stepsDone = ({ records: { relu } }) => relu[relu.length - 1]?.step ?? 0;

/** The last measurement of each network. @param {Records} records */
const lastOf = (records) => RUNNERS.map((name) => records[name][records[name].length - 1]);

/** @param {Settings} settings */
function nameOf({ depth, width, rate, initializer, seed }) {
  const layers = `${depth} hidden ${depth === 1 ? "layer" : "layers"} of ${width} units`;
  return `${layers}, rate ${rate}, ${initializer === "he" ? "He" : "Glorot"}, seed ${seed}`;
}

/** @param {Settings} settings @param {(part: Partial<Settings>) => void} change */
function controls(settings, change) {
  /** @type {Record<string, {element: HTMLElement, set: (value: any) => void}>} */
  const all = {};
  const list = (
    /** @type {"width" | "rate" | "seed"} */ key,
    /** @type {string} */ label,
    /** @type {number[]} */ values,
  ) =>
    chooser({
      label,
      options: values.map((value) => [String(value), String(value)]),
      value: String(settings[key]),
      onchange: (value) => change({ [key]: Number(value) }),
    });
  all.depth = slider({
    label: "Hidden layers",
    min: 1,
    max: DEEPEST,
    step: 1,
    value: settings.depth,
    oninput: (depth) => change({ depth }),
  });
  all.width = list("width", "Units a layer", [10, 25, 50, 100]);
  all.rate = list("rate", "Learning rate", [0.003, 0.01, 0.03, 0.1, 0.3, 1]);
  all.initializer = chooser({
    label: "Initial weights",
    options: [
      ["glorot", "Glorot"],
      ["he", "He"],
    ],
    value: settings.initializer,
    onchange: (initializer) => change({ initializer }),
  });
  all.seed = list("seed", "Seed", [1, 2, 3, 4, 5, 6, 7, 8, 9]);
  const preset = (/** @type {string} */ name) =>
    button(name, () => {
      for (const [key, value] of Object.entries(PRESETS[name])) all[key].set(String(value));
      change(PRESETS[name]);
    });
  return h(
    "div",
    { class: "ml-controls" },
    h(
      "div",
      { class: "ml-buttons ml-presets", role: "group", "aria-label": "Races to try" },
      ...Object.keys(PRESETS).map(preset),
    ),
    ...Object.values(all).map(({ element }) => element),
  );
}

/** @param {number} depth */
function createCharts(depth) {
  const steps = { x: "step", xRange: /** @type {[number, number]} */ ([0, STEPS]), xTicks: [0, 200, 400, 600, 800] };
  const loss = createChart({
    ...steps,
    title: "Training loss",
    yRange: [0, 2.5],
    yTicks: [0, 1, 2],
    show: (value) => value.toFixed(Number.isInteger(value) ? 0 : 2),
    unit: "measurement",
  });
  const accuracy = createChart({
    ...steps,
    title: `Accuracy on ${HELD_OUT} digits held out`,
    yRange: [0, 1],
    yTicks: [0, 0.5, 1],
    show: (value) => percent(value, 0),
    unit: "measurement",
  });
  const byLayer = h("div", { class: "ml-charts" });
  /** @type {ReturnType<typeof createChart>[]} */
  let [gradients, idle] = [];
  /** @param {number} layers */
  const reset = (layers) => {
    const numbers = Array.from({ length: layers + 1 }, (_, i) => i + 1);
    gradients = createChart({
      title: "Size of the gradients (root mean square)",
      x: "layer, first to last",
      xRange: [1, layers + 1],
      xTicks: numbers,
      log: true,
      yRange: [1e-8, 1],
      yTicks: [1e-8, 1e-6, 1e-4, 1e-2, 1],
      show: powerOfTen,
      unit: "layer",
    });
    idle = createChart({
      title: "Units dead (ReLU) or saturated (sigmoid)",
      x: "hidden layer, first to last",
      xRange: [1, Math.max(2, layers)],
      xTicks: numbers.slice(0, layers),
      yRange: [0, 1],
      yTicks: [0, 0.5, 1],
      show: (value) => percent(value, 0),
      unit: "layer",
    });
    byLayer.replaceChildren(gradients.element, idle.element);
    draw({ relu: [], sigmoid: [] });
  };
  /** @param {Records} records @param {(all: Measurement[]) => [number, number][]} points */
  const series = (records, points) =>
    RUNNERS.map((name) => ({ label: NAMES[name], style: `ml-${name}`, points: points(records[name]) }));
  /** @param {Records} records @param {Records} [earlier] */
  const draw = (records, earlier = { relu: [], sigmoid: [] }) => {
    const overSteps = (/** @type {Records} */ each, /** @type {"loss" | "accuracy"} */ key) =>
      series(each, (all) => all.map((one) => [one.step, one[key]]));
    const ofLayers = (/** @type {"gradients" | "idle"} */ key) =>
      series(records, (all) => (all[all.length - 1]?.[key] ?? []).map((value, i) => [i + 1, value]));
    loss.draw(overSteps(records, "loss"), overSteps(earlier, "loss"));
    accuracy.draw(overSteps(records, "accuracy"), overSteps(earlier, "accuracy"));
    gradients.draw(ofLayers("gradients"));
    idle.draw(ofLayers("idle"));
  };
  reset(depth);
  const element = h("div", { class: "ml-charts" }, loss.element, accuracy.element, byLayer);
  return { element, draw, reset };
}

/** @param {Records} records @param {number} depth */
function tables(records, depth) {
  const last = lastOf(records);
  const of = (/** @type {(each: Measurement) => string | undefined} */ read) =>
    last.map((each) => (each ? (read(each) ?? "") : ""));
  const layers = Array.from({ length: depth + 1 }, (_, i) => [
    i < depth ? `Hidden layer ${i + 1}` : "Output layer",
    ...of(({ gradients }) => powerOfTen(gradients[i])),
    ...of(({ idle }) => (i < depth ? percent(idle[i], 0) : "")),
  ]);
  return [
    table(
      last[0] ? `After ${last[0].step} steps` : "Before the start",
      ["Measured", "ReLU", "sigmoid"],
      [
        ["Training loss", ...of(({ loss }) => loss.toFixed(3))],
        ["Accuracy on digits held out", ...of(({ accuracy }) => percent(accuracy))],
      ],
    ),
    table(
      "By layer",
      ["Layer", "gradient, ReLU", "gradient, sigmoid", "dead units, ReLU", "saturated units, sigmoid"],
      layers,
    ),
  ];
}

/** The two curves over the steps, as a table. @param {Records} records */
function allMeasurements({ relu, sigmoid }) {
  return table(
    "Loss and accuracy over the steps",
    ["step", "loss, ReLU", "loss, sigmoid", "accuracy, ReLU", "accuracy, sigmoid"],
    relu.map((each, i) => [
      String(each.step),
      each.loss.toFixed(3),
      sigmoid[i].loss.toFixed(3),
      percent(each.accuracy),
      percent(sigmoid[i].accuracy),
    ]),
  );
}

/** @param {Records} records */
function summary(records) {
  const last = lastOf(records);
  if (!last[0]) return "";
  return (
    `After ${last[0].step} steps: ` +
    RUNNERS.map(
      (name, i) => `${NAMES[name]} loss ${last[i].loss.toFixed(2)}, accuracy ${percent(last[i].accuracy, 0)}`,
    ).join("; ") +
    "."
  );
}

/** The settings that the page's address gives; what it gives wrongly stays at its default. @returns {Settings} */
function readAddress() {
  const query = new URLSearchParams(location.search);
  const settings = { ...DEFAULTS };
  for (const key of /** @type {(keyof typeof ALLOWED)[]} */ (Object.keys(ALLOWED))) {
    const value = Number(query.get(key) ?? NaN);
    if (ALLOWED[key](value)) settings[key] = value;
  }
  if (query.get("initializer") === "he") settings.initializer = "he";
  return settings;
}

/** This page's address with the settings, which set the race again where it is opened. @param {Settings} settings */
function addressOf(settings) {
  const address = new URL(location.href);
  for (const [key, value] of Object.entries(settings)) address.searchParams.set(key, String(value));
  return address;
}

/** @param {Settings} settings */
function writeAddress(settings) {
  history.replaceState(history.state, "", addressOf(settings));
}

/** @param {Settings} settings @param {HTMLElement} status @param {(text: string) => void} say */
async function copyAddress(settings, status, say) {
  const { href } = addressOf(settings);
  status.textContent = (await copyText(href))
    ? "Copied. The link opens this page with these settings."
    : `The browser does not let this page copy. The link is ${href}`;
  say(status.textContent);
}
