// Conveniences; every page can be read and followed without them.
"use strict";

globalThis.preferences = {
  get(name) {
    try {
      return localStorage.getItem(name);
    } catch {
      return null;
    }
  },
  set(name, value) {
    try {
      if (value) localStorage.setItem(name, value);
      else localStorage.removeItem(name);
    } catch {
      // No storage here: the choice holds for this page.
    }
  },
};

// Light or dark: the system's choice, until the reader makes one.
const theme = /** @type {HTMLElement} */ (document.getElementById("theme"));
const system = matchMedia("(prefers-color-scheme: dark)");
const root = document.documentElement;
const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
theme.addEventListener("click", () => {
  root.dataset.theme = isDark() ? "light" : "dark";
  preferences.set("theme", root.dataset.theme);
});
theme.hidden = false;

// The contents show the current entry in their middle: this page, or the section of it that is being read.
const contents = /** @type {HTMLElement} */ (document.getElementById("contents"));
const list = /** @type {HTMLElement} */ (contents.querySelector(".entries"));
const center = () => {
  /** @type {NodeListOf<HTMLElement>} */
  const entries = list.querySelectorAll("[aria-current]");
  const entry = entries[entries.length - 1];
  // At once: while a list scrolls smoothly, Chromium drops the page's jump to a section.
  if (entry)
    list.scrollTo({ top: entry.offsetTop - (list.clientHeight - entry.offsetHeight) / 2, behavior: "instant" });
};
center();
contents.addEventListener("toggle", center);
// The drawer closes when one of its links leads to a place on this page.
contents.addEventListener("click", (event) => {
  if (/** @type {Element} */ (event.target).closest("a") && contents.matches(":popover-open")) contents.hidePopover();
});

// A section is read while it crosses a line in the upper part of the window. Where the page ends before the last ones
// get there, it is the one that was asked for, or the last.
/** @type {Map<Element, Element>} */
const entryOf = new Map();
for (const entry of /** @type {NodeListOf<HTMLAnchorElement>} */ (contents.querySelectorAll("li li a[href^='#']"))) {
  const section = document.getElementById(decodeURIComponent(entry.hash.slice(1)))?.closest("section");
  if (section) entryOf.set(section, entry);
}
const LINE = 0.25;
/** @type {Element | undefined} */
let marked;
const markSection = () => {
  const end = scrollY + innerHeight >= document.documentElement.scrollHeight - 2;
  const reached = [...entryOf.keys()].filter(
    (section) => section.getBoundingClientRect().top <= innerHeight * (end ? 1 : LINE),
  );
  const asked = end && reached.find((section) => section.matches(":target"));
  const entry = entryOf.get(asked || reached[reached.length - 1]);
  if (entry === marked) return;
  marked?.removeAttribute("aria-current");
  entry?.setAttribute("aria-current", "location");
  marked = entry;
  // Under the pointer or the keyboard of a reader who is choosing, nothing moves.
  if (!contents.matches(":hover, :has(:focus-visible)")) center();
};
const onLine = new IntersectionObserver(markSection, { rootMargin: `${-100 * LINE}% 0% ${-100 * (1 - LINE)}%` });
for (const section of entryOf.keys()) onLine.observe(section);
const atEnd = new IntersectionObserver(markSection, { threshold: [0, 1] });
atEnd.observe(/** @type {Element} */ (document.querySelector(".bottom")));
addEventListener("hashchange", markSection);

// The search is large, and comes when something is written into its field; what marks a place found, with its address.
const field = /** @type {HTMLInputElement} */ (document.getElementById("find"));
const load = (/** @type {string[]} */ ...files) => {
  for (const file of files) {
    const src = new URL(`${root.dataset.content_root}${file}`, document.baseURI).href;
    document.head.append(Object.assign(document.createElement("script"), { src, async: false }));
  }
};
if (!document.getElementById("results")) {
  const all = ["_static/minisearch.js", "sections.js", "_static/search.js", "_static/find.js"];
  field.addEventListener("input", () => load(...all), { once: true });
}
if (new URLSearchParams(location.search).has("found")) load("_static/mark.js");

// Ctrl-K and / lead to it; the latter can be switched off on the page "Search", for those who speak to their browser.
const leadsToSearch = (/** @type {KeyboardEvent} */ event) => {
  if (event.altKey) return false;
  if (event.ctrlKey || event.metaKey) return event.key === "k" && !event.shiftKey;
  if (event.key !== "/" || /** @type {Element} */ (event.target).closest("input, textarea, select")) return false;
  return preferences.get("slash") !== "off";
};
document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || !leadsToSearch(event)) return;
  event.preventDefault();
  if (!field.checkVisibility()) contents.showPopover();
  field.focus();
  field.select();
});

// A table that may be sorted is, by the column whose head is pressed; pressed again, the other way round.
for (const table of document.querySelectorAll("table")) {
  if (!table.matches(".ml-sortable") || !table.tHead) continue;
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  const number = /^(?:about |<|≈)?\s*[-−]?\d/;
  for (const [column, head] of heads.entries()) {
    const text = (/** @type {HTMLTableRowElement} */ row) => row.cells[column].textContent.trim();
    const size = (/** @type {HTMLTableRowElement} */ row) =>
      parseFloat(
        text(row)
          .replace("−", "-")
          .replace(/^[^\d-]+/, ""),
      );
    const button = Object.assign(document.createElement("button"), { type: "button" });
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const rows = [...body.rows];
      const sign = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
      const byNumber = rows.every((row) => number.test(text(row)));
      rows.sort(
        (a, b) => sign * (byNumber ? size(a) - size(b) : text(a).localeCompare(text(b), "en", { numeric: true })),
      );
      body.append(...rows);
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
    });
  }
}

// What is wider than the page scrolls, by keyboard too.
/** @type {NodeListOf<HTMLElement>} */
const wide = document.querySelectorAll("pre, .text_html, .pst-scrollable-table-container, .formula");
const mark = () => {
  const scrolls = [...wide].map((element) => element.scrollWidth > element.clientWidth); // measured at once, then marked
  for (const [index, element] of wide.entries()) {
    if (scrolls[index]) {
      element.tabIndex = 0;
      element.setAttribute("role", "group");
      const caption = element.querySelector("caption")?.textContent.trim();
      element.setAttribute(
        "aria-label",
        caption || (element.matches("pre") ? "Code, scrolls sideways" : "Scrolls sideways"),
      );
    } else {
      for (const name of ["tabindex", "role", "aria-label"]) element.removeAttribute(name);
    }
  }
};
mark();
addEventListener("resize", mark);
document.addEventListener("toggle", mark, true);

// The book can be kept in the browser; what does it is loaded where that is offered or done.
if (isSecureContext && location.protocol !== "file:" && navigator.serviceWorker) {
  if (document.getElementById("keep") || navigator.serviceWorker.controller) load("_static/offline.js");
}
