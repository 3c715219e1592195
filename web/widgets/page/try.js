// A sheet to draw on and one answer below it. Whatever answers comes when the reader comes to the sheet.

import { prepareDrawing } from "../arithmetic/prepare.js";
import { createTenDigits } from "./goal.js";
import { button, h, paintInk, warning } from "./page.js";
import { createSurface, SIZE } from "./surface.js";

const EMPTY = new Uint8Array(784);

/** @typedef {(image: Uint8Array) => [large: string, small: string]} Read  what to say of an image of 28 x 28 */

/**
 * @param {HTMLElement} root @param {(text: string) => void} say
 * @param {() => Promise<Read>} fetchReader  called once, when it is needed
 */
export function buildTry(root, say, fetchReader) {
  /** @type {Read | null} */
  let read = null;
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
  const refresh = () => {
    const image = prepareDrawing(surface.readInk(), SIZE);
    surface.element.classList.toggle("ml-empty", !image);
    paintInk(seen, image ?? EMPTY, 28);
    seen.setAttribute("aria-label", image ? "What the network sees: the drawing in 28 by 28 pixels" : "Nothing yet");
    if (!image) show("", goal.text());
    else if (!read) show("…", "The network is on its way.");
    else show(...read(image));
    const digit = answer.textContent ?? "";
    goal.note(image && /^\d$/.test(digit) ? Number(digit) : null);
    if (image && goal.reached()) note.textContent += ` ${goal.text()}`;
    say(image ? `${answer.textContent} ${note.textContent}` : "The sheet is empty.");
  };
  const surface = createSurface({ onchange: refresh, say });
  const ask = async () => {
    if (asked) return;
    asked = true;
    try {
      read = await fetchReader();
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
}
