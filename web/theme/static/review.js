// The page "Your progress": asks again what is due, ticks chapters, writes what is kept into a file, reads such a file,
// and deletes all of it.
{
  const FORMAT = "MNIST Lessons progress";
  const LARGEST = 1e6; // bytes of a file; the answers to all questions of the book make less than a tenth of that
  // What else the site keeps: in this browser, and until the tab is closed.
  // A light or dark page, whether code wraps, whether / leads to the search, and the hub that opens chapters.
  const CHOICES = ["theme", "wrap", "slash", "hub"];
  const DRAWINGS = ["ml-draw-digit", "ml-teach-it"];
  const { KEPT_AS, VERSION, load, change, day, isDue, say, show } = kept;

  /** @type {(selector: string) => HTMLElement} */
  const find = (selector) => /** @type {HTMLElement} */ (document.querySelector(selector));
  /** @type {(selector: string) => HTMLElement[]} */
  const findAll = (selector) => [.../** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll(selector))];
  /** @param {number} n @param {string} noun */
  const count = (n, noun) => `${n} ${noun}${n === 1 ? "" : "s"}`;

  // What is due, and what was read ------------------------------------------------------------------------------------

  const asked = find(".ml-due");
  const questions = findAll(".ml-review > [data-page]").map((part) => {
    const { page = "", place } = part.dataset;
    const key = /** @type {HTMLElement} */ (part.querySelector("[data-key]")).dataset.key ?? "";
    return { part, key, page, place };
  });
  const chapters = findAll(".ml-chapters [data-page]").map((item) => ({
    page: item.dataset.page ?? "",
    link: /** @type {HTMLAnchorElement} */ (item.querySelector("a")),
    box: /** @type {HTMLInputElement} */ (item.querySelector("input")),
    score: /** @type {HTMLElement} */ (item.querySelector(".ml-score")),
  }));

  /** Move questions that are due into the text; one that is answered there stays until the page is opened again. */
  function ask() {
    const answers = load()?.answers ?? {};
    const due = questions.filter(({ key }) => answers[key] && isDue(answers[key]));
    for (const { part, page, place } of due.filter(({ part }) => part.parentElement !== asked)) {
      const chapter = chapters.find((chapter) => chapter.page === page)?.link;
      const link = Object.assign(document.createElement("a"), { textContent: chapter?.textContent });
      link.href = `${chapter?.href}#${place}`;
      part.prepend(Object.assign(document.createElement("p"), { className: "ml-from" }));
      part.firstElementChild?.append("From ", link);
      asked.append(part);
    }
    const wrong = due.filter(({ key }) => !answers[key].right).length;
    const back = due.length - wrong;
    const parts = [...(wrong ? [`${wrong} answered wrong`] : []), ...(back ? [`${back} due again`] : [])];
    const later = Object.values(answers).flatMap(({ due }) => due ?? []);
    const next = later.length ? ` The next question returns on ${say(later.sort()[0])}.` : "";
    const none = later.length || Object.keys(answers).length ? `Nothing is due.${next}` : "No answer is kept yet.";
    find("#due").textContent = due.length ? `${count(due.length, "question")} to repeat: ${parts.join(", ")}.` : none;
  }

  function tick() {
    const all = load();
    for (const { page, box, score } of chapters) {
      const own = questions.filter((question) => question.page === page);
      const answers = own.flatMap(({ key }) => all?.answers[key] ?? []);
      box.checked = Boolean(all?.read[page]);
      score.textContent = answers.length
        ? `${answers.filter(({ right }) => right).length} of ${count(own.length, "question")} right`
        : "";
    }
  }
  for (const { page, box } of chapters) {
    /** @type {HTMLElement} */ (box.parentElement).hidden = false;
    box.addEventListener("change", () => {
      const at = new Date().toISOString();
      if (!change(({ read }) => (box.checked ? (read[page] = at) : delete read[page]))) box.checked = false;
    });
  }

  // The file ----------------------------------------------------------------------------------------------------------

  const status = find("#data-status");

  function exportAll() {
    const all = load();
    const choices = Object.fromEntries(
      CHOICES.map((name) => [name, localStorage.getItem(name)]).filter(([, value]) => value),
    );
    const text = JSON.stringify({ format: FORMAT, ...all, version: VERSION, choices }, null, 1);
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
    link.download = `mnist-lessons-progress-${day()}.json`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000); // not before the browser has begun to read it
    return `Exported as ${link.download}: ${summary(all)}.`;
  }

  /** @param {Kept | null} all */
  function summary(all) {
    const size = (/** @type {object | undefined} */ part) => Object.keys(part ?? {}).length;
    const guesses = `${size(all?.guesses)} ${size(all?.guesses) === 1 ? "guess" : "guesses"}`;
    return `${count(size(all?.answers), "answer")}, ${guesses}, and ${count(size(all?.read), "chapter")} read`;
  }

  // What each part of a file must look like, and that in words.
  const isText = (/** @type {any} */ text) => typeof text === "string" && text.length <= 200;
  const isTime = (/** @type {any} */ text) =>
    isText(text) && /^\d{4}-\d\d-\d\dT/.test(text) && !isNaN(Date.parse(text));
  const isDay = (/** @type {any} */ text) => /^\d{4}-\d\d-\d\d$/.test(text) && !isNaN(Date.parse(text));
  const isPage = (/** @type {any} */ text) => isText(text) && /^[\w-]+(\/[\w-]+)*$/.test(text);
  const isPlace = (/** @type {any} */ { page, section, title, at }) =>
    isPage(page) && /^[\w-]*$/.test(section) && isText(title) && isTime(at);
  /** @type {Record<string, [(value: any) => boolean, string]>} */
  const FORMS = {
    answers: [
      ({ chosen, right, times, at, due }) =>
        /^[A-E]$/.test(chosen) &&
        typeof right === "boolean" &&
        [0, 1, 2, 3].includes(times) &&
        right === times > 0 &&
        isTime(at) &&
        (due === undefined || isDay(due)),
      '"chosen" (A to E), "right" (true or false), "times" (0 to 3), "at" (a time) and "due" (a day)',
    ],
    guesses: [({ guess, at }) => isText(guess) && isTime(at), '"guess" (a text) and "at" (a time)'],
    read: [isTime, "a time such as 2026-11-26T09:30:00.000Z"],
    choices: [isText, "a short text"],
  };

  /** Return what a file holds; an Error says what is wrong with it. @param {string} text */
  function read(text) {
    let all;
    try {
      all = JSON.parse(text);
    } catch {
      throw new Error("the file is not JSON. Choose a file that Export has written");
    }
    if (all?.format !== FORMAT)
      throw new Error(`the file does not say "format": "${FORMAT}", as a file from Export does`);
    if (all.version !== VERSION)
      throw new Error(`the file has version ${JSON.stringify(all.version)}, and this page reads version ${VERSION}`);
    for (const [part, [fits, expected]] of Object.entries(FORMS)) {
      const entries = all[part] ?? {};
      if (typeof entries !== "object" || Array.isArray(entries)) throw new Error(`"${part}" is not a JSON object`);
      for (const [name, value] of Object.entries(entries)) {
        if (isText(name) && value !== null && fits(value)) continue;
        throw new Error(`"${part}" has under "${name}" ${JSON.stringify(value).slice(0, 80)}; expected ${expected}`);
      }
      all[part] = entries;
    }
    if (all.place != null && !isPlace(all.place))
      throw new Error('"place" does not have a valid "page", "section", "title" and "at" (a time)');
    return all;
  }

  /** Return both, and of two entries of one name the later. @template {string | {at: string}} T
   * @param {Record<string, T>} ours @param {Record<string, T>} theirs @returns {Record<string, T>} */
  function merge(ours, theirs) {
    const time = (/** @type {T} */ entry) => Date.parse(typeof entry === "string" ? entry : entry.at);
    const later = Object.entries(theirs).filter(
      ([name, entry]) => !Object.hasOwn(ours, name) || time(entry) > time(ours[name]),
    );
    return Object.fromEntries([...Object.entries(ours), ...later]);
  }

  /** @param {File} file */
  async function importFile(file) {
    if (file.size > LARGEST) throw new Error("the file is larger than 1 MB, which no file from Export is");
    const { answers, guesses, read: chapters, place, choices } = read(await file.text());
    const done = change((all) => {
      all.answers = merge(all.answers, answers);
      all.guesses = merge(all.guesses, guesses);
      all.read = merge(all.read, chapters);
      if (place && (!all.place || place.at > all.place.at)) all.place = place;
      for (const name of CHOICES) {
        if (choices[name] && !localStorage.getItem(name)) localStorage.setItem(name, choices[name]);
      }
    });
    if (!done) throw new Error("this browser did not store it");
    return `Imported ${file.name}. This browser now has ${summary(load())}.`;
  }

  function deleteAll() {
    if (!confirm("Delete your progress, your settings and your drawings from this browser?"))
      return "Nothing was deleted.";
    for (const name of [KEPT_AS, ...CHOICES]) localStorage.removeItem(name);
    for (const name of DRAWINGS) sessionStorage.removeItem(name);
    show();
    return "Deleted. Your progress, settings and drawings are gone from this browser.";
  }

  /** Do something and say how it ended. @param {() => string | Promise<string>} act */
  async function report(act) {
    try {
      status.textContent = await act();
    } catch (error) {
      status.textContent = `Nothing was changed: ${/** @type {Error} */ (error).message}.`;
    }
  }
  find("#export").addEventListener("click", () => report(exportAll));
  find("#delete").addEventListener("click", () => report(deleteAll));
  const chosen = /** @type {HTMLInputElement} */ (find("#import"));
  chosen.addEventListener("change", async () => {
    const [file] = chosen.files ?? [];
    if (file) await report(() => importFile(file));
    chosen.value = ""; // so that the same file can be chosen again
  });
  find(".ml-data").hidden = false;
  for (const act of [ask, tick]) {
    document.addEventListener("kept", act);
    act();
  }
}
