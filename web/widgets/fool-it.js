// Fool it: push the pixels of a digit so that a network reads another one; random pushes of that size do nothing.

import { directionToward, push, pushAtRandom } from "./arithmetic/attack.js";
import { decodeBytes, readModel } from "./arithmetic/model.js";
import { forward } from "./arithmetic/network.js";
import { asNumPy, decodeImage, encodeImage } from "./arithmetic/text.js";
import { createCopies, withoutHash } from "./page/copies.js";
import { createGoal } from "./page/goal.js";
import { createEvidence } from "./page/marks.js";
import { button, chooser, h, mount, numbersOf, paintInk, probability, slider, table, warning } from "./page/page.js";
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
const MOST = 64; // gray levels that can be pushed

/** What the link that opened the page says: network, digit to push toward, gray levels, image; null if it says nothing. */
function linked() {
  const [, name, target, levels, text] = /^#fool=(dense|cnn)-(\d)-(\d+)-([\w-]+)$/.exec(location.hash) ?? [];
  const image = text ? decodeImage(text) : null;
  return image && { name, target: Number(target), levels: Math.min(MOST, Number(levels)), image };
}
// It begins once it is near.
if (linked()) document.querySelector('[data-widget="fool-it"]')?.scrollIntoView();

mount("fool-it", async ({ root, say, load }) => {
  const digits = createDigits(await load("digits"));
  /** @type {Map<string, Model>} */
  const models = new Map([["dense", readModel(await load("model-dense"))]]);
  let name = "dense";
  let [target, levels] = [3, 8];
  /** @type {{image: Uint8Array, about: string}} */
  let subject = digits.first("7");
  /** @type {typeof subject | null} */
  let drawn = null;
  /** What the networks see after the push. @type {Uint8Array} */
  let result;
  const link = () => `${withoutHash()}#fool=${name}-${target}-${levels}-${encodeImage((drawn ?? subject).image)}`;

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
  let place = ""; // of the pen that is led by keys
  const refresh = () => {
    const { layers, title } = /** @type {Model} */ (models.get(name));
    const { image, about } = drawn ?? subject;
    result = push(image, directionToward(layers, image, target), levels);
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
          (best(after) === target ? "" : `It is ${probability(after[target])} sure of ${target}.`);
    measured = [own, after, []];
    numbers.refresh();
    // A link to something else would undo, at a reload, what was done since.
    if (linked() && link() !== location.href) history.replaceState(history.state, "", withoutHash());
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
      (answer === target
        ? "."
        : `, ${count(target)} as ${target}, of which it is at most ${probability(surest)} sure.`);
    measured[2] = own.map((_, digit) => all.reduce((sum, each) => sum + each[digit], 0) / RANDOM);
    numbers.refresh();
    const fooled = answer !== target && after[target] >= 0.9 && levels <= SMALL;
    const news = goal.check(
      fooled,
      `it takes this ${answer} for a ${target}, ${probability(after[target])} sure, after a push of ${levels} gray levels; ` +
        `of ${RANDOM} random pushes of that size, ${count(target)} make it say ${target}.`,
    );
    say(`${place}${news}${verdict.textContent} ${compared.textContent}`);
    place = "";
  };

  const choose = async (/** @type {string} */ chosen) => {
    network.element.querySelector(".ml-warning")?.remove();
    try {
      if (!models.has(chosen)) models.set(chosen, readModel(await load(`model-${chosen}`)));
      name = chosen;
      refresh();
    } catch (error) {
      network.set(name);
      refresh();
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
  const aim = chooser({
    label: "Push it toward",
    options: DIGITS.map((digit) => [digit, `a ${digit}`]),
    value: String(target),
    onchange: (digit) => {
      target = Number(digit);
      refresh();
    },
  });
  const strength = slider({
    label: "Push by",
    min: 0,
    max: MOST,
    step: 1,
    value: levels,
    show: size,
    oninput: (value) => {
      levels = value;
      refresh();
    },
  });
  const open = async () => {
    const stored = linked();
    if (!stored) return;
    [target, levels] = [stored.target, stored.levels];
    [subject, drawn] = [{ image: stored.image, about: "The digit from the link" }, null];
    network.set(stored.name);
    aim.set(String(target));
    strength.set(levels);
    await choose(stored.name);
  };
  const surface = createSurface({
    say,
    onchange: (news) => {
      place = news;
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
      aim.element,
      strength.element,
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
    h(
      "details",
      {},
      h("summary", {}, "Copy this digit"),
      h(
        "div",
        { class: "ml-details-body" },
        ...createCopies(say, {
          about:
            "The link holds the digit as it was, the network and the push; whoever opens it sees this here. " +
            "The array is the pushed digit.",
          link,
          NumPy: () => asNumPy(result),
        }),
      ),
    ),
    numbers.element,
  );
  window.addEventListener("hashchange", open);
  if (linked()) await open();
  else refresh();
});

/** @param {number} levels */
const size = (levels) => `${levels} of 255 gray levels (ε = ${(levels / 255).toFixed(3)})`;

/** @param {number[]} probabilities */
const best = (probabilities) => probabilities.indexOf(Math.max(...probabilities));

/** @param {number[]} probabilities */
const saying = (probabilities) => `${best(probabilities)}, ${probability(Math.max(...probabilities))} sure`;

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
      ...measured.map((probabilities) => (probabilities.length ? probability(probabilities[i], 2) : "…")),
    ]),
  );
}
