// What this browser keeps for the reader: answers, guesses, the chapters read, and the place to go on from. It begins with
// the reader's first answer, guess, tick, or press on "Keep my place"; nothing is sent. book/progress.md tells readers.
//
// All of it is one item of the local storage, KEPT_AS, in the form `Kept` of web/globals.d.ts as JSON. Another form needs
// another version. Where a browser keeps nothing, or what is there has another version, everything works and is not kept.

globalThis.kept = (() => {
  const KEPT_AS = "mnist-lessons";
  const VERSION = 1;
  const DAYS = [1, 1, 7]; // until a question returns, by how often it was answered right in a row; then it is done
  const root = new URL(document.documentElement.dataset.content_root ?? "./", document.baseURI).href;
  const main = /** @type {HTMLElement} */ (document.getElementById("main"));
  const place = /** @type {HTMLElement} */ (document.getElementById("kept"));
  const { page = "", chapter = "" } = main.dataset;

  /** The day by the reader's calendar, some days from today, as 2026-11-27. */
  function day(later = 0) {
    const date = new Date();
    date.setDate(date.getDate() + later);
    return [date.getFullYear(), date.getMonth() + 1, date.getDate()]
      .map((part) => `${part}`.padStart(2, "0"))
      .join("-");
  }
  const now = () => new Date().toISOString();
  /** Tell whether a question has to be asked. @param {KeptAnswer} answer */
  const isDue = ({ right, due }) => !right || (due !== undefined && due <= day());

  /** What is kept; null where nothing is, or nothing can be. @returns {Kept | null} */
  function load() {
    try {
      const found = JSON.parse(localStorage.getItem(KEPT_AS) ?? "null");
      return found?.version === VERSION ? found : null;
    } catch {
      return null;
    }
  }
  /** Change what is kept; tells whether the browser took it. @param {(all: Kept) => void} edit */
  function change(edit) {
    try {
      const all = load() ?? { version: VERSION, answers: {}, guesses: {}, read: {} };
      if (localStorage.getItem(KEPT_AS) && !load()) return false; // of another version, which we would destroy
      edit(all);
      localStorage.setItem(KEPT_AS, JSON.stringify(all));
    } catch {
      return false;
    }
    show();
    return true;
  }

  /**
   * Keep the answer to a question and when it returns: a day after it was answered right, then a week after that. A wrong
   * answer begins again. A right one before its day does not count.
   * @param {string} key @param {string} chosen @param {boolean} right
   */
  function answer(key, chosen, right) {
    let due = "";
    const done = change(({ answers }) => {
      const before = answers[key];
      const early = right && before?.right && !isDue(before);
      const times = early ? before.times : right ? (before?.times ?? 0) + 1 : 0;
      answers[key] = { chosen, right, times, at: now() };
      if (early) due = before.due ?? "";
      else if (times < DAYS.length) due = day(DAYS[times]);
      if (due) answers[key].due = due;
    });
    if (!done) return "";
    if (!right) return "The question waits there to be repeated.";
    if (!due) return "You were right three times in a row, so the question does not return.";
    return due === day(1) ? "The question returns tomorrow." : `The question returns on ${say(due)}.`;
  }
  /** Keep a guess as it was typed. @param {string} key @param {string} guess */
  const guess = (key, guess) => change(({ guesses }) => (guesses[key] = { guess, at: now() }));

  /** A day in words. @param {string} date */
  const say = (date) => new Date(`${date}T12:00`).toLocaleDateString("en-US", { month: "long", day: "numeric" });
  /** Say behind an element that something is kept. @param {Element} element @param {string} words */
  function note(element, words) {
    const next = element.nextElementSibling;
    const line = next?.matches(".ml-kept") ? next : document.createElement("p");
    line.className = "ml-kept";
    line.replaceChildren(
      "Kept in this browser only; see ",
      link("book/progress", "Your progress"),
      `. ${words}`.trim(),
    );
    element.after(line);
  }

  /** A link to a page or a place in it. @param {string} page @param {string} text */
  function link(page, text, section = "") {
    const href = `${root}${page}.html${section && `#${section}`}`;
    return Object.assign(document.createElement("a"), { href, textContent: text });
  }
  let ended = false;
  /** The section that is being read; in the last one, once the end of the page was reached, the next page. @returns {KeptPlace} */
  function here() {
    const heads = [...main.querySelectorAll("section > h2")];
    const head = heads.findLast((head) => head.getBoundingClientRect().top < innerHeight / 2);
    const next = /** @type {HTMLAnchorElement | null} */ (main.querySelector(".neighbors [rel=next]"));
    if (ended && next && head === heads.at(-1)) {
      const title = (next.lastChild?.textContent ?? "").trim().replace(/^(\d+) /, "Chapter $1, ");
      return { page: next.href.slice(root.length).replace(/\.html.*/, ""), section: "", title, at: now() };
    }
    const words = [...(head?.childNodes ?? [])].filter((node) => !(node instanceof HTMLAnchorElement));
    const title = words.map((node) => node.textContent).join("");
    return {
      page,
      section: head?.parentElement?.id ?? "",
      title: `Chapter ${chapter}${title && `, ${title}`}`,
      at: now(),
    };
  }

  /** The links to where the reader stopped and to what is due, or else nothing. @param {Kept | null} all */
  function onward(all) {
    const due = Object.values(all?.answers ?? {}).filter(isDue).length;
    const at = all?.place;
    return [
      ...(at ? [link(at.page, `Continue: ${at.title}`, at.section)] : []),
      ...(due ? [link("book/progress", `${due} to repeat`, "repeat-questions")] : []),
    ];
  }
  const status = Object.assign(document.createElement("span"), { role: "status" });
  const button = Object.assign(document.createElement("button"), { type: "button", textContent: "Keep my place" });
  button.addEventListener("click", () => {
    const at = here();
    const done = change((all) => (all.place = at));
    status.textContent = done ? `Kept: ${at.title}.` : "This browser did not let the page keep it.";
  });
  /** Show in the contents, and on the first page, what is kept. */
  function show() {
    const all = load();
    for (const link of /** @type {NodeListOf<HTMLAnchorElement>} */ (document.querySelectorAll("#contents li a"))) {
      if (link.hash && link.getAttribute("aria-current") !== "page") continue; // of a section
      const name = link.href.slice(root.length).replace(/\.html.*/, "");
      link.toggleAttribute("data-read", Boolean(all?.read[name]));
    }
    // A button that was pressed stays where it is.
    if (document.activeElement !== button) {
      const links = onward(all);
      const parts = all?.place || !chapter ? links : [button, status, ...links];
      place.replaceChildren(...(parts.length ? parts : [link("book/progress", "Your progress")]));
    }
    const doors = document.querySelector(".home .doors");
    doors?.querySelector(".kept")?.remove();
    const links = onward(all);
    if (links.length) {
      const line = Object.assign(document.createElement("p"), { className: "kept" });
      line.append(...links);
      doors?.prepend(line);
    }
    document.dispatchEvent(new Event("kept"));
  }

  // Whoever has begun to keep something has the place and the chapters read to their ends kept, too.
  if (chapter) {
    let start = scrollY;
    const moved = () => Math.abs(scrollY - start) > innerHeight / 2;
    const leave = () => {
      if (!load() || !(moved() || ended)) return;
      change((all) => {
        all.place = here();
        if (ended) all.read[page] ??= now();
      });
    };
    addEventListener("load", () => (start = scrollY)); // the browser has gone to the section of the address
    new IntersectionObserver(([{ isIntersecting }]) => {
      if (!isIntersecting || !moved()) return;
      ended = true;
      leave();
    }).observe(/** @type {Element} */ (main.querySelector(".neighbors") ?? main.lastElementChild));
    document.addEventListener("visibilitychange", () => document.visibilityState === "hidden" && leave());
  }
  addEventListener("storage", show); // another tab has kept something
  addEventListener("pageshow", ({ persisted }) => persisted && show());
  place.hidden = false;
  show();
  return { KEPT_AS, VERSION, load, change, answer, guess, note, show, day, isDue, say };
})();
