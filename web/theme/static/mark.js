// Marks the words that the search found on this page, without touching its markup; Escape takes the marks away.
"use strict";
{
  const NAME = "found";
  const words = new Set(new URLSearchParams(location.search).get(NAME)?.toLowerCase().split(" "));
  const place = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const part = place?.matches("section") ? place : document.querySelector("article");
  /** The words found in each block of text. @type {Map<Element, Set<string>>} */
  const blocks = new Map();
  /** @type {Range[]} */
  const ranges = [];
  const texts = document.createTreeWalker(part ?? document.body, NodeFilter.SHOW_TEXT);
  for (let node = texts.nextNode(); node; node = texts.nextNode()) {
    for (const match of (node.nodeValue ?? "").matchAll(/[\p{L}\p{N}]+(?:[-_][\p{L}\p{N}]+)*/gu)) {
      const word = match[0].toLowerCase();
      if (!words.has(word)) continue;
      const range = new Range();
      range.setStart(node, match.index);
      range.setEnd(node, match.index + word.length);
      ranges.push(range);
      const block = node.parentElement?.closest("p, li, td, pre, figcaption, h1, h2, h3, h4");
      if (block?.checkVisibility()) blocks.set(block, (blocks.get(block) ?? new Set()).add(word));
    }
  }

  const clear = (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== "Escape") return;
    CSS.highlights.delete(NAME);
    removeEventListener("keydown", clear);
    const address = new URL(location.href);
    address.searchParams.delete(NAME);
    try {
      history.replaceState(history.state, "", address);
    } catch {
      // Not here: the marks come back when the page is loaded again.
    }
  };

  const show = () => {
    CSS.highlights.set(NAME, new Highlight(...ranges));
    addEventListener("keydown", clear);
    // The section's title is in view; if none of the words is, go on to the paragraph that has the most of them.
    const inView = (/** @type {Element} */ block) => {
      const { top, bottom } = block.getBoundingClientRect();
      return top < innerHeight && bottom > 0;
    };
    const best = [...blocks].sort((a, b) => b[1].size - a[1].size)[0]?.[0];
    if (best && !inView(best)) best.scrollIntoView({ block: "center" });
  };
  if (ranges.length && CSS.highlights) {
    if (document.readyState === "complete") show();
    else addEventListener("load", () => setTimeout(show)); // after the browser has gone to the section
  }
}
