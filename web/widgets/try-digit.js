// Draw a digit, and see the book's convolutional network read it.

import { decodeBytes, readModel } from "./arithmetic/model.js";
import { forward } from "./arithmetic/network.js";
import { createBars } from "./page/bars.js";
import { createTenDigits } from "./page/goal.js";
import { button, digitPicture, h, mount, probability } from "./page/page.js";
import { createPassage } from "./page/passage.js";
import { still } from "./page/player.js";
import { createSurface } from "./page/surface.js";

const PALE = 0.3;
const REST = 700; // milliseconds after a change, until the windows move over the drawing

mount("try-digit", async ({ root, say, load }) => {
  const [stored, digits] = await Promise.all([load("model-cnn"), load("convolution")]);
  const { layers, threshold } = readModel(stored);
  const example = surest(layers, decodeBytes(digits.images));

  const answer = h("p", { class: "ml-answer" });
  const note = h("p", { class: "ml-note" });
  const bars = createBars("Probabilities by the network");
  const passage = createPassage(layers);
  const goal = createTenDigits((news) => news && say(news));
  const hint = digitPicture(example, "A test digit, to be drawn over", "ml-hint-digit");
  let drawn = false;
  let resting = 0;

  const show = (/** @type {Float32Array | null} */ probabilities) => {
    bars.show(probabilities);
    answer.classList.remove("ml-unsure");
    if (!probabilities) {
      [answer.textContent, note.textContent] = ["…", `The network reads ${drawn ? "your" : "a test"} digit.`];
      return null;
    }
    const best = Math.max(...probabilities);
    const digit = probabilities.indexOf(best);
    const sure = best >= threshold;
    answer.classList.toggle("ml-unsure", !sure);
    answer.textContent = sure ? String(digit) : "I don’t know";
    note.textContent = `${sure ? "" : `At best ${digit}, `}${probability(best)} sure${drawn ? "" : ". Now draw your own."}`;
    return sure ? digit : null;
  };
  const probabilities = () => layers[layers.length - 1].output;
  const refresh = (news = "") => {
    clearTimeout(resting);
    const prepared = surface.read();
    drawn = prepared !== null;
    hint.hidden = drawn;
    const image = prepared ?? example;
    forward(layers, image);
    passage.show(image);
    const digit = show(probabilities());
    goal.note(drawn ? digit : null);
    say(news + (drawn ? `${answer.textContent}, ${note.textContent}.` : "The sheet is empty."));
    if (drawn && !still()) resting = window.setTimeout(() => passage.play(PALE), REST);
  };
  const replay = () => {
    clearTimeout(resting);
    say("The windows move over the image again.");
    show(null);
    passage.play(0, () => show(probabilities()));
  };
  const surface = createSurface({ onchange: refresh, say });

  root.classList.add("ml-hero");
  root.append(
    h(
      "div",
      { class: "ml-head" },
      h("p", { class: "ml-title" }, "Draw a digit"),
      h("div", { class: "ml-buttons" }, button("Clear", surface.clear), button("Replay", replay)),
    ),
    h("div", { class: "ml-hero-sheet" }, surface.element, hint),
    h("div", { class: "ml-hero-side" }, h("div", { class: "ml-hero-answer" }, answer, note), bars.element),
    goal.element,
    passage.element,
  );
  refresh();
  if (!still()) replay();
});

/** Of several images, the one that a network is surest of: it has to be read at a glance. @param {import("./arithmetic/network.js").Layer[]} layers @param {Uint8Array} pixels */
function surest(layers, pixels) {
  const images = Array.from({ length: pixels.length / 784 }, (_, i) => pixels.subarray(784 * i, 784 * (i + 1)));
  const sure = images.map((image) => Math.max(...forward(layers, image)));
  return images[sure.indexOf(Math.max(...sure))];
}
