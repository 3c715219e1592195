// A map of test digits: where the convolutional network's last hidden layer puts them.

import { pointAt, pointToward } from "./arithmetic/map.js";
import { decodeShades } from "./arithmetic/model.js";
import { createGoal } from "./page/goal.js";
import {
  button,
  chooser,
  digitPicture,
  h,
  mount,
  numbersOf,
  onArrows,
  percent,
  probability,
  setAttributes,
  svg,
  table,
} from "./page/page.js";
import { createPlane, signed } from "./page/plane.js";

/**
 * @typedef {{units: number, share: number, points: [number, number][], labels: string, predicted: string,
 *   certainty: number[], neighbors: {layer: number[][], map: number[][]}, shades: string}} Digits
 *   units: of the layer; share: of its variance that the map shows; neighbors: nearest in the whole layer, and on the map
 */

const [ALL, WRONG] = ["all", "wrong"];
const CLOSER = 4; // times

mount("digit-map", async ({ root, say, load }) => {
  /** @type {Digits} */
  const digits = await load("map");
  const { points, labels, predicted, neighbors, units } = digits;
  const pixels = decodeShades(digits.shades);
  const picture = (/** @type {number} */ place) =>
    digitPicture(pixels.subarray(784 * place, 784 * (place + 1)), `Test image ${place}`, "ml-thumb");
  let kept = 0; // the digit that was pressed
  let shown = ALL;
  let closer = false; // whether the map shows what is around that digit alone
  const isWrong = (/** @type {number} */ place) => labels[place] !== predicted[place];
  const isShown = (/** @type {number} */ place) =>
    shown === ALL || (shown === WRONG ? isWrong(place) : labels[place] === shown);

  const map = createMap(digits, isWrong);
  const goal = createGoal(
    "find a 4 that lies among the 9s: press a 4 of which at least three of the five nearest digits on the map are 9s.",
  );
  const text = h("p", { class: "ml-state" });
  const portrait = h("div");
  const around = h("ul", { class: "ml-gallery ml-small" });
  const title = h("p", { class: "ml-title" }, `Nearest in all ${units.toLocaleString("en")} units`);
  const onMap = h("p", { class: "ml-note" });
  /** Show a digit, whether it is pressed or only pointed at. @param {number} place */
  const show = (place) => {
    map.mark(place, neighbors.layer[place]);
    text.textContent = describe(digits, place);
    portrait.replaceChildren(picture(place));
    around.replaceChildren(
      ...neighbors.layer[place].map((each) => h("li", {}, picture(each), h("p", {}, h("strong", {}, labels[each])))),
    );
    onMap.textContent = `Nearest on the map: ${list(labels, neighbors.map[place])}.`;
  };
  /** @param {number | undefined} place */
  const press = (place) => {
    if (place === undefined) return;
    kept = place;
    if (closer) map.frame(place);
    show(place);
    const nines = neighbors.map[place].filter((each) => labels[each] === "9").length;
    const found = `test image ${place}; in the whole layer, its nearest digits are ${list(labels, neighbors.layer[place])}.`;
    const isFour = labels[place] === "4";
    const news = goal.check(isFour && nines >= 3, found, isFour ? `This 4 has ${nines} of five.` : "");
    say(`${news}${text.textContent} Nearest: ${list(labels, neighbors.layer[place])}. ${onMap.textContent}`);
  };
  map.listen({
    point: (position) => show((position && pointAt(points, position, isShown)) ?? kept),
    press: (position) => press(pointAt(points, position, isShown)),
    move: (direction) => press(pointToward(points, kept, direction, isShown)),
  });

  const filter = (/** @type {string} */ value) => {
    shown = value;
    const count = map.filter(isShown, value === WRONG);
    if (isShown(kept)) show(kept);
    else press(pointAt(points, points[kept], isShown));
    say(`${count} digits on the map. ${text.textContent}`);
  };
  const zoom = button(
    "Closer",
    () => {
      closer = !closer;
      zoom.setAttribute("aria-pressed", String(closer));
      map.frame(closer ? kept : null);
      show(kept);
      say(closer ? `The map shows what is around test image ${kept}.` : "The map shows all digits.");
    },
    { "aria-pressed": "false" },
  );
  root.append(
    goal.element,
    h(
      "div",
      { class: "ml-controls" },
      chooser({
        label: "Show",
        options: [
          [ALL, "all digits"],
          [WRONG, "wrong answers alone"],
          ...Array.from(
            { length: 10 },
            (_, digit) => /** @type {[string, string]} */ ([String(digit), `digits labeled ${digit}`]),
          ),
        ],
        value: ALL,
        onchange: filter,
      }).element,
      zoom,
    ),
    map.element,
    h("div", { class: "ml-about" }, portrait, h("div", {}, text, title, around, onMap)),
    h(
      "p",
      { class: "ml-note" },
      `Each number is a test digit and says its label; an underlined one is read wrongly. ` +
        `The two axes keep ${percent(digits.share, 0)} of the variance of the layer’s ${units.toLocaleString("en")} units, ` +
        "so that neighbors in the layer, joined by lines, can lie apart.",
    ),
    numbersOf("The map in numbers", () => byLabel(digits)).element,
  );
  show(kept);
});

/** Where the digits of each label lie, and how many of their nearest share it. @param {Digits} digits */
function byLabel({ points, labels, predicted, neighbors }) {
  const rows = Array.from({ length: 10 }, (_, digit) => {
    const places = points.map((_, place) => place).filter((place) => labels[place] === String(digit));
    const mean = (/** @type {(place: number) => number} */ value) =>
      places.reduce((sum, place) => sum + value(place), 0) / places.length;
    const alike = (/** @type {number[][]} */ near) =>
      mean((place) => near[place].filter((each) => labels[each] === labels[place]).length / near[place].length);
    return [
      String(digit),
      String(places.length),
      String(places.filter((place) => labels[place] !== predicted[place]).length),
      signed(
        mean((place) => points[place][0]),
        1,
      ),
      signed(
        mean((place) => points[place][1]),
        1,
      ),
      percent(alike(neighbors.map), 0),
      percent(alike(neighbors.layer), 0),
    ];
  });
  return table(
    "Test digits by label",
    [
      "label",
      "digits",
      "read wrongly",
      "first axis, mean",
      "second axis, mean",
      "five nearest share the label: on the map",
      "in the layer",
    ],
    rows,
  );
}

/** @param {string} labels @param {number[]} places */
const list = (labels, places) => places.map((place) => labels[place]).join(" ");

/** @param {Digits} digits @param {number} place */
function describe({ labels, predicted, certainty }, place) {
  const right = labels[place] === predicted[place];
  return (
    `Test image ${place}, labeled ${labels[place]}: the network says ${predicted[place]}, ` +
    `${probability(certainty[place])} sure${right ? "" : ", and is wrong"}.`
  );
}

/** @param {Digits} digits @param {(place: number) => boolean} isWrong */
function createMap({ points, labels, predicted, neighbors }, isWrong) {
  /** @type {ReturnType<typeof createPlane>} */
  let plane;
  /** @type {(place: number) => boolean} */
  let visible = () => true;
  const at = (/** @type {number} */ place) => ({ x: plane.toX(points[place][0]), y: plane.toY(points[place][1]) });
  const marks = points.map((_, place) => {
    const mark = svg("text", { class: `ml-point ${isWrong(place) ? "ml-miss" : ""}` }, labels[place]);
    mark.style.setProperty("--hue", String(36 * Number(labels[place])));
    return mark;
  });
  const joints = neighbors.layer[0].map(() => svg("line", { class: "ml-joint" }));
  const rings = neighbors.layer[0].map(() => svg("circle", { class: "ml-near", r: 5 }));
  const ring = svg("circle", { class: "ml-ring", r: 8 });
  const element = h("div", {
    class: "ml-points",
    role: "application",
    tabindex: 0,
    "aria-label": "Map of test digits: press one, or go from one to the next with the arrow keys",
  });
  /** Show all of the map, or what is around a digit. @param {number | null} place */
  const frame = (place) => {
    const part = frameOf(points, place === null ? null : points[place]);
    plane = createPlane({ x: "first principal component", y: "second principal component", ...part });
    plane.content.append(...marks, ...joints, ...rings, ring);
    plane.element.setAttribute("aria-label", `${points.length} test digits, placed by two principal components`);
    marks.forEach((mark, place) => setAttributes(mark, at(place)));
    element.replaceChildren(plane.element);
  };
  frame(null);
  /** @param {number} place @param {number[]} near */
  const mark = (place, near) => {
    const { x, y } = at(place);
    setAttributes(ring, { cx: x, cy: y });
    near.forEach((each, i) => {
      const to = at(each);
      setAttributes(rings[i], { cx: to.x, cy: to.y });
      setAttributes(joints[i], { x1: x, y1: y, x2: to.x, y2: to.y });
      // Around what is left out there is nothing to see.
      for (const mark of [rings[i], joints[i]]) mark.toggleAttribute("hidden", !visible(each));
    });
  };
  /** Show some of the digits; of the wrong ones, the answer, too. @param {(place: number) => boolean} isShown @param {boolean} answers */
  const filter = (isShown, answers) => {
    visible = isShown;
    marks.forEach((each, place) => {
      each.toggleAttribute("hidden", !isShown(place));
      each.textContent = labels[place] + (answers ? `→${predicted[place]}` : "");
    });
    return marks.filter((_, place) => isShown(place)).length;
  };
  /**
   * @param {{point: (position: [number, number] | null) => void, press: (position: [number, number]) => void,
   *   move: (direction: [number, number]) => void}} act  positions on the map; point: null where it is left
   */
  const listen = ({ point, press, move }) => {
    const position = (/** @type {MouseEvent} */ event) => plane.valuesAt(event);
    element.addEventListener("pointermove", (event) => event.pointerType === "mouse" && point(position(event)));
    element.addEventListener("pointerleave", () => point(null));
    element.addEventListener("click", (event) => press(position(event)));
    onArrows(element, (right, down) => move([right, -down]));
  };
  return { element, mark, filter, frame, listen };
}

/**
 * Two ranges of one length, so that distances are true.
 * @param {[number, number][]} points @param {[number, number] | null} around  what is in the middle; null: all of them
 */
function frameOf(points, around) {
  const ends = [0, 1].map((axis) => {
    const values = points.map((point) => point[axis]);
    return [Math.min(...values), Math.max(...values)];
  });
  const half = (Math.max(...ends.map(([low, high]) => high - low)) / 2 + 1) / (around ? CLOSER : 1);
  const ranges = ends.map(([low, high], axis) => {
    const middle = around ? around[axis] : (low + high) / 2;
    return /** @type {[number, number]} */ ([middle - half, middle + half]);
  });
  const step = around ? 2 : 10;
  const ticks = ranges.map(([low, high]) =>
    Array.from({ length: 61 }, (_, i) => step * (i - 30)).filter((tick) => tick > low && tick < high),
  );
  return { xRange: ranges[0], yRange: ranges[1], ticks };
}
