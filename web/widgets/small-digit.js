// Draw for the smallest network: what answers is the program that the chapter wrote, weights included. It comes when
// the reader comes to the sheet.

import { createTenDigits } from "./page/goal.js";
import { button, h, mount, paintInk, probability, warning } from "./page/page.js";
import { createSurface } from "./page/surface.js";

/** @typedef {(image: Uint8Array) => number[]} Program  28 x 28 pixels to ten probabilities */

const EMPTY = new Uint8Array(784);

mount("small-digit", async ({ root, say, load }) => {
  /** @type {Program | null} */
  let program = null;
  let asked = false;

  const goal = createTenDigits(() => refresh());
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
  const refresh = (news = "") => {
    const image = surface.read();
    paintInk(seen, image ?? EMPTY, 28);
    seen.setAttribute("aria-label", image ? "What the network sees: the drawing in 28 by 28 pixels" : "Nothing yet");
    const probabilities = image && program ? program(image) : null;
    if (!image) show("", goal.text());
    else if (!probabilities) show("…", "The program is on its way.");
    else {
      const best = Math.max(...probabilities);
      show(String(probabilities.indexOf(best)), `says the program, ${probability(best)} sure.`);
    }
    goal.note(probabilities && Number(answer.textContent));
    if (image && goal.reached()) note.textContent += ` ${goal.text()}`;
    say(news + (image ? `${answer.textContent} ${note.textContent}` : "The sheet is empty."));
  };
  const surface = createSurface({ onchange: refresh, say });
  const ask = async () => {
    if (asked) return;
    asked = true;
    try {
      program = await load("small");
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
