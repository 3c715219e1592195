// How readers find their way in a chapter, and out of it: the contents and the menu that opens it elsewhere; from disk.

import { isExpanded } from "./checks.mjs";
import { onDisk, open } from "./site.mjs";

/** The drawer of a phone, from disk: opened and closed by touch and by keys in turn, far down in a chapter. @param {string} name */
export async function drawer(name) {
  const { page, seen, close } = await open(onDisk(name), {
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
export async function reading(name) {
  const { page, seen, close } = await open(onDisk(name), {});
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
export async function launching(name) {
  const { page, seen, close } = await open(onDisk(name), {});
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
