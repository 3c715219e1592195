// Finds sections of the book. MiniSearch ranks; slips of spelling and beginnings of words count, for less.
"use strict";

const query = new URLSearchParams(location.search).get("q")?.trim() ?? "";
const at = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));
const found = at("found");
/** @type {HTMLInputElement} */ (at("find")).value = query;

const engine = new MiniSearch({
  fields: ["title", "page", "text"],
  storeFields: ["address", "title", "page", "text", "kind"],
  // Where something is taught comes before where it is listed, practiced or looked up.
  searchOptions: {
    boost: { title: 4, page: 2 },
    boostDocument: (_id, _word, section) => (section?.kind === "chapter" ? 2 : 1),
    prefix: (term) => term.length > 3,
    fuzzy: (term) => (term.length > 5 ? 0.15 : false),
  },
});
engine.addAll(bookSections.map((section, id) => ({ id, ...section })));

/** What stands around the first of some words in a text, each of them marked. @param {string} text @param {string[]} words */
function excerpt(text, words) {
  const first = Math.max(0, text.search(new RegExp(words.map((word) => word.replace(/\W/g, "\\$&")).join("|"), "i")));
  const start = first > 80 ? text.indexOf(" ", first - 80) + 1 : 0;
  const end = start + 220 < text.length ? text.lastIndexOf(" ", start + 220) : text.length;
  const piece = (start ? "… " : "") + text.slice(start, end) + (end < text.length ? " …" : "");
  const paragraph = document.createElement("p");
  const pattern = new RegExp(`(${words.map((word) => word.replace(/\W/g, "\\$&")).join("|")})`, "gi");
  for (const [index, part] of piece.split(pattern).entries()) {
    paragraph.append(index % 2 ? Object.assign(document.createElement("mark"), { textContent: part }) : part);
  }
  return paragraph;
}

if (query) {
  document.title = `${query} · ${document.title}`;
  // Sections with every word first; where there is none, those with any.
  const all = engine.search(query, { combineWith: "AND" });
  const hits = (all.length ? all : engine.search(query)).slice(0, 20);
  found.textContent = hits.length
    ? `${hits.length} ${hits.length === 1 ? "place" : "places"} for “${query}”`
    : `Nothing found for “${query}”.`;
  // Glossary entries stand first, apart: a definition is not the place where the thing is taught.
  for (const hit of hits) {
    const link = Object.assign(document.createElement("a"), { href: hit.address, textContent: hit.title });
    const item = document.createElement("li");
    item.append(link);
    if (hit.page) item.append(Object.assign(document.createElement("span"), { textContent: ` in ${hit.page}` }));
    if (hit.text) item.append(excerpt(hit.text, hit.terms));
    at(hit.kind === "term" ? "terms" : "results").append(item);
  }
} else {
  found.textContent = "Write what you look for into the field.";
}
