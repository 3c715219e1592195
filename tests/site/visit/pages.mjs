// A page from its head to its foot: from a folder, without scripts, light and dark, wide and narrow, by keys.

import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { axed, overflow, scrollThrough } from "./checks.mjs";
import { base, onDisk, open, origin, site } from "./site.mjs";

/** @typedef {import("../../../web/browser.mjs").Page} Page */

const PICTURES = /\.(svg|png|jpe?g|webp)$/;
// Two are enough to see each color and each width; the others are their combinations.
/** @type {["light" | "dark", number, number][]} */
const STATES = [
  ["light", 1280, 900],
  ["dark", 360, 740],
  ["dark", 1280, 900],
  ["light", 360, 740],
];

const WATCH_SHIFT = `
  window.shift = 0;
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shift += entry.value;
  }).observe({ type: "layout-shift", buffered: true });`;

/** What the page is made of, and what reading it from the top costs, gzipped. @param {Page} page @param {string[]} requests */
async function content(page, requests) {
  const files = requests.filter((url) => url.startsWith(origin) && !PICTURES.test(new URL(url).pathname));
  const size = (/** @type {string} */ name) =>
    name.endsWith(".woff2") ? statSync(join(site, name)).size : gzipSync(readFileSync(join(site, name))).length;
  const names = [...new Set(files.map((url) => new URL(url).pathname.slice(base.length)))];
  const seen = await page.evaluate(() => {
    const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
    const meta = (/** @type {string} */ key) => document.querySelector(`meta[${key}]`)?.getAttribute("content") ?? "";
    return {
      title: document.title,
      heads: document.querySelectorAll("h1").length,
      description: meta("name=description"),
      card: meta("property='og:image'"),
      policy: meta("http-equiv=Content-Security-Policy"),
      twice: ids.filter((id, index) => ids.indexOf(id) < index),
      pictures: [...document.images].map((i) => ({
        source: i.getAttribute("src"),
        text: i.getAttribute("alt"),
        sized: i.hasAttribute("width"),
      })),
      formulas: [...document.querySelectorAll("math")].map(
        (m) => m.getBoundingClientRect().width > 0 || !m.checkVisibility(),
      ),
      untypeset: document.querySelectorAll(".math, mjx-container, .MathJax, math merror").length,
      // Without what widgets build; what stands in for them is not of the same length.
      text:
        [...document.querySelectorAll("main")].reduce((sum, main) => sum + main.innerText.length, 0) -
        [.../** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll(".ml-widget"))].reduce(
          (sum, widget) => sum + widget.innerText.length,
          0,
        ),
    };
  });
  return { ...seen, bytes: Object.fromEntries(names.map((name) => [name, size(name)])) };
}

/** Press Tab from the top to the end: what was reached, what shows no focus, what lies out of view. @param {Page} page */
async function keyboard(page) {
  await page.evaluate(() => {
    const can = "a[href], button, input, select, textarea, summary, [tabindex='0']";
    const all = /** @type {NodeListOf<HTMLInputElement>} */ (document.querySelectorAll(can));
    const shown = [...all].filter((e) => e.checkVisibility() && !e.disabled && e.tabIndex >= 0);
    // Of radio buttons with one name the Tab key visits one.
    wanted = shown.filter((e) => e.type !== "radio" || e === shown.find((other) => other.name === e.name));
    reached = new Set();
    /** @type {HTMLElement} */ (document.activeElement).blur();
    scrollTo(0, 0);
  });
  const result = { unseen: /** @type {string[]} */ ([]), first: "", missed: /** @type {string[]} */ ([]) };
  // Blocks of code that scroll are stops, too.
  const limit = 2 * (await page.evaluate(() => wanted.length)) + 5;
  for (let press = 0; press < limit; press += 1) {
    await page.keyboard.down("Tab"); // held, which saves the browser half of the events
    const at = await page.evaluate(() => {
      const element = /** @type {HTMLElement} */ (document.activeElement);
      if (element === document.body) return null;
      reached.add(element);
      const style = getComputedStyle(element);
      const box = element.getBoundingClientRect();
      const marked =
        (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0) || style.boxShadow !== "none";
      const inView = box.bottom > 0 && box.top < innerHeight;
      return {
        name: (element.innerText || element.getAttribute("aria-label") || element.id).slice(0, 60),
        fine: marked && inView,
      };
    });
    if (at === null) break;
    if (press === 0) result.first = at.name;
    if (!at.fine) result.unseen.push(at.name);
  }
  result.missed = await page.evaluate(() =>
    wanted.filter((e) => !reached.has(e)).map((e) => e.outerHTML.slice(0, 120)),
  );
  return result;
}

/** The page as a reader's system may ask for it: enlarged, without motion, with more contrast, in its own colors. @param {Page} page */
async function asAsked(page) {
  /** @type {Record<number, string[]>} */
  const zoomed = {};
  // 200 and 400 per cent of 1280 by 1024.
  for (const [percent, width, height] of [
    [200, 640, 512],
    [400, 320, 256],
  ]) {
    await page.setViewportSize({ width, height });
    zoomed[percent] = await overflow(page);
  }
  await page.setViewportSize({ width: 1280, height: 900 });
  await page.emulateMedia({ reducedMotion: "reduce" });
  const moving = await page.evaluate(() =>
    [...document.querySelectorAll("*")]
      .filter((e) =>
        [getComputedStyle(e), getComputedStyle(e, "::before")].some(
          (s) => parseFloat(s.transitionDuration) > 0 || s.animationName !== "none",
        ),
      )
      .map((e) => e.outerHTML.slice(0, 120)),
  );
  await page.emulateMedia({ contrast: "more" });
  const contrast = await page.evaluate(() => [
    getComputedStyle(document.body).color,
    getComputedStyle(document.documentElement).backgroundColor,
  ]);
  await page.emulateMedia({ contrast: null, forcedColors: "active" });
  const forced = await page.evaluate(() =>
    [...document.querySelectorAll(".top button, .contents button, .contents input, .contents [aria-current]")]
      .filter((e) => e.checkVisibility() && getComputedStyle(e).borderLeftStyle === "none")
      .map((e) => e.outerHTML.slice(0, 120)),
  );
  await page.emulateMedia({ forcedColors: null });
  return { zoomed, moving, contrast, forced };
}

/** From a folder on disk. @param {string} name */
export async function fromDisk(name) {
  const { page, seen, close } = await open(onDisk(name), {});
  await scrollThrough(page);
  await close();
  return { errors: seen.errors, elsewhere: seen.requests.filter((url) => !/^(file|data|blob):/.test(url)) };
}

/** With scripts off. @param {string} address */
async function withoutScripts(address) {
  const { page, close } = await open(address, { javaScriptEnabled: false });
  const result = await page.evaluate(() => ({
    text: document.querySelector("main")?.innerText.length,
    links: [...document.querySelectorAll("#contents a")].filter((a) => a.checkVisibility()).length,
    dead: [...document.querySelectorAll("button")]
      .filter(
        (b) =>
          b.checkVisibility({ visibilityProperty: true }) && b.type === "button" && !b.hasAttribute("popovertarget"),
      )
      .map((b) => b.outerHTML.slice(0, 120)),
  }));
  await close();
  return result;
}

/** All of a page, in the first so many of the states. @param {string} name @param {number} count */
export async function visit(name, count) {
  const address = `${origin}${base}${name}`;
  /** @type {Record<string, object>} */
  const states = {};
  const about = { states, file: await fromDisk(name), noScript: await withoutScripts(address) };
  for (const [colorScheme, width, height] of STATES.slice(0, count)) {
    const { page, seen, close } = await open(address, { colorScheme, viewport: { width, height } }, WATCH_SHIFT);
    const full = colorScheme === "light" && width === 1280;
    if (full) Object.assign(about, await content(page, seen.requests));
    await scrollThrough(page);
    const state = { shift: await page.evaluate(() => shift), overflow: await overflow(page) };
    if (full) Object.assign(about, { keyboard: await keyboard(page) }, await asAsked(page));
    const violated = await axed(page);
    const elsewhere = seen.requests.filter((url) => !/^(data|blob):/.test(url) && !url.startsWith(origin));
    states[`${colorScheme} ${width}`] = { ...state, axe: violated, errors: seen.errors, elsewhere };
    await close();
  }
  return about;
}
