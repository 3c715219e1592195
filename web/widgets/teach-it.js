// Teach it your handwriting: draw each digit three times, fine-tune the last layer, see what is learned and forgotten.

import { decodeShades, readModel } from "./arithmetic/model.js";
import { encodeArrays } from "./arithmetic/npz.js";
import { STEPS } from "./arithmetic/teach.js";
import { decodeImage, encodeImage } from "./arithmetic/text.js";
import { createGoal } from "./page/goal.js";
import { button, chooser, digitPicture, h, mount, numbersOf, paintInk, probability, table } from "./page/page.js";
import { createSurface } from "./page/surface.js";
import { ask, startWorker } from "./page/worker.js";

/** @typedef {import("./arithmetic/teach.js").Lesson} Lesson */
/** @typedef {import("./arithmetic/teach.js").Drawing} Drawing */
/** @typedef {import("./arithmetic/npz.js").NamedArray} NamedArray */
/** @typedef {{worker: Worker, images: Uint8Array[], labels: number[]}} School  with the test digits */
/** @typedef {(Uint8Array | null)[]} Sheets  30 drawings, round after round; null where there is none yet */

/** @type {string} */
// @ts-expect-error the bundler puts the worker's script here
const WORKER = TEACH_WORKER;
const ROUNDS = 3;
const KEPT = "ml-teach-it"; // the name under which the tab keeps the drawings
const RATES = ["0.001", "0.01", "0.1", "1"];

mount("teach-it", async ({ root, say, load }) => {
  const sheets = recall();
  let at = Math.max(0, sheets.indexOf(null)); // the drawing whose turn it is
  let sample = ""; // the hand that was loaded
  let rate = "0.01";
  /** @type {Lesson | null} */
  let lesson = null;
  /** @type {School | null} */
  let school = null;
  let turn = 0; // what was asked for later wins
  let busy = 0; // the turn that is being taught

  const state = h("p", { class: "ml-state" });
  const tell = (/** @type {string} */ text, before = "") => {
    state.textContent = text;
    say(before + text);
  };
  const goal = createGoal(
    "have it read more of your digits than before, though they are new to it, and lose less than 1 point on test digits.",
  );
  const prompt = h("p", { class: "ml-title" });
  const slots = sheets.map((_, i) => createSlot(i, () => select(i)));
  const results = h("div", { class: "ml-scroll", role: "region", "aria-label": "Before and after", tabindex: 0 });
  const changes = numbersOf("Test digits whose answer changed", () => inNumbers(lesson, school));
  const refresh = () => {
    prompt.textContent = `Draw a ${at % 10}, round ${roundOf(at) + 1} of ${ROUNDS}`;
    let place = 0; // among the drawings that there are
    slots.forEach((slot, i) => {
      const number = sheets[i] ? place++ : NaN;
      slot.show(sheets[i], i === at, lesson && [lesson.before.answers[number], lesson.without.answers[number]]);
    });
    results.replaceChildren(summary(lesson, school));
    changes.refresh();
  };
  const select = (/** @type {number} */ i) => {
    at = i;
    refresh();
    say(prompt.textContent ?? "");
  };
  /** After a change of the drawings: what was learned is no longer theirs. */
  const changed = () => {
    lesson = null;
    goal.reset();
    turn++;
    remember(sample ? [] : sheets);
    refresh();
  };
  const keep = () => {
    const image = surface.read();
    if (!image) return tell(`Draw a ${at % 10} first.`);
    sheets[at] = image;
    sample = "";
    const next = sheets.indexOf(null, at) < 0 ? sheets.indexOf(null) : sheets.indexOf(null, at);
    at = next < 0 ? (at + 1) % sheets.length : next;
    surface.clear();
    changed();
    tell(next < 0 ? "All 30 are there: teach it." : `${count(sheets)} of 30 drawn. ${prompt.textContent}.`);
  };
  const surface = createSurface({ say });
  surface.element.addEventListener("keydown", (event) => event.key === "Enter" && keep());

  const loadSample = async (/** @type {string} */ hand) => {
    if (count(sheets) && !sample) return tell("Your own drawings are here. Download them, then erase them first.");
    try {
      const pixels = decodeShades((await load("hands")).shades);
      sheets.forEach(
        (_, i) => (sheets[i] = pixels.slice(784 * (30 * Number(hand) + i), 784 * (30 * Number(hand) + i + 1))),
      );
      sample = hand;
      changed();
      tell(`Sample hand ${Number(hand) + 1}, drawn by a script. Teach it.`);
    } catch (error) {
      tell(`The sample cannot be loaded: ${/** @type {Error} */ (error).message}.`);
    }
  };
  /** @returns {Promise<School>} */
  const open = async () => {
    const [stored, tests] = await Promise.all([load("model-cnn"), load("map")]);
    const pixels = decodeShades(tests.shades);
    const labels = Array.from(/** @type {string} */ (tests.labels), Number);
    const images = labels.map((_, i) => pixels.subarray(784 * i, 784 * (i + 1)));
    const worker = startWorker(WORKER);
    await ask(worker, { start: { layers: readModel(stored).layers, tests: { images, labels } } });
    return { worker, images, labels };
  };
  const teach = async () => {
    if (busy) return tell("It is still learning.");
    if (!isEnough(sheets)) return tell("It needs two whole rounds at least, each digit twice; or load a sample hand.");
    const mine = (busy = ++turn);
    tell(school ? "Teaching …" : "Loading the network and 1,000 test digits (0.2 MB, once) …");
    try {
      const opened = school ?? (await open());
      const learned = await ask(opened.worker, { drawings: listOf(sheets), rate: Number(rate) });
      if (mine !== turn) return school ?? opened.worker.terminate();
      [school, lesson] = [opened, learned];
      refresh();
      const { reached, text } = news(learned, opened, goal);
      tell(text, reached);
    } catch (error) {
      if (mine === turn) tell(`It cannot be taught: ${/** @type {Error} */ (error).message}.`);
    } finally {
      if (busy === mine) busy = 0;
    }
  };
  const erase = () => {
    sheets.fill(null);
    [at, sample, busy] = [0, "", 0];
    surface.forget();
    school?.worker.terminate();
    school = null;
    changed();
    tell("Everything is erased: the drawings, and what was learned from them.");
  };
  const give = (/** @type {string} */ name, /** @type {() => NamedArray[] | null} */ make) => {
    const arrays = make();
    if (!arrays) return tell(name === "digits" ? "There is no drawing yet." : "Teach it first.");
    download(`my-${name}.npz`, encodeArrays(arrays));
    tell(`my-${name}.npz holds ${arrays.map((each) => `${each.name} (${each.shape.join(", ")})`).join(" and ")}.`);
  };

  let hand = "0";
  root.classList.add("ml-teach");
  root.append(
    goal.element,
    h(
      "p",
      { class: "ml-note" },
      "Nothing leaves this page: your drawings stay in this tab until you close it or erase them, and the network learns " +
        "on your device.",
    ),
    h(
      "div",
      { class: "ml-teach-top" },
      h(
        "div",
        { class: "ml-teach-sheet" },
        prompt,
        surface.element,
        h(
          "div",
          { class: "ml-buttons" },
          button("Keep it", keep, { class: "ml-primary", title: "Or press Enter on the sheet" }),
          button("Undo", surface.undo),
          button("Clear", surface.clear),
        ),
      ),
      h(
        "div",
        { class: "ml-slots" },
        ...Array.from({ length: ROUNDS }, (_, round) =>
          h(
            "div",
            { role: "group", "aria-label": `Round ${round + 1}` },
            ...slots.slice(10 * round, 10 * (round + 1)).map(({ element }) => element),
          ),
        ),
      ),
    ),
    h(
      "div",
      { class: "ml-controls" },
      chooser({
        label: "Sample hand",
        options: Array.from({ length: 10 }, (_, i) => /** @type {[string, string]} */ ([String(i), String(i + 1)])),
        value: hand,
        onchange: (chosen) => (hand = chosen),
      }).element,
      button("Load it", () => loadSample(hand)),
      chooser({
        label: "Learning rate",
        options: RATES.map((each) => [each, each]),
        value: rate,
        onchange: (chosen) => (rate = chosen),
      }).element,
      button("Teach", teach, { class: "ml-primary" }),
    ),
    state,
    results,
    h(
      "p",
      { class: "ml-note" },
      "New to it: each round is read by a network that was taught with the other rounds alone. " +
        "Under your drawings stands what it reads so, and before an arrow what it read before. " +
        "Press a drawing to draw it again. The sample hands are drawn by a script.",
    ),
    changes.element,
    h(
      "div",
      { class: "ml-buttons" },
      button("Download the drawings", () => give("digits", () => drawingsOf(sheets))),
      button("Download the weights", () => give("weights", () => lesson && weightsOf(lesson))),
      button("Erase all", erase),
    ),
  );
  state.textContent = count(sheets)
    ? `${count(sheets)} drawings were kept for this tab.`
    : "Draw each digit three times; two whole rounds are enough to begin.";
  refresh();
});

const roundOf = (/** @type {number} */ i) => Math.floor(i / 10);
const count = (/** @type {Sheets} */ sheets) => sheets.filter(Boolean).length;
/** Whether two rounds are complete: one to teach, one to see. @param {Sheets} sheets */
const isEnough = (sheets) =>
  Array.from({ length: ROUNDS }, (_, round) => sheets.slice(10 * round, 10 * (round + 1))).filter((each) =>
    each.every(Boolean),
  ).length >= 2;
/** @param {Sheets} sheets @returns {Drawing[]} */
const listOf = (sheets) => sheets.flatMap((image, i) => (image ? [{ image, label: i % 10, round: roundOf(i) }] : []));

/** A drawing that is kept, and how it is read. @param {number} i @param {() => void} onclick */
function createSlot(i, onclick) {
  const canvas = h("canvas", { class: "ml-ink" });
  const text = h("span");
  const element = button("", onclick);
  element.append(canvas, text);
  /** @param {Uint8Array | null} image @param {boolean} current @param {number[] | null} answers  before and now */
  const show = (image, current, answers) => {
    paintInk(canvas, image ?? new Uint8Array(784), 28);
    element.setAttribute("aria-pressed", String(current));
    const [before, now] = (image && answers) || [];
    const read = now === undefined ? "" : before === now ? `${now}` : `${before}→${now}`;
    text.textContent = image ? read : String(i % 10);
    element.classList.toggle("ml-unsure", now !== undefined && now !== i % 10);
    const how = read && `, read as ${before} before, as ${now} now, new to it`;
    element.setAttribute(
      "aria-label",
      `${i % 10}, round ${roundOf(i) + 1}: ${image ? `drawn${how}` : "not drawn yet"}`,
    );
  };
  return { element, show };
}

/** How many answers are right. @param {number[]} answers @param {number[]} labels */
const rightOf = (answers, labels) => answers.filter((answer, i) => answer === labels[i]).length;

/** @param {School["labels"]} labels @param {Lesson} lesson */
function changesOf(labels, { testBefore, testAfter }) {
  const places = labels.map((_, i) => i).filter((i) => testBefore.answers[i] !== testAfter.answers[i]);
  return {
    places,
    forgotten: places.filter((i) => testBefore.answers[i] === labels[i]),
    learned: places.filter((i) => testAfter.answers[i] === labels[i]),
  };
}

/** What the lesson did, and what to say of the goal. @param {Lesson} lesson @param {School} school @param {ReturnType<typeof createGoal>} goal */
function news(lesson, { labels }, goal) {
  const all = lesson.labels.length;
  const [before, now] = [lesson.before, lesson.without].map(({ answers }) => rightOf(answers, lesson.labels));
  const [testBefore, testNow] = [lesson.testBefore, lesson.testAfter].map(({ answers }) => rightOf(answers, labels));
  const { forgotten, learned } = changesOf(labels, lesson);
  const reached = goal.check(
    now > before && testBefore - testNow < labels.length / 100,
    `from ${before} to ${now} of ${all}, and from ${testBefore} to ${testNow} of ${written(labels.length)} test digits.`,
    before === all ? "It read all of these before, so there is nothing to learn. Try another handwriting." : "",
  );
  const text =
    `Of your ${all} digits, new to it, it reads ${now} right; before, it read ${before}. ` +
    `Of ${written(labels.length)} test digits, it forgot ${forgotten.length} and now reads ${learned.length} that it misread before.`;
  return { reached, text };
}

const written = (/** @type {number} */ number) => number.toLocaleString("en");

/** @param {Lesson | null} lesson @param {School | null} school */
function summary(lesson, school) {
  const answers = (/** @type {"before" | "without" | "after"} */ key) =>
    lesson ? `${rightOf(lesson[key].answers, lesson.labels)} of ${lesson.labels.length}` : "…";
  const sure = (/** @type {"before" | "without"} */ key) => (lesson ? probability(lesson[key].probability) : "…");
  const tests = (/** @type {"testBefore" | "testAfter"} */ key) =>
    lesson && school ? `${rightOf(lesson[key].answers, school.labels)} of ${written(school.labels.length)}` : "…";
  return table(
    `What ${STEPS} steps of the last layer change`,
    ["right answers", "before", "after"],
    [
      ["Your digits, new to it", answers("before"), answers("without")],
      ["… the right digit’s probability, mean", sure("before"), sure("without")],
      ["Your digits, after all rounds", answers("before"), answers("after")],
      ["Test digits", tests("testBefore"), tests("testAfter")],
    ],
  );
}

/** The test digits whose answer changed. @param {Lesson | null} lesson @param {School | null} school */
function inNumbers(lesson, school) {
  const { places, forgotten, learned } =
    lesson && school ? changesOf(school.labels, lesson) : { places: [], forgotten: [], learned: [] };
  const what = (/** @type {number} */ i) =>
    forgotten.includes(i) ? "forgotten" : learned.includes(i) ? "newly right" : "wrong as before";
  return table(
    `${forgotten.length} forgotten, ${learned.length} newly right`,
    ["test image", "picture", "label", "before", "after", "result"],
    places.map((i) => [
      String(i),
      digitPicture(/** @type {School} */ (school).images[i], `Test image ${i}`, "ml-tiny"),
      String(school?.labels[i]),
      String(lesson?.testBefore.answers[i]),
      String(lesson?.testAfter.answers[i]),
      what(i),
    ]),
  );
}

/** @param {Sheets} sheets @returns {NamedArray[] | null} */
function drawingsOf(sheets) {
  const drawings = listOf(sheets);
  if (!drawings.length) return null;
  const images = new Uint8Array(784 * drawings.length);
  drawings.forEach(({ image }, i) => images.set(image, 784 * i));
  return [
    { name: "images", shape: [drawings.length, 28, 28], values: images },
    { name: "labels", shape: [drawings.length], values: Uint8Array.from(drawings, ({ label }) => label) },
  ];
}

/** @param {Lesson} lesson @returns {NamedArray[]} */
const weightsOf = ({ kernel, bias }) => [
  { name: "kernel", shape: [kernel.length / 10, 10], values: kernel },
  { name: "bias", shape: [10], values: bias },
];

/** @param {string} name @param {Uint8Array<ArrayBuffer>} bytes */
function download(name, bytes) {
  const href = URL.createObjectURL(new Blob([bytes]));
  h("a", { href, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(href), 10_000);
}

/** The drawings kept for this tab. @returns {Sheets} */
function recall() {
  try {
    const texts = JSON.parse(sessionStorage.getItem(KEPT) ?? "[]");
    return Array.from({ length: 10 * ROUNDS }, (_, i) => decodeImage(texts[i] ?? ""));
  } catch {
    return new Array(10 * ROUNDS).fill(null);
  }
}

/** @param {Sheets} sheets */
function remember(sheets) {
  try {
    if (count(sheets)) sessionStorage.setItem(KEPT, JSON.stringify(sheets.map((image) => image && encodeImage(image))));
    else sessionStorage.removeItem(KEPT);
  } catch {
    // A browser that keeps nothing: the drawings are lost with the page.
  }
}
