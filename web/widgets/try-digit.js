// Try a digit: the small sister of draw-digit, for a first page. The network comes when the reader comes to the sheet.

import { readModel } from "./arithmetic/model.js";
import { forward } from "./arithmetic/network.js";
import { button, h, mount, paintInk, percent, warning } from "./page/page.js";
import { prepareDrawing } from "./arithmetic/prepare.js";
import { createSurface, SIZE } from "./page/surface.js";

const EMPTY = new Uint8Array(784);

mount("try-digit", async ({ root, say, load }) => {
  /** @type {import("./arithmetic/model.js").Model | null} */
  let model = null;
  let asked = false;

  const seen = h("canvas", { class: "ml-ink", role: "img" });
  const answer = h("p", { class: "ml-answer" });
  const note = h("p", { class: "ml-note" });
  const answers = h(
    "div",
    { class: "ml-try-answer" },
    h("div", {}, answer, note),
    h("div", { class: "ml-paper" }, seen),
  );
  const show = (/** @type {string} */ large, /** @type {string} */ small) => {
    answer.textContent = large;
    note.textContent = small;
    answer.hidden = large === "";
  };
  const refresh = () => {
    const image = prepareDrawing(surface.readInk(), SIZE);
    surface.element.classList.toggle("ml-empty", !image);
    paintInk(seen, image ?? EMPTY, 28);
    seen.setAttribute("aria-label", image ? "What the network sees: the drawing in 28 by 28 pixels" : "Nothing yet");
    if (!image) show("", "With a mouse, a finger, or the arrow keys and Space.");
    else if (!model) show("…", "The network is on its way.");
    else read(model, image);
    say(image ? `${answer.textContent} ${note.textContent}` : "The sheet is empty.");
  };
  /** @param {import("./arithmetic/model.js").Model} network @param {Uint8Array} image */
  const read = ({ layers, threshold }, image) => {
    const probabilities = forward(layers, image);
    const best = Math.max(...probabilities);
    const digit = probabilities.indexOf(best);
    if (best >= threshold) show(String(digit), `says the network, ${percent(best)} sure.`);
    else show("?", `I don’t know. At best a ${digit}, ${percent(best)} sure.`);
  };
  const surface = createSurface({ onchange: refresh, say });
  const ask = async () => {
    if (asked) return;
    asked = true;
    try {
      model = readModel(await load("model-cnn"));
      refresh();
    } catch (error) {
      answers.replaceWith(warning(/** @type {Error} */ (error)));
    }
  };
  for (const event of ["pointerenter", "pointerdown", "focus"]) surface.element.addEventListener(event, ask);

  root.classList.add("ml-try");
  root.append(
    h("div", { class: "ml-head" }, h("p", { class: "ml-title" }, "Draw a digit here"), button("Clear", surface.clear)),
    surface.element,
    answers,
  );
  refresh();
});
