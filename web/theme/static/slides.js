// A chapter's slides, one at a time. The address says which one: #7. Without this script, they stand one below the other.

const slides = [.../** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll(".slide"))];
const said = /** @type {HTMLElement} */ (document.getElementById("said"));
const place = /** @type {HTMLElement} */ (document.getElementById("place"));
const help = /** @type {HTMLElement} */ (document.getElementById("keys"));
const chapter = /** @type {HTMLAnchorElement} */ (document.querySelector(".bar a"));
/** The other window of this deck: the one that this one opened, or the one that opened this one. @type {Window | null} */
let other = window.name === "notes" ? window.opener : null;

/** The number of the slide that the address names, from 1. */
const current = () => Math.min(Math.max(Number(location.hash.slice(1)) || 1, 1), slides.length);

/** Show the slide that the address names. */
function show() {
  const now = slides[current() - 1];
  for (const slide of slides) slide.classList.toggle("now", slide === now);
  for (const step of document.querySelectorAll(".step")) step.classList.add("later");
  for (const image of slides[current()]?.querySelectorAll("img") ?? []) image.loading = "eager";
  place.textContent = `${current()} / ${slides.length}`;
  scrollTo(0, 0);
  for (const wide of /** @type {NodeListOf<HTMLElement>} */ (now.querySelectorAll("pre, table"))) {
    if (wide.scrollWidth > wide.clientWidth) wide.tabIndex = 0; // reached by keys
  }
  say(`Slide ${current()} of ${slides.length}. ${spoken(now)}`);
}

/** What a slide shows, as words. @param {HTMLElement} slide */
function spoken(slide) {
  const parts = slide.querySelectorAll(".sheet > :is(h2, p:not(.later), ul, ol, figure, table)");
  return [...parts]
    .map((part) => part.querySelector("img")?.alt ?? part.querySelector("caption")?.textContent ?? part.textContent)
    .join(" ");
}

/** @param {string} text */
function say(text) {
  said.textContent = text.replace(/\s+/g, " ");
}

/** Let the other window show the same slide, without an answer from there; its address alone can be set where both come from a folder. */
function follow() {
  if (other && !other.closed) other.location.replace(location.href);
}

/** @param {number} number */
function go(number) {
  const next = Math.min(Math.max(number, 1), slides.length);
  if (next === current()) return;
  location.hash = String(next);
  follow();
}

/** Show the next answer of this slide, or else the next slide. */
function next() {
  const step = slides[current() - 1].querySelector(".step.later");
  if (!step) return go(current() + 1);
  step.classList.remove("later");
  say(step.textContent ?? "");
}

/** @param {boolean} on */
function notes(on) {
  document.body.classList.toggle("with-notes", on);
  for (const fold of document.querySelectorAll("details")) fold.open = on;
  document.querySelector("[data-key='n']")?.setAttribute("aria-pressed", String(on));
}

function leave() {
  location.href = chapter.href;
}

/** @type {Record<string, () => unknown>} */
const DOES = {
  Next: next,
  ArrowRight: next,
  ArrowDown: next,
  PageDown: next,
  " ": next,
  Previous: () => go(current() - 1),
  ArrowLeft: () => go(current() - 1),
  ArrowUp: () => go(current() - 1),
  PageUp: () => go(current() - 1),
  Home: () => go(1),
  End: () => go(slides.length),
  n: () => notes(!document.body.classList.contains("with-notes")),
  w: () => (other = window.open(`#${current()}`, "notes", "width=700,height=800")),
  f: () => (document.fullscreenElement ? document.exitFullscreen() : document.documentElement.requestFullscreen()),
  "?": () => help.togglePopover(),
  Escape: leave,
};

addEventListener("keydown", (event) => {
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const target = /** @type {HTMLElement} */ (event.target);
  if (event.ctrlKey || event.altKey || event.metaKey || !(key in DOES)) return;
  // The browser closes the help; a button or link takes its own keys.
  if (key === "Escape" && help.matches(":popover-open")) return;
  if (key === " " && target.closest("button, a, summary")) return;
  event.preventDefault();
  DOES[key]();
});
for (const button of /** @type {NodeListOf<HTMLButtonElement>} */ (
  document.querySelectorAll(".bar button:not([popovertarget])")
)) {
  button.addEventListener("click", () => DOES[button.dataset.key ?? ""]());
}

/** Where a touch began. @type {{ x: number, y: number } | null} */
let from = null;
addEventListener("touchstart", ({ touches }) => {
  from = touches.length === 1 ? { x: touches[0].clientX, y: touches[0].clientY } : null;
});
addEventListener("touchend", ({ changedTouches }) => {
  const [x, y] = [changedTouches[0].clientX - (from?.x ?? 0), changedTouches[0].clientY - (from?.y ?? 0)];
  if (from && Math.abs(x) > 40 && Math.abs(x) > 2 * Math.abs(y)) x < 0 ? next() : go(current() - 1);
});
addEventListener("hashchange", show);

document.body.classList.add("live");
for (const hidden of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll(".bar [hidden]")))
  hidden.hidden = false;
notes(other !== null);
show();
