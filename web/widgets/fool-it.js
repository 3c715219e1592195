// Fool it: push the pixels of a digit so that a network reads another one; random pushes of that size do nothing.

import { directionToward, push, pushAtRandom } from "./arithmetic/attack.js";
import { decodeBytes, readModel } from "./arithmetic/model.js";
import { forward } from "./arithmetic/network.js";
import { createGoal } from "./page/goal.js";
import { createEvidence } from "./page/marks.js";
import { button, chooser, h, mount, numbersOf, paintInk, percent, slider, table, warning } from "./page/page.js";
import { createSurface } from "./page/surface.js";

/** @typedef {import("./arithmetic/model.js").Model} Model */

const DIGITS = Array.from({ length: 10 }, (_, digit) => String(digit));
/** @type {[string, string][]} */
const NETWORKS = [
  ["dense", "Dense network, ReLU"],
  ["cnn", "Convolutional network"],
];
const RANDOM = 50; // random pushes to compare with
const SMALL = 26; // gray levels: a tenth of the scale

mount("fool-it", async ({ root, say, load }) => {
  const digits = createDigits(await load("digits"));
  /** @type {Map<string, Model>} */
  const models = new Map([["dense", readModel(await load("model-dense"))]]);
  let name = "dense";
  let [target, levels] = [3, 8];
  let subject = digits.first("7");
  /** @type {{image: Uint8Array, about: string} | null} */
  let drawn = null;

  const goal = createGoal(
    `make a network at least 90 % sure of a wrong digit, with a push of ${SMALL} gray levels or less.`,
  );
  const [before, pushed, shaken] = [createFigure(), createFigure(), createFigure()];
  const difference = createEvidence();
  const verdict = h("p", { class: "ml-state" });
  const compared = h("p", { class: "ml-state" });
  /** Probabilities by digit: as it is, pushed, mean of the random pushes. @type {number[][]} */
  let measured = [[], [], []];
  const numbers = numbersOf("All probabilities in numbers", () => inNumbers(measured, target));

  let resting = 0;
  let turn = 0; // what was asked for later wins
  const refresh = () => {
    const { layers, title } = /** @type {Model} */ (models.get(name));
    const { image, about } = drawn ?? subject;
    const result = push(image, directionToward(layers, image, target), levels);
    const [own, after] = [image, result].map((each) => Array.from(forward(layers, each)));
    const answer = best(own);
    before.show(image, own, about);
    difference.show(
      image,
      Array.from(result, (value, i) => value - image[i]),
      "The push: more ink and, with a hole, less",
    );
    pushed.show(result, after, `Pushed toward ${target}`);
    verdict.textContent =
      answer === target
        ? `${title}: it says ${target} already. Choose another digit to push toward.`
        : `${title}: pushed by ${size(levels)} toward ${target}, this ${answer} is read as ${saying(after)}. ` +
          (best(after) === target ? "" : `It is ${percent(after[target])} sure of ${target}.`);
    measured = [own, after, []];
    numbers.refresh();
    compared.textContent = `${RANDOM} random pushes of the same size: …`;
    const pushes = pushAtRandom(layers, image, levels);
    const first = pushes.next().value;
    shaken.show(first.image, first.probabilities, "Pushed at random");
    const mine = ++turn;
    clearTimeout(resting);
    // The other ones take longer: they wait until the slider rests, and let it move again.
    resting = window.setTimeout(async () => {
      const all = [first.probabilities];
      for (const { probabilities } of pushes) {
        if (mine !== turn) return;
        if (all.push(probabilities) === RANDOM) break;
        if (all.length % 5 === 0) await new Promise((resolve) => setTimeout(resolve));
      }
      compare(own, after, all);
    }, 200);
  };
  /** Probabilities as it is, pushed, and after each random push. @param {number[]} own @param {number[]} after @param {number[][]} all */
  const compare = (own, after, all) => {
    const answer = best(own);
    const count = (/** @type {number} */ digit) => all.filter((each) => best(each) === digit).length;
    const surest = Math.max(...all.map((each) => each[target]));
    compared.textContent =
      `${RANDOM} random pushes of the same size: ${count(answer)} are still read as ${answer}` +
      (answer === target ? "." : `, ${count(target)} as ${target}, of which it is at most ${percent(surest)} sure.`);
    measured[2] = own.map((_, digit) => all.reduce((sum, each) => sum + each[digit], 0) / RANDOM);
    numbers.refresh();
    const fooled = answer !== target && after[target] >= 0.9 && levels <= SMALL;
    const news = goal.check(
      fooled,
      `it takes this ${answer} for a ${target}, ${percent(after[target])} sure, after a push of ${levels} gray levels; ` +
        `of ${RANDOM} random pushes of that size, ${count(target)} make it say ${target}.`,
    );
    say(`${news}${verdict.textContent} ${compared.textContent}`);
  };

  const choose = async (/** @type {string} */ chosen) => {
    network.element.querySelector(".ml-warning")?.remove();
    try {
      if (!models.has(chosen)) models.set(chosen, readModel(await load(`model-${chosen}`)));
      name = chosen;
      refresh();
    } catch (error) {
      network.set(name);
      network.element.append(warning(/** @type {Error} */ (error)));
    }
  };
  const take = (/** @type {typeof subject} */ next) => {
    [subject, drawn] = [next, null];
    refresh();
  };
  const network = chooser({ label: "Network", options: NETWORKS, value: name, onchange: choose });
  const kind = chooser({
    label: "Test digit",
    options: DIGITS.map((digit) => [digit, `a ${digit}`]),
    value: "7",
    onchange: (digit) => take(digits.first(digit)),
  });
  const surface = createSurface({
    say,
    onchange: () => {
      const image = surface.read();
      drawn = image && { image, about: "Your drawing" };
      refresh();
    },
  });

  root.append(
    goal.element,
    h(
      "div",
      { class: "ml-controls" },
      network.element,
      kind.element,
      button("Another one", () => take(digits.next())),
      chooser({
        label: "Push it toward",
        options: DIGITS.map((digit) => [digit, `a ${digit}`]),
        value: String(target),
        onchange: (digit) => {
          target = Number(digit);
          refresh();
        },
      }).element,
      slider({
        label: "Push by",
        min: 0,
        max: 64,
        step: 1,
        value: levels,
        show: size,
        oninput: (value) => {
          levels = value;
          refresh();
        },
      }).element,
    ),
    h(
      "div",
      { class: "ml-fool" },
      before.element,
      h(
        "figure",
        {},
        difference.element,
        h("figcaption", {}, h("strong", {}, "The push"), h("span", {}, "■ more ink, □ less")),
      ),
      pushed.element,
      shaken.element,
    ),
    verdict,
    compared,
    h(
      "details",
      {},
      h("summary", {}, "Draw a digit instead"),
      h(
        "div",
        { class: "ml-details-body" },
        surface.element,
        h("div", { class: "ml-buttons" }, button("Undo", surface.undo), button("Clear", surface.clear)),
      ),
    ),
    numbers.element,
  );
  refresh();
});

/** @param {number} levels */
const size = (levels) => `${levels} of 255 gray levels (ε = ${(levels / 255).toFixed(3)})`;

/** @param {number[]} probabilities */
const best = (probabilities) => probabilities.indexOf(Math.max(...probabilities));

/** @param {number[]} probabilities */
const saying = (probabilities) => `${best(probabilities)}, ${percent(Math.max(...probabilities))} sure`;

/** Test digits to choose from. @param {{indices: number[], labels: number[], doubted: number[], images: string}} stored */
function createDigits({ indices, labels, doubted, images }) {
  const pixels = decodeBytes(images);
  let at = 0;
  const take = (/** @type {number} */ place) => {
    at = place;
    const about = `Test image ${indices[at]}, labeled ${labels[at]}`;
    return { image: pixels.subarray(784 * at, 784 * (at + 1)), about };
  };
  /** The digits of a label, in the order of the test set; their labels are not in doubt. @param {number} label */
  const places = (label) =>
    indices.map((_, place) => place).filter((place) => labels[place] === label && !doubted.includes(indices[place]));
  return {
    first: (/** @type {string} */ digit) => take(places(Number(digit))[0]),
    next: () => {
      const all = places(labels[at]);
      return take(all[(all.indexOf(at) + 1) % all.length]);
    },
  };
}

/** An image, and what the network reads. */
function createFigure() {
  const canvas = h("canvas", { class: "ml-ink", role: "img" });
  const [title, text] = [h("strong"), h("span")];
  const element = h("figure", {}, h("div", { class: "ml-paper" }, canvas), h("figcaption", {}, title, text));
  /** @param {Uint8Array} image @param {number[]} probabilities @param {string} about */
  const show = (image, probabilities, about) => {
    paintInk(canvas, image, 28);
    canvas.setAttribute("aria-label", about);
    title.textContent = about;
    text.textContent = saying(probabilities);
  };
  return { element, show };
}

/** @param {number[][]} measured @param {number} target */
function inNumbers(measured, target) {
  return table(
    "What the network makes of it",
    ["digit", "as it is", `pushed toward ${target}`, `mean of ${RANDOM} random pushes`],
    DIGITS.map((digit, i) => [
      digit,
      ...measured.map((probabilities) => (probabilities.length ? percent(probabilities[i], 2) : "…")),
    ]),
  );
}
