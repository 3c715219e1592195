// Read a sheet: a photo of paper with digits, from the camera or a file, read and corrected in the page.

import { decodeBytes, readModel } from "./arithmetic/model.js";
import { forward } from "./arithmetic/network.js";
import { readSheet } from "./arithmetic/sheet.js";
import { createGoal } from "./page/goal.js";
import { button, h, mount, paintInk, probability, svg } from "./page/page.js";

/** @typedef {import("./arithmetic/model.js").Model} Model */
/**
 * @typedef {import("./arithmetic/sheet.js").Digit & {digit: number, sure: number, known: boolean, chosen: number | null}}
 *   Answer  digit: the network's best; sure: its probability; known: whether the network answers; chosen: the reader's
 */

const MOST = 16e6; // pixels of a photo; an older phone's canvas cannot hold more
const SHOWN = 1200; // pixels of the longer side on the page
const START =
  "Write digits on a sheet of paper, apart from each other, with a dark pen. Photograph it from above, with its margin.";

mount("read-sheet", async ({ root, say, load }) => {
  const state = h("p", { class: "ml-state" }, START);
  const view = h("div", { class: "ml-read", hidden: true });
  /** @type {Promise<Model> | null} */
  let model = null;
  let turn = 0; // a photo that was asked for later wins

  const goal = createGoal("get all ten digits read from one sheet, with no “I don’t know” left.");

  const show = (/** @type {string} */ text, failed = false, news = "") => {
    state.textContent = text;
    state.classList.toggle("ml-warning", failed);
    say(news + text);
  };
  const showAnswers = (/** @type {Answer[]} */ answers) => {
    const symbols = new Set(answers.map(symbol));
    const missing = Array.from({ length: 10 }, (_, digit) => String(digit)).filter((digit) => !symbols.has(digit));
    const read = missing.length === 0 && !symbols.has("?");
    const progress = missing.length ? `Not among the answers yet: ${missing.join(" ")}.` : "";
    const corrected = answers.filter(({ chosen }) => chosen !== null).length;
    const news = goal.check(
      read,
      `all ten are there; you decided ${corrected} of the ${answers.length} answers.`,
      progress,
    );
    show(summary(answers), false, news);
  };
  const read = async (/** @type {() => Promise<Blob>} */ fetchPhoto, name = "") => {
    const own = ++turn;
    view.hidden = true;
    state.textContent = "Reading …";
    state.classList.remove("ml-warning");
    try {
      model ??= load("model-cnn").then(readModel);
      const [network, photo] = await Promise.all([model, fetchPhoto().then((file) => openPhoto(file, name))]);
      await new Promise((resolve) => setTimeout(resolve, 30)); // so that the page shows that it reads
      const answers = answer(network, photo);
      if (own !== turn) return;
      view.replaceChildren(...createView(photo, answers, showAnswers));
      view.hidden = false;
    } catch (error) {
      model = (await model?.catch(() => null)) ? model : null; // what did not arrive is asked for again
      if (own === turn) show(sentence(/** @type {Error} */ (error).message), true);
    }
  };
  const take = (/** @type {DataTransfer | null} */ data) => {
    const file = [...(data?.files ?? [])][0];
    if (file) read(async () => file, file.name);
    return Boolean(file);
  };

  root.classList.add("ml-read-sheet");
  root.append(
    h("p", { class: "ml-title" }, "Digits on paper"),
    goal.element,
    h(
      "div",
      { class: "ml-buttons" },
      picker("Take a photo", read, { capture: "environment" }),
      picker("Choose a picture", read),
      button("Try a sample", () => read(async () => new Blob([decodeBytes((await load("sheet")).jpeg)]))),
    ),
    state,
    view,
    h(
      "p",
      { class: "ml-note" },
      "You can also drop a picture here, or paste one. Nothing leaves this page: your photo is read on your device, " +
        "and is forgotten when you close the page.",
    ),
  );
  root.addEventListener("dragover", (event) => event.preventDefault());
  root.addEventListener("drop", (event) => {
    event.preventDefault();
    take(event.dataTransfer);
  });
  document.addEventListener("paste", (event) => take(event.clipboardData) && event.preventDefault());
});

/**
 * A button that opens the camera or the files.
 * @param {string} text @param {(fetchPhoto: () => Promise<Blob>, name: string) => void} read
 * @param {import("./page/page.js").Attributes} [more]
 */
function picker(text, read, more = {}) {
  const input = h("input", { type: "file", accept: "image/*", hidden: true, "aria-label": text, ...more });
  input.addEventListener("change", () => {
    const file = input.files?.[0];
    if (file) read(async () => file, file.name);
    input.value = ""; // so that the same file can be chosen again
  });
  return h(
    "span",
    {},
    button(text, () => input.click()),
    input,
  );
}

/** @param {string} reason */
const sentence = (reason) => `The photo cannot be read: ${reason}${/[.?]$/.test(reason) ? "" : "."}`;

/**
 * The photo's pixels, turned as its EXIF data asks.
 * @param {Blob} file @param {string} name
 */
async function openPhoto(file, name) {
  const bitmap = await createImageBitmap(file, { imageOrientation: "from-image" }).catch(() => {
    if (/\.hei[cf]$/i.test(name) || /hei[cf]/.test(file.type)) {
      const other = "save it as JPEG, or set the camera to its most compatible format";
      throw new Error(`this browser does not open HEIC pictures; ${other}`);
    }
    throw new Error(`${name || "this"} is no picture that this browser opens; JPEG and PNG always work`);
  });
  const scale = Math.min(1, Math.sqrt(MOST / (bitmap.width * bitmap.height)));
  const { data, width, height } = draw(h("canvas"), bitmap, scale);
  const canvas = h("canvas");
  draw(canvas, bitmap, Math.min(1, SHOWN / Math.max(bitmap.width, bitmap.height)));
  bitmap.close();
  return { data, width, height, canvas };
}

/** Draw a picture on white, and return its pixels. @param {HTMLCanvasElement} canvas @param {ImageBitmap} bitmap @param {number} scale */
function draw(canvas, bitmap, scale) {
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { willReadFrequently: true }));
  context.fillStyle = "#fff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return context.getImageData(0, 0, canvas.width, canvas.height);
}

/** @param {Model} model @param {{data: Uint8ClampedArray, width: number}} photo @returns {Answer[]} */
function answer({ layers, threshold }, { data, width }) {
  return readSheet(data, width).map((digit) => {
    const probabilities = forward(layers, digit.image);
    const sure = Math.max(...probabilities);
    return { ...digit, digit: probabilities.indexOf(sure), sure, known: sure >= threshold, chosen: null };
  });
}

/** @param {Answer} answer */
const symbol = ({ chosen, known, digit }) => String(chosen ?? (known ? digit : "?"));

/** @param {Answer} answer */
function describe({ chosen, known, digit, sure }) {
  if (chosen !== null) return `${chosen}, by you; the network’s best was ${digit}, ${probability(sure)} sure`;
  return known ? `${digit}, ${probability(sure)} sure` : `I don’t know; at best ${digit}, ${probability(sure)} sure`;
}

/**
 * The photo with its boxes, the answers, and the one that is looked at.
 * @param {{canvas: HTMLCanvasElement, width: number, height: number}} photo @param {Answer[]} answers
 * @param {(answers: Answer[]) => void} show
 */
function createView({ canvas, width, height }, answers, show) {
  const lines = answers[answers.length - 1].line + 1;
  const sides = answers.map((each) => Math.max(each.height, each.width)).sort((a, b) => a - b);
  const marks = answers.map((each) => createMark(each, sides[sides.length >> 1]));
  const picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" });
  picture.append(...marks.map(({ element }) => element));
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", `The photo, with ${answers.length} digits framed; the answers follow`);
  const seen = h("canvas", { class: "ml-ink", role: "img", "aria-label": "What the network sees, 28 by 28 pixels" });
  const about = h("p", { class: "ml-note" });
  let at = 0;

  const buttons = answers.map((_, i) =>
    button("", () => select(i), {
      onfocus: () => select(i),
      onkeydown: (/** @type {KeyboardEvent} */ e) => type(i, e),
    }),
  );
  const refresh = (/** @type {number} */ i) => {
    const each = answers[i];
    buttons[i].textContent = symbol(each);
    const unsure = symbol(each) === "?";
    buttons[i].setAttribute("aria-label", `Line ${each.line + 1}, digit ${place(answers, i)}: ${describe(each)}`);
    buttons[i].classList.toggle("ml-unsure", unsure);
    marks[i].show(symbol(each), unsure);
  };
  const select = (/** @type {number} */ i) => {
    marks[at].element.classList.remove("ml-at");
    buttons[at].setAttribute("aria-pressed", "false");
    at = i;
    marks[at].element.classList.add("ml-at");
    picture.append(marks[at].element); // above the others
    buttons[at].setAttribute("aria-pressed", "true");
    paintInk(seen, answers[at].image, 28);
    about.textContent = `Line ${answers[at].line + 1}, digit ${place(answers, at)}: ${describe(answers[at])}.`;
  };
  const correct = (/** @type {number} */ i, /** @type {number} */ digit) => {
    answers[i].chosen = digit;
    refresh(i);
    select(i);
    show(answers);
  };
  const type = (/** @type {number} */ i, /** @type {KeyboardEvent} */ event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const next = { ArrowLeft: i - 1, ArrowRight: i + 1 }[event.key] ?? (/^\d$/.test(event.key) ? i + 1 : null);
    if (next === null) return;
    event.preventDefault();
    if (/^\d$/.test(event.key)) correct(i, Number(event.key));
    buttons[next]?.focus();
  };
  picture.addEventListener("click", (event) => {
    const box = picture.getBoundingClientRect();
    const x = ((event.clientX - box.left) * width) / box.width;
    const y = ((event.clientY - box.top) * height) / box.height;
    const far = answers.map((each) => Math.hypot(each.left + each.width / 2 - x, each.top + each.height / 2 - y));
    buttons[far.indexOf(Math.min(...far))].focus({ preventScroll: true }); // what it says stands below the photo
  });
  answers.forEach((_, i) => refresh(i));
  const unknown = answers.findIndex((each) => symbol(each) === "?");
  select(Math.max(0, unknown));
  show(answers);
  const digits = Array.from({ length: 10 }, (_, digit) =>
    button(String(digit), () => correct(at, digit), { "aria-label": `It is a ${digit}` }),
  );
  return [
    h("div", { class: "ml-photo" }, canvas, /** @type {Node} */ (picture)),
    h(
      "div",
      { class: "ml-read-answers" },
      h(
        "div",
        { class: "ml-read-one" },
        h("div", { class: "ml-paper" }, seen),
        h("div", {}, about, h("p", { class: "ml-note" }, "Wrong? Press the right digit, here or on your keyboard.")),
      ),
      h("div", { class: "ml-buttons", role: "group", "aria-label": "Correct this digit" }, ...digits),
      h("p", { class: "ml-title" }, "All answers"),
      ...Array.from({ length: lines }, (_, line) =>
        h(
          "div",
          { class: "ml-read-line", role: "group", "aria-label": `Line ${line + 1}` },
          ...buttons.filter((_, i) => answers[i].line === line),
        ),
      ),
    ),
  ];
}

/** A digit's place in its line, from 1. @param {Answer[]} answers @param {number} i */
const place = (answers, i) => i - answers.findIndex(({ line }) => line === answers[i].line) + 1;

/** @param {Answer[]} answers */
function summary(answers) {
  const lines = answers[answers.length - 1].line + 1;
  const count = (/** @type {number} */ number, /** @type {string} */ noun) =>
    `${number} ${noun}${number === 1 ? "" : "s"}`;
  const unknown = answers.filter((each) => symbol(each) === "?").length;
  const corrected = answers.filter(({ chosen }) => chosen !== null).length;
  const found = `${count(answers.length, "digit")} in ${count(lines, "line")}. `;
  const left = unknown
    ? `The network answers “I don’t know” to ${unknown} of them, marked “?”: your turn.`
    : "Every digit has an answer.";
  return found + left + (corrected ? ` You decided ${corrected}.` : "");
}

/**
 * The box of a digit, with its answer at the upper right corner.
 * @param {Answer} answer @param {number} side  of a usual digit, in pixels of the photo
 */
function createMark({ top, left, width, height }, side) {
  const [edge, size] = [0.1 * side, 0.5 * side];
  const box = svg("rect", { x: left - edge, y: top - edge, width: width + 2 * edge, height: height + 2 * edge });
  const text = svg("text", { x: left + width + edge, y: top + 0.2 * size, style: `font-size: ${size}px` });
  const element = svg("g", { class: "ml-mark" }, box, text);
  const show = (/** @type {string} */ answer, /** @type {boolean} */ unsure) => {
    text.textContent = answer;
    element.classList.toggle("ml-unsure", unsure);
  };
  return { element, show };
}
