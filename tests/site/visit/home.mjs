// How a visitor arrives: on the first page, and at an address that is not there.

import { axed } from "./checks.mjs";
import { base, open, origin } from "./site.mjs";

/** What of the home page stands wholly on the first screen of a laptop, of a phone, and where no script runs. */
export async function firstScreen() {
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
export async function missing(folder) {
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
