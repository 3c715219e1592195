// What readers do with tables, figures and code.

import { addAxe, violations } from "./checks.mjs";
import { base, onDisk, open, origin } from "./site.mjs";

/** What the keyboard makes of the first table that may be sorted, from disk: each column's head pressed twice. @param {string} name */
export async function sorting(name) {
  const { page, seen, close } = await open(onDisk(name), {});
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
export async function figures(name) {
  const { page, seen, close } = await open(
    onDisk(name),
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
  await touch.page.clock.install();
  await touch.page.reload();
  const wrapped = await code.getByRole("button", { name: "Wrap" }).getAttribute("aria-pressed");
  const scrolls = await code.locator("pre").evaluate((pre) => pre.scrollWidth > pre.clientWidth);
  await touch.page.evaluate(() => (navigator.clipboard.writeText = () => Promise.reject(new DOMException("refused"))));
  const refused = touch.page.getByRole("status").filter({ hasText: "does not let this page copy" });
  for (const shown of ["Copy", "Failed"]) {
    await code.getByRole("button", { name: shown }).tap();
    await touch.page.clock.fastForward(1500);
    await refused.waitFor(); // of the second press, after the first one's two seconds, too
  }
  await touch.page.clock.fastForward(1500);
  await refused.waitFor({ state: "detached" });
  const small = await touch.page.evaluate(() =>
    [...document.querySelectorAll(".copy, .ml-figure-tools > *")]
      .filter((e) => e.checkVisibility())
      .map((e) => e.getBoundingClientRect())
      .filter(({ width, height }) => Math.min(width, height) < 44),
  );
  await addAxe(touch.page);
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
export async function wideTable(name) {
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
