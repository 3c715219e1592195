// A descent to play with: gradient descent, momentum and Adam side by side in a narrow valley.

import { descend } from "./arithmetic/descent.js";
import { createChart, powerOfTen } from "./page/chart.js";
import { createGoal } from "./page/goal.js";
import { button, h, mount, newId, numbersOf, slider, svg, table } from "./page/page.js";
import { createPlane, signed } from "./page/plane.js";
import { createPlayer, still } from "./page/player.js";

/** @typedef {import("./arithmetic/descent.js").Place} Place */
/** @typedef {{start: Place, rate: number, adamRate: number}} Settings  rate: of gradient descent and momentum */

const STEPS = 50;
const HALF = /** @type {Place} */ ([1.4, 0.42]); // what the picture shows to each side of the lowest point at first
const WIDEST = 6; // how often the picture may double
const NAMES = { descent: "gradient descent", momentum: "momentum", adam: "Adam" };
const SHORT = { descent: "descent", momentum: "momentum", adam: "Adam" };
const KEYS = /** @type {(keyof typeof NAMES)[]} */ (Object.keys(NAMES));
/** @type {Settings} */
const CHAPTER = { start: [-1, 0.1], rate: 0.018, adamRate: 0.03 };

/** What the chapter says, with the settings that show it. @type {[string, Settings][]} */
const PRESETS = [
  ["At 0.018, gradient descent creeps", CHAPTER],
  ["At 0.02, it bounces forever", { ...CHAPTER, rate: 0.02 }],
  ["Above 0.02, it climbs", { ...CHAPTER, rate: 0.022 }],
  ["Momentum adds up steps along the floor", { ...CHAPTER, start: [-1, 0] }],
  ["Adam scales each direction by its own derivatives", { ...CHAPTER, rate: 0.002, adamRate: 0.1 }],
];

mount("descent", async ({ root, say }) => {
  /** @type {Settings} */
  let settings = { ...CHAPTER };
  let count = 0;
  let doubled = 0;
  /** The path of each optimizer. @type {import("./arithmetic/descent.js").Visited[][]} */
  let all;
  const curves = h("div");
  /** @type {ReturnType<typeof createChart>} */
  let losses;
  const compute = (/** @type {Partial<Settings>} */ changed) => {
    settings = { ...settings, ...changed };
    all = KEYS.map((key) => descend(key, key === "adam" ? settings.adamRate : settings.rate, settings.start, STEPS));
    losses = drawChart(all);
    curves.replaceChildren(losses.element);
  };
  compute({});

  const picture = h("div", { class: "ml-descent-plane" });
  const trails = svg("g");
  // Wider than the ring, so that a finger can drag it.
  const start = svg("g", { class: "ml-handle" }, svg("circle", { r: 24 }), svg("circle", { class: "ml-ring", r: 9 }));
  /** @type {ReturnType<typeof createPlane>} */
  let plane;
  const show = (/** @type {number} */ times) => {
    doubled = times;
    plane = drawValley(doubled);
    plane.content.append(trails, start);
    picture.replaceChildren(plane.element);
  };
  show(0);

  const state = h("p", { class: "ml-state" });
  const goals = GOALS.map(([text]) => createGoal(text));
  const numbers = numbersOf("The steps in numbers", () =>
    table(
      "Where each optimizer is, and the loss there",
      ["step", ...KEYS.map((key) => NAMES[key])],
      Array.from({ length: count + 1 }, (_, step) => [
        String(step),
        ...all.map((path) => {
          const [x, y] = path[step].place;
          return `(${signed(x, 3)}, ${signed(y, 3)}), ${Number(path[step].loss.toPrecision(3))}`;
        }),
      ]),
    ),
  );

  const refresh = (zoom = true) => {
    const shown = all.map((path) => path.slice(0, count + 1));
    const far = Math.max(
      ...shown.flat().map(({ place: [x, y] }) => Math.max(Math.abs(x) / HALF[0], Math.abs(y) / HALF[1])),
    );
    const wanted = zoom ? Math.min(WIDEST, Math.max(0, Math.ceil(Math.log2(far)))) : doubled;
    if (wanted !== doubled) show(wanted);
    const at = (/** @type {Place} */ [x, y]) => `${plane.toX(limit(x)).toFixed(1)},${plane.toY(limit(y)).toFixed(1)}`;
    trails.replaceChildren(
      ...shown.flatMap((path, i) => {
        const points = path.map(({ place }) => at(place));
        const dots = points.map((point, step) => {
          const [cx, cy] = point.split(",");
          return svg("circle", { class: `ml-dot ml-${KEYS[i]}`, r: step === count ? 5 : 2.2, cx, cy });
        });
        return [svg("polyline", { class: `ml-line ml-${KEYS[i]}`, points: points.join(" ") }), ...dots];
      }),
    );
    start.setAttribute("transform", `translate(${plane.toX(settings.start[0])} ${plane.toY(settings.start[1])})`);
    losses.draw(
      KEYS.map((key, i) => ({
        label: SHORT[key],
        style: `ml-${key}`,
        points: shown[i].map(({ loss }, step) => [step, loss]),
      })),
    );
    const ends = KEYS.map((key, i) => `${NAMES[key]} ${Number(shown[i][count].loss.toPrecision(2))}`).join(", ");
    const outside =
      far > 2 ** WIDEST
        ? " A step has left even the widest picture."
        : far > 1
          ? ` A step has left the first picture (dashed), so it now shows ${2 ** doubled} times as much to each side.`
          : "";
    state.textContent = `Step ${count}, loss: ${ends}.${outside}`;
    plane.element.setAttribute("aria-label", `Three paths in a narrow valley. ${state.textContent}`);
    const news = GOALS.map(([, met], i) => goals[i].check(met(shown, settings, count), `${nameOf(settings)}.`));
    numbers.refresh();
    say(news.join("") + state.textContent);
  };
  const go = (/** @type {number} */ to) => {
    count = to;
    if (count >= STEPS) stop();
    refresh();
    steps.set(count);
  };
  const { element: run, stop } = createPlayer({
    label: "Run 50 steps",
    pause: 120,
    step: () => go(count + 1),
    begin: () => {
      if (still()) go(STEPS);
      else if (count >= STEPS) go(0);
      return !still();
    },
    more: { class: "ml-primary" },
  });
  const change = (/** @type {Partial<Settings>} */ some, zoom = true) => {
    compute(some);
    refresh(zoom);
  };
  const steps = slider({ label: "Step", min: 0, max: STEPS, step: 1, value: 0, oninput: (to) => (stop(), go(to)) });
  const rate = slider({
    label: "Learning rate of gradient descent and momentum",
    min: 0.001,
    max: 0.04,
    step: 0.001,
    value: settings.rate,
    oninput: (value) => change({ rate: value }),
  });
  const adamRate = slider({
    label: "Learning rate of Adam",
    min: 0.005,
    max: 0.3,
    step: 0.005,
    value: settings.adamRate,
    oninput: (value) => change({ adamRate: value }),
  });
  const startAt = [0, 1].map((axis) =>
    slider({
      label: axis ? "Start across, y" : "Start along, x",
      min: axis ? -0.3 : -1.2,
      max: axis ? 0.3 : 1.2,
      step: axis ? 0.01 : 0.1,
      value: settings.start[axis],
      show: (value) => signed(value, axis ? 2 : 1),
      oninput: (value) => change({ start: axis ? [settings.start[0], value] : [value, settings.start[1]] }),
    }),
  );
  const setAll = (/** @type {Settings} */ preset) => {
    rate.set(preset.rate);
    adamRate.set(preset.adamRate);
    startAt.forEach((each, axis) => each.set(preset.start[axis]));
    compute(preset);
  };
  const startHere = (/** @type {MouseEvent} */ event) => {
    const [x, y] = plane.valuesAt(event);
    /** @type {Place} */
    const to = [nearest(x, 0.1, 1.2), nearest(y, 0.01, 0.3)];
    startAt.forEach((each, axis) => each.set(to[axis]));
    // The picture keeps its scale while the start is dragged, so that it stays under the pointer.
    change({ start: to }, false);
  };
  // The ring is dragged, or another place is pressed; elsewhere a finger scrolls the page.
  // Chromium heeds no touch-action within a picture.
  start.addEventListener("touchstart", (event) => event.preventDefault(), { passive: false });
  start.addEventListener("pointerdown", (event) => start.setPointerCapture(event.pointerId));
  start.addEventListener("pointermove", (event) => start.hasPointerCapture(event.pointerId) && startHere(event));
  start.addEventListener("pointerup", () => refresh());
  picture.addEventListener("click", (event) => {
    startHere(event);
    refresh();
  });

  const presets = newId();
  root.classList.add("ml-neuron", "ml-valley");
  root.append(
    h(
      "div",
      { class: "ml-presets" },
      h("p", { class: "ml-title", id: presets }, "What the chapter says"),
      h(
        "div",
        { class: "ml-buttons", role: "group", "aria-labelledby": presets },
        ...PRESETS.map(([text, preset]) =>
          button(text, () => {
            stop();
            setAll(preset);
            go(STEPS);
          }),
        ),
      ),
    ),
    h(
      "div",
      { class: "ml-figure" },
      picture,
      h(
        "p",
        { class: "ml-note" },
        "Drag the ring, or press another place, to start there. The loss is the same all along a gray line, and lowest in the middle. " +
          "The valley is ten times as long as wide; the picture stretches it across.",
      ),
      steps.element,
      h(
        "div",
        { class: "ml-buttons" },
        run,
        button("One step", () => (stop(), go(Math.min(STEPS, count + 1)))),
        button("Back to the start", () => (stop(), go(0))),
      ),
      state,
      curves,
    ),
    h(
      "div",
      { class: "ml-settings" },
      ...goals.map(({ element }) => element),
      rate.element,
      adamRate.element,
      ...startAt.map(({ element }) => element),
    ),
    numbers.element,
  );
  refresh();
});

/**
 * What the reader may try for: what to do, and whether it is done.
 * @type {[string, (paths: import("./arithmetic/descent.js").Visited[][], settings: Settings, count: number) => boolean][]}
 */
const GOALS = [
  [
    "make the loss of gradient descent rise in every one of 50 steps.",
    ([path], _, count) => count === STEPS && path.every(({ loss }, i) => !i || loss > path[i - 1].loss),
  ],
  [
    "bring momentum below a loss of 0.001 in 50 steps, from the start (−1.0, 0.10).",
    ([, path], { start: [x, y] }, count) => count === STEPS && x === -1 && y === 0.1 && path[count].loss < 0.001,
  ],
  [
    "find a start from which gradient descent is the lowest of the three after 50 steps.",
    ([path, ...others], _, count) =>
      count === STEPS && path[0].loss > 0 && others.every((other) => path[count].loss < other[count].loss),
  ],
];

/** @param {Settings} settings */
const nameOf = ({ start: [x, y], rate, adamRate }) =>
  `from (${signed(x, 1)}, ${signed(y, 2)}) at rates of ${rate} and, for Adam, ${adamRate}`;

/** A chart of the losses on all paths, high and low enough for each of them. @param {import("./arithmetic/descent.js").Visited[][]} paths */
function drawChart(paths) {
  const exponents = paths.flat().map(({ loss }) => Math.log10(Math.max(loss, 1e-12)));
  const low = Math.min(-4, 4 * Math.floor(Math.min(...exponents) / 4));
  const top = Math.max(8, 8 * Math.ceil(Math.max(...exponents) / 8));
  return createChart({
    title: "Loss after each step",
    x: "step",
    xRange: [0, STEPS],
    xTicks: [0, 10, 20, 30, 40, 50],
    yRange: [10 ** low, 10 ** top],
    yTicks: [10 ** low, 1, 10 ** (top / 2), 10 ** top],
    log: true,
    show: (loss) => (loss >= 1e-3 && loss < 1e4 ? String(Number(loss.toPrecision(2))) : powerOfTen(loss)),
    unit: "step",
  });
}

/** The valley with its lines of equal loss. @param {number} doubled  how often what it shows is doubled */
function drawValley(doubled) {
  const scale = 2 ** doubled;
  const [width, height] = HALF.map((half) => half * scale);
  const plane = createPlane({
    x: "x, along the valley",
    y: "y, across",
    xRange: [-width, width],
    yRange: [-height, height],
    ticks: [
      [-scale, 0, scale],
      [-0.3 * scale, 0, 0.3 * scale],
    ],
    show: (tick) => signed(tick, Number.isInteger(tick) ? 0 : 1),
  });
  const middle = { cx: plane.toX(0), cy: plane.toY(0) };
  const across = (/** @type {number} */ x) => plane.toX(x) - plane.toX(0);
  for (let level = 0.03; level < 2 * width ** 2; level *= 2.5)
    plane.content.append(
      svg("ellipse", {
        class: "ml-contour",
        ...middle,
        rx: across(Math.sqrt(2 * level)),
        ry: plane.toY(0) - plane.toY(Math.sqrt((2 * level) / 100)),
      }),
    );
  if (doubled)
    plane.content.append(
      svg("rect", {
        class: "ml-first-view",
        x: plane.toX(-HALF[0]),
        y: plane.toY(HALF[1]),
        width: 2 * across(HALF[0]),
        height: plane.toY(-HALF[1]) - plane.toY(HALF[1]),
      }),
    );
  return plane;
}

/** @param {number} value */
const limit = (value) => Math.max(-1e4, Math.min(1e4, value));
/** @param {number} value @param {number} step @param {number} most */
const nearest = (value, step, most) =>
  Number((Math.round(Math.max(-most, Math.min(most, value)) / step) * step).toFixed(2));
