// The slides of a chapter.
import { addAxe, overflow, violations } from "./checks.mjs";
import { fromDisk } from "./pages.mjs";
import { base, open, origin } from "./site.mjs";

/** A chapter's slides, used by keys and by touch. @param {string} name @param {import("../../../web/browser.mjs").ContextOptions} options */
export async function slides(name, options) {
  const address = `${origin}${base}${name}`;
  const plain = await open(address, { ...options, javaScriptEnabled: false });
  const shown = plain.page.locator(".slide:visible");
  const withoutScripts = await shown.count();
  await plain.close();
  const { page, seen, close } = await open(address, options);
  const [second] = await Promise.all([page.waitForEvent("popup"), page.keyboard.press("w")]);
  await second.locator("body.live").waitFor();
  await page.keyboard.press("ArrowRight");
  await second.waitForFunction(() => document.querySelector(".slide.now")?.id === "2");
  const followed = await second.locator(".with-notes .slide.now").getAttribute("id");
  await second.close();
  await page.keyboard.press("Home");
  await page.waitForURL(/#1$/);
  await addAxe(page);
  const keys = [];
  const at = async () => {
    // A slide is shown a moment after the address names it.
    await page.waitForFunction(() => document.querySelector(".slide.now")?.id === location.hash.slice(1));
    const slide = page.locator(".slide:visible");
    const answered = await slide.locator(".step:visible").count();
    return `${await slide.getAttribute("id")}${answered ? " answered" : ""}`;
  };
  /** @type {string[]} */
  const axe = [];
  for (const key of ["ArrowRight", " ", "PageDown", "PageDown", "ArrowLeft", "End", "Home"]) {
    await page.keyboard.press(key);
    keys.push(await at());
    if (!key.startsWith("Page")) axe.push(...(await violations(page)));
  }
  const said = await page.locator("[role=status]").textContent();
  const touch = [];
  for (const [from, to] of [
    [300, 100],
    [100, 300],
  ]) {
    await page.evaluate(
      ([from, to]) => {
        const event = (/** @type {string} */ name, /** @type {number} */ clientX) => {
          const touch = new Touch({ identifier: 1, target: document.body, clientX, clientY: 200 });
          const touches = name === "touchstart" ? [touch] : [];
          document.body.dispatchEvent(new TouchEvent(name, { bubbles: true, touches, changedTouches: [touch] }));
        };
        event("touchstart", from);
        event("touchend", to);
      },
      [from, to],
    );
    touch.push(await at());
  }
  const note = page.locator(".slide:visible .notes p").first();
  const notes = [await note.isVisible()];
  const sheets = (await page.pdf({ preferCSSPageSize: true })).toString("latin1").match(/\/Type \/Page\b/g)?.length;
  await page.keyboard.press("n");
  notes.push(await note.isVisible());
  axe.push(...(await violations(page)));
  const wide = await overflow(page);
  await page.keyboard.press("Escape");
  await page.waitForURL(/train\.html$/);
  const left = page.url().split("/").at(-1);
  await close();
  const errors = [...seen.errors, ...Object.values(await fromDisk(name)).flat()];
  return { followed, keys, axe, said, touch, notes, sheets, overflow: wide, left, withoutScripts, errors };
}
