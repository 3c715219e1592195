// What the widgets share of the page: elements, data, digits as pictures, the one live region.

/** @typedef {Record<string, string | number | boolean | ((event: any) => void) | undefined>} Attributes */

/**
 * An element with attributes, listeners (names that begin with "on") and children.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag @param {Attributes} [attributes] @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  setAttributes(element, attributes);
  element.append(...children);
  return element;
}

/**
 * @param {string} tag @param {Attributes} [attributes] @param {...(Node | string)} children
 * @returns {SVGElement}
 */
export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  setAttributes(element, attributes);
  element.append(...children);
  return /** @type {SVGElement} */ (element);
}

/** @param {Element} element @param {Attributes} attributes */
export function setAttributes(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== undefined) element.setAttribute(name, String(value));
  }
}

let ids = 0;
/** An id that no other element of the page has. */
export const newId = () => `ml-widget-${++ids}`;

/**
 * @typedef {{root: HTMLElement, say: (text: string) => void, load: (name: string) => Promise<any>}} Page
 *   root: where to build; say: speak through the live region after a pause; load: data that the build wrote
 */

/**
 * Build a widget wherever the page asks for it. What the page shows instead stays until the widget is complete,
 * and comes back with a sentence if it fails.
 * @param {string} name
 * @param {(page: Page) => Promise<void>} build  ends when the widget is ready to use
 */
export function mount(name, build) {
  const script = /** @type {HTMLScriptElement} */ (document.currentScript);
  const folder = new URL(".", script.src);
  for (const host of document.querySelectorAll(`[data-widget="${name}"]`)) start(host, folder, build);
}

/** @param {Element} host @param {URL} folder @param {(page: Page) => Promise<void>} build */
async function start(host, folder, build) {
  const instead = [...host.childNodes];
  // Scripts are on, and a page that is printed before this one has come into view shows what stands instead. In view,
  // other words would only move the text until the widget takes its place.
  const first = host.querySelector("p")?.firstChild;
  const isBelow = host.getBoundingClientRect().top > innerHeight;
  if (isBelow && first instanceof Text) first.data = first.data.replace(/^This \w+ needs JavaScript[^.]*\./, ON_SCREEN);
  const root = h("div", { class: "ml-widget-body" });
  const live = h("div", { class: "ml-sr", role: "status" });
  const speak = speaker(live);
  // What a widget shows at first is not news.
  const say = (/** @type {string} */ text) => live.isConnected && speak(text);
  try {
    await whenNear(host);
    await build({ root, say, load: (data) => load(data, folder) });
    host.replaceChildren(root, live);
  } catch (error) {
    host.replaceChildren(warning(/** @type {Error} */ (error)), ...instead);
  }
}

const ON_SCREEN = "This part works on the screen and loads when it comes into view.";

/** @param {Error} error */
export function warning(error) {
  return h("p", { class: "ml-warning", role: "alert" }, `This part of the page cannot be used: ${error.message}.`);
}

/** Wait until a part of the page is about to come into view. @param {Element} host @returns {Promise<void>} */
function whenNear(host) {
  return new Promise((resolve) => {
    const observer = new IntersectionObserver(
      (entries) => {
        if (!entries.some((entry) => entry.isIntersecting)) return;
        observer.disconnect();
        resolve();
      },
      { rootMargin: "1000px" },
    );
    observer.observe(host);
  });
}

/**
 * The data comes as a script, because nothing else can be read from file://.
 * @param {string} name @param {URL} folder
 * @returns {Promise<any>}
 */
function load(name, folder) {
  const store = /** @type {any} */ (globalThis).mnistLessons ?? {};
  if (store[name]) return Promise.resolve(store[name]);
  return new Promise((resolve, reject) => {
    const script = h("script", {
      src: new URL(`${name}.data.js`, folder).href,
      onload: () => {
        const data = /** @type {any} */ (globalThis).mnistLessons?.[name];
        data ? resolve(data) : reject(new Error(`the file ${name}.data.js is damaged`));
      },
      onerror: () => reject(new Error(`the file ${name}.data.js could not be loaded`)),
    });
    document.head.append(script);
  });
}

/** Speak once the reader pauses, so that dragging does not flood a screen reader. @param {HTMLElement} live */
function speaker(live) {
  let timer = 0;
  return (/** @type {string} */ text) => {
    clearTimeout(timer);
    timer = window.setTimeout(() => (live.textContent = text), 800);
  };
}

/**
 * Paint ink on a canvas: black, as opaque as there is ink. On a dark page the style sheet inverts it.
 * @param {HTMLCanvasElement} canvas @param {ArrayLike<number>} ink  0 to 255 @param {number} width
 */
export function paintInk(canvas, ink, width) {
  const picture = new ImageData(width, ink.length / width);
  for (let i = 0; i < ink.length; i++) picture.data[4 * i + 3] = ink[i];
  canvas.width = picture.width;
  canvas.height = picture.height;
  /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d")).putImageData(picture, 0, 0);
}

/** A digit as a picture. @param {ArrayLike<number>} ink @param {string} label @param {string} [style] */
export function digitPicture(ink, label, style = "") {
  const canvas = h("canvas", { class: `ml-ink ${style}`, role: "img", "aria-label": label });
  paintInk(canvas, ink, 28);
  return canvas;
}

/** @param {string} text @param {(event: any) => void} onclick @param {Attributes} [more] */
export const button = (text, onclick, more = {}) => h("button", { type: "button", onclick, ...more }, text);

/** Where an arrow key points: so many to the right, so many down. @type {Record<string, [number, number]>} */
export const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/**
 * Move something with the arrow keys.
 * @param {HTMLElement} element  has the focus @param {(right: number, down: number) => void} move
 */
export function onArrows(element, move) {
  element.addEventListener("keydown", (event) => {
    if (!(event.key in ARROWS) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    move(...ARROWS[event.key]);
  });
}

/** Copy a text, where the browser lets this page. @param {string} text @returns {Promise<boolean>} */
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

/**
 * A slider with its name and its value beside it.
 * @param {{label: string, min: number, max: number, step: number, value: number,
 *   show?: (value: number) => string, oninput: (value: number) => void}} options
 * @returns {{element: HTMLElement, set: (value: number) => void}}
 */
export function slider({ label, min, max, step, value, show = String, oninput }) {
  const id = newId();
  const output = h("output", { for: id }, show(value));
  const input = h("input", { type: "range", id, min, max, step, value, "aria-valuetext": show(value) });
  const refresh = () => {
    output.textContent = show(Number(input.value));
    input.setAttribute("aria-valuetext", output.textContent);
  };
  input.addEventListener("input", () => {
    refresh();
    oninput(Number(input.value));
  });
  const set = (/** @type {number} */ number) => {
    input.value = String(number);
    refresh();
  };
  return { element: h("div", { class: "ml-slider" }, h("label", { for: id }, label), input, output), set };
}

/**
 * A list to choose from.
 * @param {{label: string, options: [string, string][], value: string, onchange: (value: string) => void}} options
 * @returns {{element: HTMLElement, set: (value: string) => void}}
 */
export function chooser({ label, options, value, onchange }) {
  const id = newId();
  const select = h(
    "select",
    { id, onchange: () => onchange(select.value) },
    ...options.map(([key, text]) => h("option", { value: key, selected: key === value }, text)),
  );
  const set = (/** @type {string} */ key) => void (select.value = key);
  return { element: h("div", { class: "ml-chooser" }, h("label", { for: id }, label), select), set };
}

/**
 * A table; the first cell of each row is its header.
 * @param {string} caption @param {string[]} columns @param {(Node | string)[][]} rows
 */
export function table(caption, columns, rows) {
  return h(
    "table",
    { class: "ml-table" },
    h("caption", {}, caption),
    h("thead", {}, h("tr", {}, ...columns.map((text) => h("th", { scope: "col" }, text)))),
    h(
      "tbody",
      {},
      ...rows.map(([first, ...cells]) =>
        h("tr", {}, h("th", { scope: "row" }, first), ...cells.map((cell) => h("td", {}, cell))),
      ),
    ),
  );
}

/**
 * The numbers behind a picture, folded away: computed when they are opened, and kept up to date while they are open.
 * @param {string} title @param {() => HTMLTableElement} make
 * @returns {{element: HTMLElement, refresh: () => void}}
 */
export function numbersOf(title, make) {
  const body = h("div", { class: "ml-scroll", role: "region", "aria-label": title, tabindex: 0 });
  const element = h("details", { class: "ml-numbers-of" }, h("summary", {}, title), body);
  const refresh = () => {
    if (element.open) body.replaceChildren(make());
  };
  element.addEventListener("toggle", refresh);
  return { element, refresh };
}

/**
 * A share in per cent; what is not quite 1 is not called 100 %, and what is not quite 0 is not called 0 %.
 * @param {number} share @param {number} [digits]
 */
export function percent(share, digits = 1) {
  const least = 10 ** -(digits + 2);
  const written = (/** @type {number} */ value) => `${(100 * value).toFixed(digits)}\u00A0%`;
  if (share < 1 && share > 1 - least) return `>\u00A0${written(1 - least)}`;
  if (share > 0 && share < least) return `<\u00A0${written(least)}`;
  return written(share);
}

/**
 * A probability in per cent. A softmax never quite gives 0 or 1: numbers of 32 bits, or of a few decimals, round to them.
 * @param {number} share @param {number} [digits]
 */
export const probability = (share, digits) => percent(Math.min(1 - 2 ** -24, Math.max(2 ** -149, share)), digits);
