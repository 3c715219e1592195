// "Why did it say 8?": pixels for and against an answer, what erasing them does, and the training images most like it.

import { createNearest, erase, gradientTimesInput, occlusion, pixelsFor, preference } from "../arithmetic/explain.js";
import { decodeShades, readModel } from "../arithmetic/model.js";
import { forward } from "../arithmetic/network.js";
import { createGoal } from "./goal.js";
import { createEvidence } from "./marks.js";
import { button, chooser, digitPicture, h, probability, slider, warning } from "./page.js";
import { signed } from "./plane.js";

/** @typedef {import("../arithmetic/model.js").Model} Model */

/** @type {Record<string, import("../arithmetic/explain.js").Method>} */
const METHODS = { "Gradient × input": gradientTimesInput, Occlusion: occlusion };
/** @type {Record<string, string>} */
const ABOUT = {
  "Gradient × input":
    "The gradient at each pixel, times its ink, is what erasing the pixel would change if the network were linear. " +
    "It is not linear, so erasing pixels can do something else.",
  Occlusion:
    "Patches of 4 by 4 pixels are erased, one at a time, and what changes is shared among the pixels of the patch " +
    "by their ink.",
};

/**
 * @param {{load: (name: string) => Promise<any>, say: (text: string) => void}} page
 * @returns {{element: HTMLElement, show: (image: Uint8Array | null, models: Model[], label?: number | null) => void}}
 *   show: explain what these models say to an image, whose label may be known; null is an empty sheet
 */
export function createWhy({ load, say }) {
  let method = "Gradient × input";
  let erased = 0;
  let withLabel = false; // whether the answer is compared with the label, where there is one
  /** @type {{image: Uint8Array | null, models: Model[], label: number | null}} */
  let shown = { image: null, models: [], label: null };
  /** @type {Map<string, ReturnType<typeof createPart>>} */
  const parts = new Map();

  const goal = createGoal("change the answer by erasing pixels that speak for it.");
  const about = h("p", { class: "ml-note" });
  const figures = h("div", { class: "ml-layers" });
  const nearest = createNearestImages(load, say);
  const refresh = () => {
    const { image, models, label } = shown;
    const other = withLabel && label !== null ? "label" : "digit that comes second";
    about.textContent =
      `■ speaks for the answer, □ for the ${other}. ${ABOUT[method]} ` +
      "Paper is 0, so no method of this kind can tell what missing ink speaks for.";
    nearest.show(image);
    for (const { name, title } of models) if (!parts.has(name)) parts.set(name, createPart(title));
    const chosen = models.map(({ name }) => /** @type {ReturnType<typeof createPart>} */ (parts.get(name)));
    figures.replaceChildren(...chosen.map(({ element }) => element));
    if (!image) {
      for (const part of chosen) part.clear();
      return "";
    }
    const results = models.map((model, i) =>
      chosen[i].show(model, image, METHODS[method], erased, withLabel ? label : null),
    );
    const changed = results.find(({ change }) => change);
    const news = goal.check(Boolean(changed), changed?.change ?? "");
    return news + results.map(({ text }) => text).join(" ");
  };
  const eraser = slider({
    label: "Erase the strongest pixels for the answer",
    min: 0,
    max: 60,
    step: 1,
    value: 0,
    show: (count) => `${count} pixels`,
    oninput: (count) => {
      erased = count;
      say(refresh());
    },
  });
  const methods = chooser({
    label: "Pixels found by",
    options: Object.keys(METHODS).map((name) => [name, name]),
    value: method,
    onchange: (name) => {
      method = name;
      say(refresh());
    },
  });
  const rivals = chooser({
    label: "Compared with",
    options: [
      ["second", "the digit that comes second"],
      ["label", "the label"],
    ],
    value: "second",
    onchange: (value) => {
      withLabel = value === "label";
      say(refresh());
    },
  });
  const element = h(
    "div",
    { class: "ml-why" },
    h("div", { class: "ml-controls" }, methods.element, rivals.element, eraser.element),
    goal.element,
    figures,
    about,
    nearest.element,
  );
  const show = (
    /** @type {Uint8Array | null} */ image,
    /** @type {Model[]} */ models,
    /** @type {number | null} */ label = null,
  ) => {
    if (String(image) !== String(shown.image)) {
      // Another digit: what was done to the one before counts no more.
      erased = 0;
      eraser.set(0);
      goal.reset();
    }
    shown = { image, models, label };
    rivals.element.hidden = label === null;
    refresh();
  };
  return { element, show };
}

/** One network's reasons. @param {string} title */
function createPart(title) {
  const caption = h("figcaption");
  const evidence = createEvidence();
  const element = h("figure", {}, evidence.element, caption);
  /** What was computed last: occlusion takes a while. @type {{image?: Uint8Array, method?: object, second?: number, parts: Float64Array}} */
  let last = { parts: new Float64Array(784) };
  const clear = () => {
    evidence.show(new Uint8Array(784), [], "Nothing yet");
    caption.textContent = `${title}: draw a digit first.`;
  };
  /**
   * @param {Model} model @param {Uint8Array} image
   * @param {import("../arithmetic/explain.js").Method} method @param {number} count  pixels to erase
   * @param {number | null} other  the digit to compare the answer with; null: the one that comes second
   */
  const show = ({ layers }, image, method, count, other) => {
    const { answer, second, value, score } = preference(layers, image, other);
    if (last.image !== image || last.method !== method || last.second !== second)
      last = { image, method, second, parts: method(score, image) };
    const { parts } = last;
    const strongest = pixelsFor(parts).slice(0, count);
    const rest = erase(image, strongest);
    evidence.show(
      rest,
      parts.map((part, pixel) => (strongest.includes(pixel) ? 0 : part)),
      `Pixels for ${answer} and, with a hole, for ${second}`,
    );
    const probabilities = forward(layers, rest);
    const best = Math.max(...probabilities);
    const now = probabilities.indexOf(best);
    const without = `without ${strongest.length} pixels it says ${now}, ${probability(best)} sure`;
    const change = strongest.length && now !== answer ? `${without}.` : "";
    const text =
      `${title}: why ${answer} and not ${second}? Its sum before the softmax is larger by ${signed(value, 2)}` +
      (method === gradientTimesInput ? `: ${sharesOf(parts, value, answer, second)}` : "") +
      (strongest.length ? `; ${without}.` : ".");
    caption.textContent = text;
    return { text, change };
  };
  return { element, clear, show };
}

/** What a difference of sums is made of, in numbers that add up. @param {Float64Array} parts @param {number} value @param {number} answer @param {number} second */
function sharesOf(parts, value, answer, second) {
  const cents = (/** @type {number} */ number) => Math.round(100 * number);
  const [positive, negative] = [1, -1].map((sign) =>
    cents(sign * parts.reduce((sum, part) => sum + Math.max(0, sign * part), 0)),
  );
  const rest = cents(value) - positive - negative;
  const [first, other, last] = [positive, negative, rest].map((number) => signed(number / 100, 2));
  return `${first} from pixels for ${answer}, ${other} from pixels for ${second}, ${last} from what is not ink`;
}

/** @param {(name: string) => Promise<any>} load @param {(text: string) => void} say */
function createNearestImages(load, say) {
  /** @type {Uint8Array | null} */
  let image = null;
  /** @type {((image: Uint8Array) => HTMLElement[]) | null} */
  let find = null;
  const list = h("ul", { class: "ml-gallery" });
  const refresh = () => list.replaceChildren(...(find && image ? find(image) : []));
  let asked = false;
  const ask = async () => {
    if (asked) return;
    asked = true;
    try {
      const [stored, neighbors, { labels, shades }] = await Promise.all(["model-cnn", "neighbors", "race"].map(load));
      const pixels = decodeShades(shades);
      const nearest = createNearest(readModel(stored).layers, neighbors, pixels);
      find = (image) =>
        nearest(image, 3).map((place) =>
          h(
            "li",
            {},
            digitPicture(pixels.subarray(784 * place, 784 * (place + 1)), `Training image ${place}`, "ml-thumb"),
            h("p", {}, h("strong", {}, `labeled ${labels[place]}`)),
            h("p", { class: "ml-note" }, `training image ${place}`),
          ),
        );
      refresh();
      const focused = document.activeElement === asking;
      asking.replaceWith(title);
      if (focused) title.focus();
      say(`Three training images: ${Array.from(list.children, (item) => item.textContent).join("; ")}.`);
    } catch (error) {
      asking.replaceWith(warning(/** @type {Error} */ (error)));
    }
  };
  const asking = button("Show the three training images most like it (loads 0.9 MB once)", ask);
  const title = h(
    "p",
    { class: "ml-title", tabindex: -1 },
    "The three of 5,000 training images that the convolutional network’s last hidden layer takes for most like it",
  );
  return {
    element: h("div", { class: "ml-nearest" }, asking, list),
    show: (/** @type {Uint8Array | null} */ next) => {
      if (next === image) return;
      image = next;
      refresh();
    },
  };
}
