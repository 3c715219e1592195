// Visit every page of the built site in Chromium and write what was seen as JSON; test_pages.py says what is right.
//
//     node tests/site/visit.mjs SITE BASE STATES < list of pages, one a line > report.json
//
// One browser and one server for all; the server answers under BASE, as GitHub Pages does.

import { createHash } from "node:crypto";
import { createReadStream, existsSync, readFileSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import { launch } from "../../web/browser.mjs";
import { keeping } from "./kept.mjs";

/** @typedef {import("../../web/browser.mjs").Page} Page */

const axeScript = readFileSync(join(import.meta.dirname, "../../web/node_modules/axe-core/axe.min.js"), "utf8");

const [site, base, states] = process.argv.slice(2);
const pages = readFileSync(0, "utf8").trim().split("\n");
// Where the site is: under its published path, and for a while under another one.
const MOVED = "/moved/to/";
let root = base;
/** @type {Record<string, string>} */
const TYPES = {
  ".html": "text/html",
  ".css": "text/css",
  ".js": "text/javascript",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".woff2": "font/woff2",
  ".json": "application/json",
  ".xml": "application/xml",
};
const PICTURES = /\.(svg|png|jpe?g|webp)$/;
// Two are enough to see each color and each width; the others are their combinations.
/** @type {["light" | "dark", number, number][]} */
const ALL_STATES = [
  ["light", 1280, 900],
  ["dark", 360, 740],
  ["dark", 1280, 900],
  ["light", 360, 740],
];
/** @type {import("../../web/browser.mjs").ContextOptions} */
const PHONE = { viewport: { width: 360, height: 740 }, hasTouch: true, colorScheme: "dark" };
const STATES = ALL_STATES.slice(0, Number(states));

// How many requests the server still answers, and what it says in place of some of the site's files.
let answers = Infinity;
/** @type {Map<string, string>} */
const instead = new Map();
const server = createServer((request, response) => {
  if (answers-- <= 0) return request.destroy();
  const path = decodeURIComponent(new URL(request.url ?? "/", "http://here").pathname);
  const file = join(site, path.startsWith(root) ? path.slice(root.length) : "no such page");
  const found = existsSync(file) && statSync(file).isFile();
  response.writeHead(found ? 200 : 404, {
    "content-type": TYPES[found ? extname(file) : ".html"] ?? "application/octet-stream",
  });
  const other = instead.get(path.slice(base.length));
  if (other !== undefined) return response.end(other);
  createReadStream(found ? file : join(site, "404.html")).pipe(response);
});
await new Promise((ready) => server.listen(0, "127.0.0.1", () => ready(undefined)));
const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
const origin = `http://127.0.0.1:${port}`;

const browser = await launch(process.env.CHROMIUM);

/**
 * Open a page in a state of its own; returns it with all that went wrong and every request it made.
 * @param {string} address @param {import("../../web/browser.mjs").ContextOptions} options
 */
async function open(address, options, watch = "") {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  /** @type {Record<"errors" | "requests", string[]>} */
  const seen = { errors: [], requests: [] };
  page.on("pageerror", (error) => seen.errors.push(error.message));
  page.on("console", (message) => message.type() === "error" && seen.errors.push(message.text()));
  page.on("request", (request) => seen.requests.push(request.url()));
  if (watch) await page.addInitScript(watch);
  await page.goto(address, { waitUntil: "load" });
  return { page, seen, close: () => context.close() };
}

const WATCH_SHIFT = `
  window.shift = 0;
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shift += entry.value;
  }).observe({ type: "layout-shift", buffered: true });`;

/** Scroll to the end in steps, so that pictures that load when near do. @param {Page} page */
const scrollThrough = (page) =>
  page.evaluate(async () => {
    for (let at = 0; at < document.documentElement.scrollHeight; at += innerHeight) {
      scrollTo({ top: at, behavior: "instant" });
      await new Promise((next) => setTimeout(next, 20));
    }
    // On a busy machine some may still wait; one that is far away would wait for ever.
    const shown = [...document.images].filter((image) => image.checkVisibility());
    for (const image of shown) image.loading = "eager";
    await Promise.all(shown.map((image) => image.decode().catch(() => {})));
    scrollTo({ top: 0, behavior: "instant" });
    await document.fonts.ready;
  });

/** What stands out of the page sideways. @param {Page} page */
const overflow = (page) =>
  page.evaluate(() => {
    const width = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= width) return [];
    const out = [...document.body.querySelectorAll("*")].filter((e) => e.getBoundingClientRect().right > width + 1);
    return [`${document.documentElement.scrollWidth} px`, ...out.slice(0, 5).map((e) => e.outerHTML.slice(0, 120))];
  });

/** What axe finds wrong with a part of the page. @param {Page} page */
async function violations(page, part = "html") {
  const found = await page.evaluate(
    (part) =>
      axe.run(part, {
        runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
        rules: { "color-contrast-enhanced": { enabled: true } },
        resultTypes: ["violations"],
      }),
    part,
  );
  return found.violations.map(
    ({ id, nodes }) =>
      `${id}: ${nodes
        .slice(0, 3)
        .map((n) => n.html.slice(0, 160))
        .join(" | ")}`,
  );
}

/** axe on the page with everything unfolded, and on what its buttons open. @param {Page} page */
async function axed(page) {
  await page.evaluate(axeScript);
  await page.evaluate(() => document.querySelectorAll("details").forEach((details) => (details.open = true)));
  const found = await violations(page);
  for (const opener of ["main .term", "main .ml-claim", "main [popovertarget='launch']", ".menu"]) {
    const button = page.locator(opener).first();
    if (!(await button.count()) || !(await button.isVisible())) continue;
    await button.click();
    const opened = `#${await button.getAttribute("popovertarget")}`;
    found.push(...(await violations(page, opened)).map((text) => `${opened} open: ${text}`));
    await page.keyboard.press("Escape");
  }
  return found;
}

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
    await page.keyboard.press("Tab");
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
async function fromDisk(name) {
  const { page, seen, close } = await open(pathToFileURL(join(site, name)).href, {});
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

/** @type {Record<string, object>} */
const report = {};

/** @param {string} name */
async function visit(name) {
  const address = `${origin}${base}${name}`;
  /** @type {Record<string, object>} */
  const states = {};
  const about = { states, file: await fromDisk(name), noScript: await withoutScripts(address) };
  for (const [colorScheme, width, height] of STATES) {
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
  report[name] = about;
}

/** What the search finds, over http and from disk. @param {string} query */
async function search(query) {
  /** @type {Record<string, object>} */
  const hits = {};
  for (const [way, address] of [
    ["http", `${origin}${base}search.html`],
    ["file", pathToFileURL(join(site, "search.html")).href],
  ]) {
    const { page, seen, close } = await open(`${address}?q=${encodeURIComponent(query)}`, {});
    await page.locator("#results a").first().waitFor();
    hits[way] = {
      links: await page.locator("#results a").evaluateAll((links) => links.map((a) => a.getAttribute("href"))),
      errors: seen.errors,
    };
    await close();
  }
  return hits;
}

/** The search from another page by keys alone: find, leave, find again, follow, take the marks away. @param {string} address @param {object} options */
async function searchByKeys(address, options) {
  const { page, seen, close } = await open(address, options);
  const focus = () => page.evaluate(() => document.activeElement?.id);
  const result = { errors: seen.errors, focus: [await (page.keyboard.press("/"), focus())] };
  // On a phone, Escape closes the drawer.
  await page.keyboard.press("Escape");
  await page.locator("#find").evaluate((field) => field.blur());
  await page.keyboard.press("Control+k");
  result.focus.push(await focus());
  const before = seen.requests.filter((url) => url.endsWith("sections.js")).length;
  const write = async () => {
    await page.keyboard.type("convolutoin");
    await page.locator("#finds a").first().waitFor();
  };
  await write();
  const contents = page.locator("#contents .entries");
  const found = { count: await page.locator("#finding").innerText(), hidden: !(await contents.isVisible()) };
  // From disk, axe itself asks for what the browser refuses.
  const isServed = address.startsWith("http");
  if (isServed) await page.evaluate(axeScript);
  const axe = isServed ? await violations(page, "#contents") : [];
  await page.keyboard.press("Escape");
  await contents.waitFor();
  const escaped = [await page.locator("#find").inputValue(), await contents.isVisible()];
  await write();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await page.waitForURL(/found=/);
  await page.waitForFunction(() => CSS.highlights.has("found"));
  const marked = await page.evaluate(() => [...(CSS.highlights.get("found") ?? [])].map(String));
  const reached = page.url();
  await page.keyboard.press("Escape");
  const cleared = await page.evaluate(() => !CSS.highlights.has("found") && !location.search);
  await close();
  return { ...result, before, ...found, axe, escaped, address: reached, marked, cleared };
}

/** What of the home page stands wholly on the first screen of a laptop, of a phone, and where no script runs. */
async function firstScreen() {
  const laptop = { viewport: { width: 1280, height: 800 } };
  /** @type {Record<string, string[]>} */
  const seen = {};
  for (const [name, settings] of Object.entries({
    laptop,
    phone: { viewport: { width: 360, height: 740 } },
    plain: { ...laptop, javaScriptEnabled: false },
  })) {
    const { page, close } = await open(`${origin}${base}book/index.html`, settings);
    if (name !== "plain") await page.locator(".ml-sheet").waitFor();
    const parts = ["h1", "h1 + p", "main img", ".ml-sheet", ".ml-passage", ".ml-probabilities", ".doors"];
    seen[name] = [];
    for (const part of parts) {
      const box = (await page.locator(part).count()) ? await page.locator(part).first().boundingBox() : null;
      const { width, height } = settings.viewport;
      if (box?.height && box.y >= 0 && box.y + box.height <= height && box.x + box.width <= width)
        seen[name].push(part);
    }
    await close();
  }
  return seen;
}

/** A page that is not there, deep in folders: is what the server sends in its place whole? @param {string} folder */
async function missing(folder) {
  const { page, seen, close } = await open(`${origin}${folder}no/such/page.html`, {});
  const result = {
    head: await page.locator("h1").innerText(),
    styled: await page.evaluate(
      () => getComputedStyle(/** @type {Element} */ (document.querySelector(".top"))).display,
    ),
    links: await page.locator("#contents a").evaluateAll((links) =>
      links
        .map((a) => new URL(/** @type {HTMLAnchorElement} */ (a).href))
        .filter((a) => a.origin === location.origin)
        .map((a) => a.pathname),
    ),
    errors: seen.errors.filter((text) => !text.includes("404")),
    axe: await axed(page),
  };
  await close();
  return result;
}

/** Keep the book, read it without a server, fail to update it, update it, remove it. */
async function offline() {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  const page = await context.newPage();
  const home = `${origin}${base}book/index.html`;
  const note = page.locator(".ml-keep [role=status]");
  const press = async (/** @type {string} */ button, /** @type {RegExp} */ until) => {
    await page.locator(".ml-keep button", { hasText: button }).press("Enter");
    await note.filter({ hasText: until }).waitFor({ timeout: 120_000 });
    return note.innerText();
  };
  const paint = () => page.evaluate(() => getComputedStyle(document.body).getPropertyValue("--changed"));
  await page.goto(home);
  const size = async () => parseInt(await page.locator(".ml-keep span").first().innerText());
  const session = await context.newCDPSession(page);
  /** @type {Record<string, unknown>} */
  const seen = {};
  await page.locator(".ml-keep button").first().waitFor();
  seen.sizes = [await size()];
  await session.send("Storage.overrideQuotaForOrigin", { origin, quotaSize: 5e6 });
  seen.full = await press("Keep this book", /Try again|try/);
  await session.send("Storage.overrideQuotaForOrigin", { origin });
  answers = 100;
  seen.interrupted = await press("Keep this book", /interrupted/);
  answers = Infinity;
  await page.reload();
  await page.locator(".ml-keep button").first().waitFor();
  seen.sizes = [seen.sizes, await size()].flat();
  seen.kept = await press("Keep this book", /Done/);
  answers = 0;
  await page.goto(`${origin}${base}search.html?q=softmax`);
  seen.search = await page.locator("#results a").count();
  await page.goto(`${origin}${base}book/draw.html`);
  await page.locator(".ml-sheet").waitFor();
  seen.foot = await note.filter({ hasText: "keeps version" }).innerText();
  seen.pictures = await page.evaluate(() =>
    [...document.images].every((image) => image.complete && image.naturalWidth),
  );
  await page.goto(home);
  // The next build has another style sheet, and does not deliver what its list says at first.
  answers = Infinity;
  const style = `${readFileSync(join(site, "_static/site.css"), "utf8")}\nbody { --changed: yes }`;
  const list = JSON.parse(readFileSync(join(site, "offline.json"), "utf8"));
  const hash = createHash("sha256").update(style).digest("hex").slice(0, 32);
  list.files["_static/site.css"] = [hash, style.length];
  instead.set("offline.json", JSON.stringify(list));
  await page.goto(home);
  seen.newer = await note.filter({ hasText: "newer version" }).innerText();
  seen.failed = await press("Update", /changed/);
  await page.reload();
  seen.paintBefore = await paint();
  instead.set("_static/site.css", style);
  seen.updated = await press("Update", /Done/);
  await page.reload();
  seen.paintAfter = await paint();
  seen.removed = await press("Remove", /Removed/);
  seen.left = await page.evaluate(async () => [
    ...(await caches.keys()),
    ...(await navigator.serviceWorker.getRegistrations()),
  ]);
  instead.clear();
  await context.close();
  return seen;
}

/** What the keyboard makes of the first table that may be sorted, from disk: each column's head pressed twice. @param {string} name */
async function sorting(name) {
  const { page, seen, close } = await open(pathToFileURL(join(site, name)).href, {});
  const order = () =>
    page.evaluate(() => {
      const table = /** @type {HTMLTableElement} */ (document.querySelector("table.ml-sortable"));
      const heads = [...table.rows[0].cells];
      return {
        rows: [...table.tBodies[0].rows].map((row) => [...row.cells].map((cell) => cell.textContent.trim())),
        sorted: heads.map((head) => head.getAttribute("aria-sort")),
        focus: heads.findIndex((head) => head.contains(document.activeElement)),
      };
    });
  // The table waits for a guess.
  await page.evaluate(() => document.querySelectorAll("details").forEach((details) => (details.open = true)));
  const states = [await order()];
  const buttons = page.locator("table.ml-sortable thead button");
  for (let column = 0; column < (await buttons.count()); column += 1) {
    for (let press = 0; press < 2; press += 1) {
      await buttons.nth(column).press("Enter");
      states.push(await order());
    }
  }
  await close();
  return { states, errors: seen.errors };
}

/** What readers do with the first figure of a page, from disk by keys, and with its code by touch. @param {string} name */
async function figures(name) {
  const { page, seen, close } = await open(
    pathToFileURL(join(site, name)).href,
    {},
    `window.tones = [];
     const start = OscillatorNode.prototype.start;
     OscillatorNode.prototype.start = function (...at) { tones.push(this.frequency.value); return start.apply(this, at); };`,
  );
  const tools = page.locator(".ml-figure-tools").first();
  const focused = () => page.evaluate(() => document.activeElement?.getAttribute("data-figure"));
  const before = seen.requests.filter((url) => url.endsWith("hear.js")).length;
  await tools.getByRole("button", { name: "Hear" }).press("Enter");
  await page.getByRole("application").waitFor();
  const panel = await page.locator(".ml-hear").ariaSnapshot();
  /** @type {Record<string, string>} */
  const heard = {};
  const spoken = page.locator(".ml-hear-text > :last-child");
  for (const key of ["ArrowRight", "End", "PageDown", "Home"]) {
    const last = await spoken.getAttribute("data-created");
    await page.keyboard.press(key);
    await page.waitForFunction(
      (last) => document.querySelector(".ml-hear-text > :last-child")?.getAttribute("data-created") !== last,
      last,
    );
    heard[key] = (await spoken.getAttribute("data-original-text")) ?? "";
  }
  const tones = await page.evaluate(() => window.tones.length);
  const live = await page.locator(".ml-hear-text").getAttribute("aria-live");
  await page.keyboard.press("Escape");
  const afterHearing = await focused();
  await tools.getByRole("button", { name: "Enlarge" }).press("Enter");
  const dialog = page.getByRole("dialog");
  const width = async () => (await dialog.locator("img:visible").boundingBox())?.width ?? 0;
  const widths = [await width()];
  for (const key of ["+", "0"]) {
    await page.keyboard.press(key);
    widths.push(await width());
  }
  await page.keyboard.press("Escape");
  const afterEnlarging = await focused();
  await close();

  const phone = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true };
  const touch = await open(`${origin}${base}${name}`, { ...phone, permissions: ["clipboard-write", "clipboard-read"] });
  const code = touch.page.locator(".cell_input .highlight").filter({ visible: true }).first();
  await code.getByRole("button", { name: "Copy" }).tap();
  const status = await touch.page.getByRole("status").filter({ hasText: "Code copied" }).ariaSnapshot();
  const copied = await touch.page.evaluate(() => navigator.clipboard.readText());
  const text = await code.locator("pre").textContent();
  await code.getByRole("button", { name: "Wrap" }).tap();
  await touch.page.reload();
  const wrapped = await code.getByRole("button", { name: "Wrap" }).getAttribute("aria-pressed");
  const scrolls = await code.locator("pre").evaluate((pre) => pre.scrollWidth > pre.clientWidth);
  const small = await touch.page.evaluate(() =>
    [...document.querySelectorAll(".copy, .ml-figure-tools > *")]
      .filter((e) => e.checkVisibility())
      .map((e) => e.getBoundingClientRect())
      .filter(({ width, height }) => Math.min(width, height) < 44),
  );
  await touch.page.evaluate(axeScript);
  const row = touch.page.locator(".ml-figure-tools").first();
  await row.getByRole("button", { name: "Hear" }).tap();
  await touch.page.getByRole("button", { name: "Next", exact: true }).tap();
  await touch.page.getByRole("status").filter({ hasText: heard.ArrowRight }).waitFor();
  const axe = await violations(touch.page, ".ml-hear");
  await touch.page.locator(".ml-hear").getByRole("button", { name: "Close" }).tap();
  await row.getByRole("button", { name: "Enlarge" }).tap();
  axe.push(...(await violations(touch.page, "dialog")));
  await touch.page.getByRole("dialog").getByRole("button", { name: "Close" }).tap();
  const closed = await touch.page.getByRole("dialog").count();
  await touch.close();
  return {
    errors: [...seen.errors, ...touch.seen.errors],
    hear: { before, panel, heard, tones, live, focus: afterHearing },
    enlarge: { widths, axe, focus: afterEnlarging, closed },
    code: { status, copied: copied === text, wrapped, scrolls, small },
  };
}

/** How a phone shows a table wider than it, scrolled to its end: is the head of the rows still there? @param {string} name */
async function wideTable(name) {
  const { page, close } = await open(`${origin}${base}${name}`, { viewport: { width: 360, height: 740 } });
  await page.evaluate(() => document.querySelectorAll("details").forEach((details) => (details.open = true)));
  const result = await page
    .locator("table.ml-sortable")
    .first()
    .evaluate((table) => {
      const box = /** @type {Element} */ (table.parentElement);
      const inView = () => {
        const { left, right } = box.getBoundingClientRect();
        return [.../** @type {HTMLTableElement} */ (table).rows[1].cells]
          .map((cell) => cell.getBoundingClientRect())
          .flatMap((cell, column) => (cell.left >= left - 1 && cell.right <= right + 1 ? [column] : []));
      };
      const first = inView();
      box.scrollLeft = box.scrollWidth;
      return { first, last: inView() };
    });
  await close();
  return result;
}

/** What a reader's system knows of the button with a name: whether what it opens is open. @param {Page} page @param {string} name */
async function isExpanded(page, name) {
  const session = await page.context().newCDPSession(page);
  const { nodes } = await session.send("Accessibility.getFullAXTree");
  const button = nodes.find((node) => node.role?.value === "button" && node.name?.value === name);
  return button?.properties?.find((property) => property.name === "expanded")?.value.value;
}

/** The drawer of a phone, from disk: opened and closed by touch and by keys in turn, far down in a chapter. @param {string} name */
async function drawer(name) {
  const { page, seen, close } = await open(pathToFileURL(join(site, name)).href, {
    viewport: { width: 360, height: 740 },
    hasTouch: true,
  });
  const contents = page.locator("#contents");
  /** @type {Record<string, object>} */
  const states = {};
  const note = async (/** @type {string} */ name) => {
    states[name] = {
      open: await contents.isVisible(),
      expanded: await isExpanded(page, "Contents"),
      focused: await page.evaluate(() => document.activeElement?.closest("button")?.textContent ?? ""),
    };
  };
  await page.locator("#is-a-perfect-score-good-news").evaluate((section) => section.scrollIntoView());
  const mark = contents.locator("[aria-current=location]");
  await mark.waitFor({ state: "attached" });
  await page.tap(".menu");
  await note("touched");
  await page.waitForFunction(() => document.querySelector("#contents .entries")?.scrollTop);
  const entry = await mark.boundingBox();
  const button = await contents.locator(".drawer button").boundingBox();
  await page.tap("#contents .drawer button");
  await note("closed");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab");
  await note("entered");
  await page.keyboard.press("Escape");
  await note("escaped");
  await page.tap(".menu");
  await page.touchscreen.tap(350, 500);
  await note("touched outside");
  await page.tap(".menu");
  await page.tap(".menu");
  await note("touched again");
  await close();
  return { states, entry, button, errors: seen.errors };
}

/** Which entry of the contents is marked at each section, and where it stands; from disk. @param {string} name */
async function reading(name) {
  const { page, seen, close } = await open(pathToFileURL(join(site, name)).href, {});
  const heads = page.locator("main section > section:has(> h2)");
  const marked = page.locator("#contents [aria-current=location]");
  const before = await marked.count();
  const steps = [];
  for (let index = 0; index < (await heads.count()); index += 1) {
    const title = await heads.nth(index).locator("h2").first().innerText();
    const asked = (await heads.nth(index).getAttribute("id")) ?? "";
    await page.evaluate((id) => (location.hash = id), asked);
    await page.locator(`#contents a[href="#${asked}"][aria-current=location]`).waitFor();
    const place = await page.evaluate(() => scrollY);
    steps.push({ title: title.replace("#", ""), marked: await marked.allInnerTexts(), place });
  }
  const inSight = await page.waitForFunction(() => {
    const entry = document.querySelector("#contents [aria-current=location]")?.getBoundingClientRect();
    return entry && entry.top > 200 && entry.bottom < innerHeight - 200;
  });
  await page.evaluate(() => scrollTo({ top: 0, behavior: "instant" }));
  await marked.waitFor({ state: "detached" });
  await close();
  return { before, steps, inSight: Boolean(inSight), errors: seen.errors };
}

/** The menu that opens a chapter elsewhere, by keys alone; from disk, where what was entered is kept. @param {string} name */
async function launching(name) {
  const { page, seen, close } = await open(pathToFileURL(join(site, name)).href, {});
  const label = await page.locator("[popovertarget=launch]").innerText();
  await page.locator("[popovertarget=launch]").focus();
  await page.keyboard.press("Enter");
  const stops = [];
  for (let stop = 0; stop < 6; stop += 1) {
    await page.keyboard.press("Tab");
    stops.push(await page.evaluate(() => document.activeElement?.textContent || document.activeElement?.id));
  }
  await page.locator("#hub").focus();
  /** @type {Record<string, string | null>} */
  const hubs = {};
  for (const hub of [
    "hub.example.edu",
    "https://hub.example.edu",
    "https://hub.example.edu/class/hub/home?next=1",
    "https://hub.example.edu/user/me/lab",
    "javascript:alert(1)",
  ]) {
    await page.locator("#hub").fill(hub);
    const link = page.locator(".launch form a");
    hubs[hub] = (await link.isVisible()) ? await link.getAttribute("href") : null;
  }
  await page.locator("#hub").fill("https://hub.example.edu");
  await page.evaluate(() => addEventListener("click", (event) => event.preventDefault()));
  await page.keyboard.press("Enter");
  const expanded = await isExpanded(page, label);
  await page.keyboard.press("Escape");
  const focused = await page.evaluate(() => document.activeElement?.textContent);
  await page.reload();
  const kept = await page.locator("#hub").inputValue();
  await close();
  return { label, stops, hubs, expanded, focused, kept, errors: seen.errors };
}

// Two pages at a time: a page waits for the browser as often as the browser computes.
const waiting = [...pages];
const visitAll = async () => {
  for (let name = waiting.shift(); name; name = waiting.shift()) await visit(name);
};
await Promise.all([visitAll(), visitAll()]);
const queries = ["vanishing gradient", "vanishing gradeint", "learning rate"];
/** @type {Record<string, object>} */
const searches = {};
for (const query of queries) searches[query] = await search(query);
/** @type {Record<string, object>} */
const lost = {};
for (root of [MOVED, base]) lost[root] = await missing(root);
const home = pathToFileURL(join(site, "book/index.html")).href;
const used = {
  firstScreen: await firstScreen(),
  missing: lost,
  sorting: await sorting("book/scoreboard.html"),
  figure: await figures("book/train.html"),
  wide: await wideTable("book/scoreboard.html"),
  keys: {
    http: await searchByKeys(`${origin}${base}book/index.html`, {}),
    "file, phone": await searchByKeys(home, { viewport: { width: 360, height: 740 } }),
  },
  kept: [
    await keeping(pathToFileURL(`${site}/`).href, () => open("about:blank", {}), axed),
    await keeping(origin + base, () => open("about:blank", PHONE), axed),
  ],
  finding: {
    drawer: await drawer("book/train.html"),
    reading: await reading("book/train.html"),
    launch: await launching("book/train.html"),
  },
  offline: await offline(),
};
await browser.close();
server.close();
process.stdout.write(JSON.stringify({ pages: report, searches, ...used }));
