// Take a picture of each widget of a chapter, for the notebooks, which cannot run it:
//
//     node web/pictures.mjs SITE OUTDIR BROWSER    OUTDIR/NAME.png
//
// The site is opened as files, on a light page. A widget is shown as a reader first meets it.

import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { launch } from "./browser.mjs";

const [site, folder, executablePath] = process.argv.slice(2);
if (!executablePath) throw new Error("usage: node web/pictures.mjs SITE OUTDIR BROWSER");

const HEIGHT = 1060; // CSS pixels; what is below can be seen on the site
const WHOLE = "figure, li, svg"; // a chart without its axis, or a digit without its caption, says nothing
/** What a widget does before its picture is taken, where it is empty at first. @type {Record<string, (body: import("playwright-core").Locator) => Promise<void>>} */
const SHOW = {
  "draw-digit": async (body) => {
    const digits = body.locator("details", { hasText: "Take a test digit instead" });
    await digits.locator("summary").click();
    await digits.getByRole("button").first().click();
    await body.locator(".ml-answer").first().waitFor();
    await digits.locator("summary").click();
  },
  "read-sheet": async (body) => {
    await body.getByRole("button", { name: "Try a sample" }).click();
    await body.locator(".ml-read-line").first().waitFor();
  },
  "small-digit": async (body) => {
    const box = await body.locator(".ml-sheet").boundingBox();
    if (!box) throw new Error("small-digit: nothing to draw on");
    const { mouse } = body.page();
    const at = (/** @type {number} */ x, /** @type {number} */ y) =>
      mouse.move(box.x + x * box.width, box.y + y * box.height);
    await at(0.3, 0.25);
    await mouse.down();
    await at(0.7, 0.25);
    await at(0.45, 0.8);
    await mouse.up();
    await body.getByText("% sure").waitFor();
  },
  descent: async (body) => {
    await body.getByRole("button", { name: "Run 50 steps" }).click();
    await body.getByText("Step 50,").first().waitFor();
  },
  "watch-training": async (body) => {
    await body.getByRole("slider").first().press("End");
  },
  "teach-it": async (body) => {
    await body.getByRole("button", { name: "Load it" }).click();
    await body.getByText("Sample hand 1, drawn by a script").waitFor();
  },
  "relu-race": async (body) => {
    const step = async () => Number(/Step (\d+) of/.exec(await body.innerText())?.[1] ?? 0);
    while ((await step()) < 200) {
      await body.locator("button:enabled", { hasText: "20 steps" }).click();
    }
  },
};

/** Where to end a picture, so that nothing is cut through. @param {Element} widget @param {{ limit: number, whole: string }} options */
function lowerEdge(widget, { limit, whole }) {
  const { top } = widget.getBoundingClientRect();
  // Its place on the page is higher than what it holds.
  const { bottom } = /** @type {Element} */ (widget.querySelector(".ml-widget-body")).getBoundingClientRect();
  const padding = parseFloat(getComputedStyle(widget).paddingBottom);
  // What only a screen reader reads may stand anywhere, and so may what a closed box holds.
  const boxes = [...widget.querySelectorAll("*")]
    .filter((element) => element.checkVisibility())
    .map((element) => ({ element, box: element.getBoundingClientRect() }))
    .filter(({ box }) => box.height > 1 && box.top >= top);
  const leaves = boxes.filter(({ element }) => !element.firstElementChild);
  // A frame is cut through only if nothing that it holds is seen whole.
  const parts = boxes.map(({ element, box }) => {
    const within = leaves.filter((leaf) => element.contains(leaf.element));
    const from = element.matches(whole) ? [] : within.map((leaf) => leaf.box.bottom);
    return { box, seenFrom: Math.min(box.bottom, ...from) };
  });
  let edge = Math.min(bottom - top + padding, limit);
  const cut = () => parts.filter(({ box, seenFrom }) => box.top - top < edge && seenFrom - top > edge);
  for (let partsCut = cut(); partsCut.length > 0; partsCut = cut()) {
    edge = Math.min(...partsCut.map(({ box }) => box.top - top)) - 1;
  }
  return edge;
}

const browser = await launch(executablePath);
const context = await browser.newContext({
  colorScheme: "light",
  reducedMotion: "reduce",
  viewport: { width: 760, height: 1200 },
});
try {
  const book = join(resolve(site), "book");
  const taken = new Set();
  const pages = readdirSync(book).filter((name) => name.endsWith(".html"));
  for (const name of pages.filter((name) => readFileSync(join(book, name), "utf8").includes("data-widget="))) {
    const page = await context.newPage();
    await page.goto(pathToFileURL(join(book, name)).href);
    await page.addStyleTag({ content: "header.top { display: none !important }" }); // it floats above the text
    for (const widget of await page.locator("[data-widget]").all()) {
      const name = String(await widget.getAttribute("data-widget"));
      if (taken.has(name)) continue; // it is on two pages
      taken.add(name);
      await widget.scrollIntoViewIfNeeded(); // it starts when it is near
      const body = widget.locator(".ml-widget-body");
      await body.waitFor();
      await SHOW[name]?.(body);
      const box = await widget.boundingBox();
      if (!box) throw new Error(`${name}: nothing to see in ${page.url()}`);
      const clip = { ...box, y: box.y + (await page.evaluate(() => scrollY)) };
      clip.height = await widget.evaluate(lowerEdge, { limit: HEIGHT, whole: WHOLE });
      await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true, clip });
    }
    await page.close();
  }
} finally {
  await browser.close();
}
