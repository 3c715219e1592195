// Draw a digit: what the book's networks see, and what they make of it.

import { distort, UNCHANGED } from "./arithmetic/distort.js";
import { createBars } from "./page/bars.js";
import { createCopies, withoutHash } from "./page/copies.js";
import { createTenDigits } from "./page/goal.js";
import { createInsides } from "./page/insides.js";
import { decodeBytes, readModel } from "./arithmetic/model.js";
import { forward } from "./arithmetic/network.js";
import { button, chooser, h, mount, newId, paintInk, percent, probability, slider, warning } from "./page/page.js";
import { asNumPy, decodeImage, encodeImage } from "./arithmetic/text.js";
import { createSurface, PENS } from "./page/surface.js";
import { createWhy } from "./page/why.js";

/** @typedef {import("./arithmetic/model.js").Model} Model */
/**
 * @typedef {{element: HTMLElement, show: (probabilities: Float32Array | null) => void, text: () => string,
 *   brief: () => string, answer: () => number | null}} Column
 * @typedef {{element: HTMLElement, show: (image: Uint8Array | null) => void}} Inside
 * @typedef {{model: Model, column: Column, inside: Inside}} Shown
 */

/** @type {[string, string][]} */
const MODELS = [
  ["dense", "Dense network, ReLU"],
  ["sigmoid", "Dense network, sigmoid"],
  ["cnn", "Convolutional network"],
];
const EMPTY = new Uint8Array(784);
const LINK = "#digit="; // what a link to a drawing holds before it

/** The drawing of the link that opened the page; null if there is none. */
const linked = () => (location.hash.startsWith(LINK) ? decodeImage(location.hash.slice(LINK.length)) : null);
// It begins once it is near.
if (linked()) document.querySelector('[data-widget="draw-digit"]')?.scrollIntoView();

mount("draw-digit", async ({ root, say, load }) => {
  /** @type {Map<string, Shown>} */
  const shown = new Map();
  let distortion = UNCHANGED;
  let news = ""; // to be spoken before the answers

  const seen = h("canvas", { class: "ml-ink ml-seen", role: "img", "aria-label": "Nothing yet" });
  const columns = h("div", { class: "ml-columns" });
  const insides = createInsides(say);
  const goal = createTenDigits((news) => news && say(news));
  const small = h("p", { class: "ml-note ml-hint" });
  const why = createWhy({ load, say });
  const whyOpen = details("Why this answer?", (body) => body.append(why.element));
  const whyTitle = /** @type {HTMLElement} */ (whyOpen.querySelector("summary"));
  const visible = () => [...shown.values()].filter(({ column }) => !column.element.hidden);
  /** @type {Uint8Array | null} */
  let current = null; // what the networks read; null if there is nothing
  let labeled = ""; // the test digit that was taken
  /** @type {number | null} */
  let label = null; // its label, unless that is in doubt
  /** Reasons take longer than answers: they wait until the drawing rests. */
  const explain = () => {
    for (const { inside } of visible()) inside.show(current);
    if (whyOpen.open)
      why.show(
        current,
        visible().map(({ model }) => model),
        String(surface.read()) === labeled ? label : null,
      );
  };
  let resting = 0;
  // Where the columns may be out of sight: above the sheet of a narrow page, beside what changes the image.
  const headline = h("p", { class: "ml-headline", "aria-hidden": "true" });
  /** @type {ReturnType<typeof createReadout>[]} */
  const readouts = [];
  const refresh = (spoken = "") => {
    const prepared = surface.read();
    const image = prepared ? distort(prepared, distortion) : EMPTY;
    paintInk(seen, image, 28);
    seen.setAttribute("aria-label", prepared ? "The drawing, scaled and centered, in 28 by 28 pixels" : "Nothing yet");
    current = prepared && image;
    small.textContent = surface.isSmall() ? "A small drawing is enlarged before it is read." : "";
    const answering = visible().map(({ model, column }) => {
      column.show(prepared ? forward(model.layers, image) : null);
      return column;
    });
    const answer = answering[0]?.answer() ?? null;
    headline.textContent = prepared ? (answering[0]?.brief() ?? "") : "";
    whyTitle.textContent = answer === null ? "Why this answer?" : `Why did it say ${answer}?`;
    for (const readout of readouts) readout.show(image, answering);
    say(spoken + news + (prepared ? answering.map((column) => column.text()).join(" ") : "The sheet is empty."));
    news = "";
    goal.note(answer);
    // A link to another drawing would undo, at a reload, what was drawn since.
    const link = linked();
    if (link && String(link) !== String(prepared)) history.replaceState(history.state, "", withoutHash());
    clearTimeout(resting);
    resting = window.setTimeout(explain, 200);
  };
  const surface = createSurface({ onchange: refresh, say, keepAs: "ml-draw-digit" });

  const addReadout = (/** @type {HTMLElement} */ body) => {
    readouts.push(createReadout());
    body.append(readouts[readouts.length - 1].element);
    refresh();
  };

  const add = async (/** @type {string} */ name) => {
    const model = readModel(await load(`model-${name}`));
    shown.set(name, { model, column: createColumn(model), inside: insides.create(model) });
    // In the list's order, whichever file arrived first.
    const all = MODELS.flatMap(([key]) => shown.get(key) ?? []);
    columns.replaceChildren(...all.map(({ column }) => column.element));
    insides.body.replaceChildren(...all.map(({ inside }) => inside.element));
  };
  await add("dense");

  root.classList.add("ml-draw");
  root.append(
    h(
      "div",
      { class: "ml-draw-top" },
      h(
        "div",
        { class: "ml-draw-sheet" },
        h("div", { class: "ml-head" }, h("p", { class: "ml-title" }, "Draw a digit here"), headline),
        surface.element,
        h(
          "div",
          { class: "ml-under" },
          h(
            "div",
            { class: "ml-buttons" },
            button("Undo", surface.undo),
            button("Redo", surface.redo),
            button("Clear", surface.clear),
            chooser({
              label: "Pen",
              options: PENS,
              value: "26",
              onchange: (width) => surface.setPen(Number(width)),
            }).element,
            small,
          ),
          h("figure", {}, h("figcaption", {}, "What the network sees"), h("div", { class: "ml-paper" }, seen)),
        ),
      ),
      columns,
    ),
    modelChoice(shown, add, refresh),
    h(
      "p",
      { class: "ml-note" },
      "A network answers “I don’t know” when it is less sure than it must be for 99.5 % " +
        "of its answers to validation images to be right.",
    ),
    goal.element,
    whyOpen,
    details("Take a test digit instead", async (body) => {
      await fillWithDigits(body, load, say, (image, about, itsLabel) => {
        news = `${about} `;
        surface.putInk(image);
        [labeled, label] = [String(surface.read()), itsLabel];
      });
      addReadout(body);
    }),
    details("Change what the network sees", (body) => {
      fillWithSliders(body, (changed) => {
        distortion = changed;
        refresh();
      });
      addReadout(body);
    }),
    details("Copy this drawing", (body) =>
      body.append(
        ...createCopies(say, {
          about:
            "The link holds the 28 by 28 pixels; whoever opens it sees the drawing here. The array is what the networks see.",
          // What the sheet holds, and what the networks see of it.
          link: () => current && withoutHash() + LINK + encodeImage(surface.read() ?? EMPTY),
          NumPy: () => current && asNumPy(current),
        }),
      ),
    ),
    insides.element,
  );
  whyOpen.addEventListener("toggle", explain);
  insides.onopen(explain);
  const open = () => {
    const image = linked();
    if (!image) return;
    news = "The drawing of the link. ";
    surface.putInk(image);
  };
  window.addEventListener("hashchange", open);
  open();
  refresh();
});

/**
 * One network's answer and its ten probabilities.
 * @param {Model} model
 * @returns {Column}
 */
function createColumn({ title, accuracy, threshold }) {
  const answer = h("p", { class: "ml-answer" });
  const note = h("p", { class: "ml-note" });
  const bars = createBars(`Probabilities by ${title}`);
  const element = h(
    "section",
    { class: "ml-column", "aria-label": title },
    h("p", { class: "ml-title" }, title),
    h("p", { class: "ml-note" }, `right on ${percent(accuracy, 2)} of the 10,000 test images`),
    answer,
    note,
    bars.element,
  );
  /** @type {number | null} */
  let answered = null;
  const show = (/** @type {Float32Array | null} */ probabilities) => {
    const best = probabilities ? Math.max(...probabilities) : 0;
    answered = null;
    bars.show(probabilities);
    if (!probabilities) {
      answer.textContent = "The sheet is empty";
      answer.classList.add("ml-unsure");
      note.textContent = "Draw a digit from 0 to 9.";
      return;
    }
    const digit = probabilities.indexOf(best);
    const sure = best >= threshold;
    answered = sure ? digit : null;
    answer.textContent = sure ? String(digit) : "I don’t know";
    answer.classList.toggle("ml-unsure", !sure);
    note.textContent = sure
      ? `${probability(best)} sure`
      : `At best ${digit}, ${probability(best)} sure; it answers from ${percent(threshold, 0)} on`;
  };
  const brief = () =>
    answer.classList.contains("ml-unsure") ? `${answer.textContent}` : `${answer.textContent}, ${note.textContent}`;
  const text = () => `${title}: ${answer.textContent}, ${note.textContent}.`;
  return { element, show, text, brief, answer: () => answered };
}

/** What the networks see and answer, in short; the columns and the live region say it to those who do not see it. */
function createReadout() {
  const canvas = h("canvas", { class: "ml-ink" });
  const lines = h("div");
  const element = h(
    "div",
    { class: "ml-readout", "aria-hidden": "true" },
    h("div", { class: "ml-paper" }, canvas),
    lines,
  );
  const show = (/** @type {Uint8Array} */ image, /** @type {Column[]} */ columns) => {
    paintInk(canvas, image, 28);
    lines.replaceChildren(...columns.map((column) => h("p", { class: "ml-note" }, column.text())));
  };
  return { element, show };
}

/**
 * @param {Map<string, Shown>} shown
 * @param {(name: string) => Promise<void>} add @param {() => void} refresh
 */
function modelChoice(shown, add, refresh) {
  const toggle = async (/** @type {string} */ name, /** @type {HTMLInputElement} */ box) => {
    try {
      if (box.checked && !shown.has(name)) await add(name);
      const { column, inside } = /** @type {Shown} */ (shown.get(name));
      column.element.hidden = inside.element.hidden = !box.checked;
    } catch (error) {
      box.checked = false;
      box.disabled = true;
      group.append(warning(/** @type {Error} */ (error)));
    }
    refresh();
  };
  const group = h("fieldset", { class: "ml-choice" }, h("legend", {}, "Networks that the chapters trained"));
  for (const [name, title] of MODELS) {
    const id = newId();
    const box = h("input", { type: "checkbox", id, checked: name === "dense", onchange: () => toggle(name, box) });
    group.append(h("label", { for: id }, box, title));
  }
  return group;
}

/** A part that is filled when it is first opened. @param {string} title @param {(body: HTMLElement) => void} fill */
function details(title, fill) {
  const body = h("div", { class: "ml-details-body" });
  return h(
    "details",
    {
      ontoggle: () => body.childNodes.length === 0 && fill(body),
    },
    h("summary", {}, title),
    body,
  );
}

/**
 * @param {HTMLElement} body @param {(name: string) => Promise<any>} load @param {(text: string) => void} say
 * @param {(image: Uint8Array, about: string, label: number | null) => void} put
 *   takes the digit over; label: null if it is in doubt
 */
async function fillWithDigits(body, load, say, put) {
  try {
    body.textContent = "Loading the digits …";
    const { indices, labels, doubted, images } = await load("digits");
    const pixels = decodeBytes(images);
    const label = h("div", { class: "ml-label-of" });
    const list = h("div", { class: "ml-picker", role: "group", "aria-label": "Test digits" });
    /** @param {number} i  a digit that may be taken */
    const pick = (i) => {
      const image = pixels.subarray(784 * i, 784 * (i + 1));
      const doubt = doubted.includes(indices[i]);
      const about = `Test image ${indices[i]}, ${doubt ? "its label is in doubt" : `labeled ${labels[i]}`}.`;
      const each = button(
        "",
        () => {
          for (const other of list.children) other.setAttribute("aria-pressed", String(other === each));
          label.replaceChildren(doubt ? askFirst(indices[i], labels[i], say) : h("p", { class: "ml-state" }, about));
          put(image, about, doubt ? null : labels[i]);
        },
        { "aria-label": about, title: about, "aria-pressed": "false" },
      );
      const canvas = h("canvas", { class: "ml-ink" });
      paintInk(canvas, image, 28);
      each.append(canvas);
      return each;
    };
    const show = (/** @type {string} */ kind) => {
      const chosen = indices
        .map((/** @type {number} */ index, /** @type {number} */ i) => ({ index, i }))
        .filter((/** @type {{index: number, i: number}} */ { index, i }) =>
          kind === "doubted" ? doubted.includes(index) : labels[i] === Number(kind),
        );
      label.replaceChildren();
      list.replaceChildren(...chosen.map((/** @type {{i: number}} */ { i }) => pick(i)));
    };
    const choice = chooser({
      label: "Which",
      options: [
        ["doubted", "Labels in doubt"],
        ...Array.from(
          { length: 10 },
          (_, digit) => /** @type {[string, string]} */ ([String(digit), `Digit ${digit}`]),
        ),
      ],
      value: "doubted",
      onchange: show,
    });
    show("doubted");
    body.replaceChildren(choice.element, list, label);
  } catch (error) {
    body.replaceChildren(warning(/** @type {Error} */ (error)));
  }
}

/** A label in doubt is shown once the reader has decided. @param {number} index @param {number} label @param {(text: string) => void} say */
function askFirst(index, label, say) {
  const verdict = h("p", { class: "ml-state", tabindex: -1 });
  const decide = (/** @type {string} */ choice) => {
    verdict.textContent =
      `You say ${choice}. The data set’s label is ${label}` +
      (choice === String(label) ? ", as you say" : "") +
      "; fewer than three of five reviewers shared it.";
    group.replaceWith(verdict);
    verdict.focus();
    say(verdict.textContent);
  };
  const digits = Array.from({ length: 10 }, (_, digit) => String(digit));
  const group = h(
    "div",
    { class: "ml-buttons", role: "group", "aria-label": `What do you read in test image ${index}?` },
    ...[...digits, "no digit"].map((choice) => button(choice, () => decide(choice))),
  );
  return h("div", { class: "ml-details-body" }, h("p", { class: "ml-title" }, "What do you read?"), group);
}

/** @param {HTMLElement} body @param {(distortion: import("./arithmetic/distort.js").Distortion) => void} onchange */
function fillWithSliders(body, onchange) {
  let distortion = UNCHANGED;
  const pixels = (/** @type {number} */ value) => `${value} px`;
  const add = (
    /** @type {keyof typeof UNCHANGED} */ key,
    /** @type {string} */ label,
    /** @type {[number, number, number]} */ [min, max, step],
    show = pixels,
  ) =>
    slider({
      label,
      min,
      max,
      step,
      show,
      value: UNCHANGED[key],
      oninput: (value) => {
        distortion = { ...distortion, [key]: value };
        onchange(distortion);
      },
    });
  const sliders = [
    add("rotate", "Turn clockwise", [-180, 180, 5], (value) => `${value}°`),
    add("right", "Shift to the right", [-10, 10, 1]),
    add("down", "Shift down", [-10, 10, 1]),
    add("thicken", "Thicken", [0, 3, 0.5]),
    add("noise", "Noise", [0, 200, 10], (value) => `${value} of 255`),
  ];
  const reset = () => {
    distortion = UNCHANGED;
    sliders.forEach(({ set }) => set(0));
    onchange(distortion);
  };
  body.classList.add("ml-sliders");
  body.append(...sliders.map(({ element }) => element), h("div", { class: "ml-buttons" }, button("As drawn", reset)));
}
