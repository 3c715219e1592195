// Ten probabilities as bars.

import { h, probability } from "./page.js";

/** @param {string} caption  for those who do not see the bars */
export function createBars(caption) {
  const rows = Array.from({ length: 10 }, (_, digit) => {
    const bar = h("span", { class: "ml-bar" });
    const number = h("span", { class: "ml-number" });
    const row = h(
      "tr",
      {},
      h("th", { scope: "row" }, String(digit)),
      h("td", {}, h("span", { class: "ml-track" }, bar), number),
    );
    return { bar, number, row };
  });
  const element = h(
    "table",
    { class: "ml-probabilities" },
    h("caption", { class: "ml-sr" }, caption),
    h(
      "thead",
      { class: "ml-sr" },
      h("tr", {}, h("th", { scope: "col" }, "Digit"), h("th", { scope: "col" }, "Probability")),
    ),
    h("tbody", {}, ...rows.map(({ row }) => row)),
  );
  const show = (/** @type {Float32Array | null} */ probabilities) => {
    const best = probabilities ? Math.max(...probabilities) : 0;
    rows.forEach(({ bar, number, row }, digit) => {
      const share = probabilities ? probabilities[digit] : 0;
      bar.style.width = `${100 * share}%`;
      number.textContent = probabilities ? probability(share) : "";
      row.classList.toggle("ml-best", share > 0 && share === best);
    });
  };
  return { element, show };
}
