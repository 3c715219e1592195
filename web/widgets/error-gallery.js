// Every test digit that the chapter's network gets wrong, chosen from the cells of its confusion matrix.

import { decodeBytes, readModel } from "./arithmetic/model.js";
import { createGoal } from "./page/goal.js";
import { button, chooser, digitPicture, h, mount, probability, warning } from "./page/page.js";
import { createWhy } from "./page/why.js";

/**
 * @typedef {{confusion: number[][], indices: number[], labels: number[], predicted: number[],
 *   probabilities: number[][], doubted: number[], images: string}} Errors
 */
const ANY = "any";
const EACH = 12;

mount("error-gallery", async ({ root, say, load }) => {
  /** @type {Errors} */
  const errors = await load("errors");
  const pixels = decodeBytes(errors.images);
  let [truth, answer, limit] = [ANY, ANY, EACH];

  const most = mostErrors(errors.confusion);
  const goal = createGoal("find the digit that is taken for another one most often.");
  const explain = createExplainer({ load, say });
  const heading = h("p", { class: "ml-state" });
  const gallery = h("ul", { class: "ml-gallery" });
  const more = button("Show more", () => {
    const next = limit;
    limit += EACH;
    refresh();
    // The button may be gone; the first of what it showed goes on from there.
    if (more.hidden) gallery.children[next].querySelector("button")?.focus();
  });
  const refresh = () => {
    const chosen = errors.indices
      .map((_, i) => i)
      .filter(
        (i) =>
          (truth === ANY || errors.labels[i] === Number(truth)) &&
          (answer === ANY || errors.predicted[i] === Number(answer)),
      );
    heading.textContent =
      `${chosen.length} of ${errors.indices.length} errors` +
      (truth === ANY ? "" : `, labeled ${truth}`) +
      (answer === ANY ? "" : `, taken for ${answer}`) +
      (chosen.length > 1 ? "; the surest first." : ".");
    explain.close();
    gallery.replaceChildren(
      ...chosen.slice(0, limit).map((i) => card(errors, i, pixels.subarray(784 * i, 784 * (i + 1)), explain.toggle)),
    );
    const found = truth !== ANY && answer !== ANY && errors.confusion[Number(truth)][Number(answer)] === most;
    const news = goal.check(found && truth !== answer, `${truth} is taken for ${answer}, ${most} times.`);
    more.hidden = chosen.length <= limit;
    matrix.mark(truth, answer);
    say(news + heading.textContent);
  };
  const choose = (/** @type {string} */ newTruth, /** @type {string} */ newAnswer) => {
    [truth, answer, limit] = [newTruth, newAnswer, EACH];
    truths.set(truth);
    answers.set(answer);
    refresh();
  };
  const digits = /** @type {[string, string][]} */ ([
    [ANY, "any"],
    ...Array.from({ length: 10 }, (_, digit) => [String(digit), String(digit)]),
  ]);
  const truths = chooser({ label: "Label", options: digits, value: ANY, onchange: (value) => choose(value, answer) });
  const answers = chooser({
    label: "Predicted",
    options: digits,
    value: ANY,
    onchange: (value) => choose(truth, value),
  });
  const matrix = createMatrix(errors.confusion, choose);
  root.classList.add("ml-errors");
  root.append(
    goal.element,
    h("div", { class: "ml-scroll", role: "region", "aria-label": "Confusion matrix", tabindex: 0 }, matrix.element),
    h(
      "div",
      { class: "ml-controls" },
      truths.element,
      answers.element,
      h(
        "div",
        { class: "ml-buttons" },
        button("All errors", () => choose(ANY, ANY)),
      ),
    ),
    heading,
    gallery,
    h("div", { class: "ml-buttons" }, more),
  );
  refresh();
});

/** The largest number beside the diagonal. @param {number[][]} confusion */
const mostErrors = (confusion) =>
  Math.max(...confusion.flatMap((row, truth) => row.filter((_, answer) => answer !== truth)));

/** @param {number[][]} confusion @param {(truth: string, answer: string) => void} choose */
function createMatrix(confusion, choose) {
  /** @type {{truth: string, answer: string, cell: HTMLButtonElement, field: HTMLElement}[]} */
  const cells = [];
  const most = mostErrors(confusion);
  const cellOf = (/** @type {number} */ count, /** @type {number} */ truth, /** @type {number} */ answer) => {
    if (truth === answer) return h("td", { class: "ml-diagonal" }, String(count));
    if (count === 0) return h("td", {}, "·");
    const press = () => choose(String(truth), String(answer));
    const cell = button(String(count), () => {}, {
      "aria-label": `${count} labeled ${truth}, predicted ${answer}`,
      "aria-pressed": "false",
    });
    // A narrow page has no room for buttons, but all numbers; there, the lists below choose as well.
    const field = h("td", { class: "ml-count", onclick: press }, cell, h("span", {}, String(count)));
    field.style.setProperty("--share", `${Math.round((100 * count) / most)}%`);
    cells.push({ truth: String(truth), answer: String(answer), cell, field });
    return field;
  };
  const element = h(
    "table",
    { class: "ml-matrix" },
    h(
      "caption",
      {},
      h("span", {}, "Test digits by label (rows) and prediction (columns). Press a number to see these errors."),
    ),
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        h("th", { scope: "col" }, h("span", { class: "ml-sr" }, "Label")),
        ...confusion.map((_, digit) => h("th", { scope: "col" }, String(digit))),
      ),
    ),
    h(
      "tbody",
      {},
      ...confusion.map((row, truth) =>
        h(
          "tr",
          {},
          h("th", { scope: "row" }, String(truth)),
          ...row.map((count, answer) => cellOf(count, truth, answer)),
        ),
      ),
    ),
  );
  const mark = (/** @type {string} */ truth, /** @type {string} */ answer) => {
    for (const each of cells) {
      const chosen = each.truth === truth && each.answer === answer;
      each.cell.setAttribute("aria-pressed", String(chosen));
      each.field.classList.toggle("ml-chosen-cell", chosen);
    }
  };
  return { element, mark };
}

/**
 * Opens the reasons for one mistake below its card; the network itself is loaded for the first one.
 * @param {{load: (name: string) => Promise<any>, say: (text: string) => void}} page
 */
function createExplainer({ load, say }) {
  /** @type {HTMLElement | null} */
  let opened = null; // the button of the card that is explained
  /** @type {import("./arithmetic/model.js").Model | undefined} */
  let model;
  const panel = h("li", { class: "ml-panel" });
  const why = createWhy({ load, say });
  const close = () => {
    panel.remove();
    opened?.setAttribute("aria-expanded", "false");
    opened = null;
  };
  const toggle = async (
    /** @type {HTMLElement} */ pressed,
    /** @type {Uint8Array} */ image,
    /** @type {number | null} */ label,
  ) => {
    const again = opened === pressed;
    close();
    if (again) return;
    opened = pressed;
    pressed.setAttribute("aria-expanded", "true");
    pressed.closest("li")?.after(panel);
    try {
      model ??= readModel(await load("model-dense"));
      if (opened !== pressed) return; // another one was opened meanwhile
      panel.replaceChildren(why.element);
      why.show(image, [model], label);
      say(why.element.querySelector("figcaption")?.textContent ?? "");
    } catch (error) {
      panel.replaceChildren(warning(/** @type {Error} */ (error)));
    }
  };
  return { close, toggle };
}

/**
 * @param {Errors} errors @param {number} i @param {Uint8Array} image
 * @param {(pressed: HTMLElement, image: Uint8Array, label: number | null) => void} explain  label: null if it is in doubt
 */
function card({ indices, labels, predicted, probabilities, doubted }, i, image, explain) {
  const [label, answer] = [labels[i], predicted[i]];
  const inDoubt = doubted.includes(indices[i]);
  const why = button(`Why ${answer}?`, () => explain(why, image, inDoubt ? null : label), {
    "aria-expanded": "false",
    "aria-label": `Why ${answer}? Test image ${indices[i]}`,
  });
  return h(
    "li",
    {},
    digitPicture(image, `Test image ${indices[i]}`, "ml-thumb"),
    h("p", {}, h("strong", {}, `${label}, taken for ${answer}`)),
    h(
      "p",
      { class: "ml-note" },
      `${answer}: ${probability(probabilities[i][answer])}, ${label}: ${probability(probabilities[i][label])}`,
    ),
    h("p", { class: "ml-note" }, `test image ${indices[i]}${inDoubt ? "; its label is in doubt" : ""}`),
    why,
  );
}
