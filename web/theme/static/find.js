// Shows what search.js finds: in place of the contents on every page, with what stands around it on the page "Search".
"use strict";
{
  const at = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));
  const field = /** @type {HTMLInputElement} */ (at("find"));
  const contents = at("contents");
  const isSearchPage = Boolean(document.getElementById("results"));
  const list = at(isSearchPage ? "results" : "finds");
  const status = at(isSearchPage ? "found" : "finding");
  const FEW = isSearchPage ? 10 : 6;
  const top = document.documentElement.dataset.content_root ?? "./";
  const name = document.title;
  const engine = BookSearch.open(bookText);
  let asked = "";

  /** An element with text and elements in it. @template {keyof HTMLElementTagNameMap} T @param {T} tag @param {(string | Node)[]} parts */
  function make(tag, ...parts) {
    const element = document.createElement(tag);
    element.append(...parts.filter(Boolean));
    return element;
  }

  /** A link to a place, where mark.js marks the words that were found there. @param {Place} place @param {(string | Node)[]} parts */
  function linkTo({ address, words }, ...parts) {
    const link = make("a", ...parts);
    const [path, anchor] = address.split("#");
    const found = words.length ? `?found=${encodeURIComponent(words.join(" "))}` : "";
    link.href = `${top}${path}${found}${anchor ? `#${anchor}` : ""}`;
    return link;
  }

  /** The piece of a text that has the most of the words found, each of them marked. @param {Place} place */
  function excerpt({ text, marks }) {
    const LENGTH = 220;
    let best = { first: 0, words: 0 };
    for (const [i, { start }] of marks.entries()) {
      const near = marks.slice(i).filter((mark) => mark.end < start + LENGTH - 60);
      const words = new Set(near.map((mark) => mark.word)).size;
      if (words > best.words) best = { first: start, words };
    }
    const start = best.first > 60 ? text.indexOf(" ", best.first - 60) + 1 : 0;
    const end = start + LENGTH < text.length ? text.lastIndexOf(" ", start + LENGTH) : text.length;
    const paragraph = make("p", start ? "… " : "");
    let done = start;
    for (const mark of marks) {
      if (mark.start < start || mark.end > end) continue;
      paragraph.append(text.slice(done, mark.start), make("mark", text.slice(mark.start, mark.end)));
      done = mark.end;
    }
    paragraph.append(text.slice(done, end), end < text.length ? " …" : "");
    return paragraph;
  }

  /** A page with its best places. @param {Answer} answer */
  function item({ page, places: best }) {
    const places = best();
    const [first] = places;
    if (!isSearchPage) {
      const where = first.title === page.title ? "" : make("small", first.title);
      return make("li", linkTo(first, make("span", page.label ? `${page.label}: ` : "", page.title), where));
    }
    const isLead = first.address === page.address;
    const head = linkTo(isLead ? first : { ...first, address: page.address, words: [] }, page.title);
    const others = places.filter(({ address }) => address !== page.address);
    const inner = others.map((place) => make("li", linkTo(place, place.title), excerpt(place)));
    return make(
      "li",
      page.label ? make("span", `${page.label} `) : "",
      head,
      isLead && first.text ? excerpt(first) : "",
      inner.length ? make("ul", ...inner) : "",
    );
  }

  /** What was found, in one sentence. @param {string} query @param {number} pages @param {string[]} mended */
  function count(query, pages, mended) {
    const read = mended.length ? `, read as “${mended.join(" ")}”` : "";
    if (!pages) return `Nothing found for “${query}”.`;
    return `${pages} ${pages === 1 ? "page" : "pages"} for “${query}”${read}.`;
  }

  /** Show the first pages, and a way to the others. @param {Answer[]} answers @param {string} query */
  function show(answers, query) {
    list.replaceChildren(...answers.slice(0, FEW).map(item));
    if (answers.length <= FEW) return;
    const text = `Show all ${answers.length} pages`;
    if (!isSearchPage) {
      const link = make("a", text);
      link.href = `${top}search.html?q=${encodeURIComponent(query)}`;
      list.append(make("li", link));
      return;
    }
    const more = make("button", text);
    more.type = "button";
    const last = make("li", more);
    more.addEventListener("click", () => {
      const others = answers.slice(FEW).map(item);
      last.replaceWith(...others);
      others[0].querySelector("a")?.focus();
    });
    list.append(last);
  }

  async function search() {
    const query = field.value.trim();
    asked = query;
    const book = await engine;
    if (query !== asked) return; // more was typed in the meantime
    contents.classList.toggle("searching", !isSearchPage && Boolean(query));
    const { answers, terms, mended } = query ? book.find(query) : { answers: [], terms: [], mended: [] };
    show(answers, query);
    status.textContent = query
      ? count(query, answers.length, mended)
      : isSearchPage
        ? "Type what you are looking for into the search field."
        : "";
    if (!isSearchPage) return;
    document.title = query ? `${query} · ${name}` : name;
    // A definition is not the place where the thing is taught, and stands apart.
    at("terms").replaceChildren(
      ...terms
        .slice(0, 3)
        .map(({ names, address, text }) =>
          make("li", linkTo({ title: "", address, text, words: [], marks: [] }, names.join(", ")), make("p", text)),
        ),
    );
  }

  /** Keep what was asked in the address, to come back to it. */
  function remember() {
    try {
      history.replaceState(
        history.state,
        "",
        field.value.trim() ? `?q=${encodeURIComponent(field.value.trim())}` : "?",
      );
    } catch {
      // Not here: Back then leads to what was asked first.
    }
  }

  /** @type {ReturnType<typeof setTimeout>} */
  let waiting;
  field.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      if (isSearchPage) remember();
      search();
    }, 150);
  });

  // Down leads to what was found, and through it; Up leads back; Escape leads back to the contents.
  const found = () => /** @type {HTMLElement[]} */ ([...list.querySelectorAll("a, button")]);
  at(isSearchPage ? "main" : "contents").addEventListener("keydown", (event) => {
    const stops = [field, ...found()];
    const here = stops.indexOf(/** @type {HTMLElement} */ (document.activeElement));
    if (here < 0 || event.altKey || event.ctrlKey || event.metaKey) return;
    const next = { ArrowDown: here + 1, ArrowUp: here - 1 }[event.key];
    if (event.key === "Escape" && field.value) {
      field.value = "";
      field.focus();
      if (isSearchPage) remember();
      search();
    } else if (next !== undefined && stops[next] && found().length) stops[next].focus();
    else return;
    event.preventDefault();
  });

  if (isSearchPage) {
    field.form?.addEventListener("submit", (event) => {
      event.preventDefault();
      remember();
      search();
    });
    field.value = new URLSearchParams(location.search).get("q")?.trim() ?? "";
    const slash = /** @type {HTMLInputElement} */ (at("slash"));
    slash.addEventListener("change", () => preferences.set("slash", slash.checked ? "on" : "off"));
    slash.checked = preferences.get("slash") !== "off";
    at("keys").hidden = false;
  }
  search();
}
