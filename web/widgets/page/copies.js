// A digit as a link to the page that shows it, and as a NumPy array.

import { button, copyText, h } from "./page.js";

/** The page's address without what stands after a #. */
export const withoutHash = () => location.href.replace(/#.*/s, "");

/**
 * Buttons that copy a digit, and a line that says so.
 * @param {(text: string) => void} say
 * @param {{about: string, link: () => string | null, NumPy: () => string | null}} texts
 *   about: what they copy; null: there is nothing to copy
 */
export function createCopies(say, { about, link, NumPy }) {
  const state = h("p", { class: "ml-note" }, about);
  const byHand = h("textarea", { readonly: true, hidden: true, rows: 3, "aria-label": "To copy by hand" });
  const copy = async (/** @type {() => string | null} */ make, /** @type {string} */ done) => {
    const text = make();
    const copied = text !== null && (await copyText(text));
    byHand.hidden = copied || text === null;
    byHand.value = text ?? "";
    if (text === null) state.textContent = "There is nothing to copy yet: draw a digit first.";
    else if (copied) state.textContent = done;
    else {
      state.textContent = "The browser does not let this page copy. Here it is to copy by hand:";
      byHand.focus();
      byHand.select();
    }
    say(state.textContent);
  };
  return [
    h(
      "div",
      { class: "ml-buttons" },
      button("Copy link", () => copy(link, "Copied. The link opens this page with this digit.")),
      button("Copy as NumPy", () =>
        copy(NumPy, "Copied. Paste it into a cell: image has shape (28, 28) and dtype uint8."),
      ),
    ),
    state,
    byHand,
  ];
}
