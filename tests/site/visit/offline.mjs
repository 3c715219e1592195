// The book kept in the browser.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { base, browser, origin, served, site } from "./site.mjs";

/** Keep the book, read it without a server, fail to update it, update it, remove it. */
export async function offline() {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  const page = await context.newPage();
  const home = `${origin}${base}book/index.html`;
  const note = page.locator(".ml-keep [role=status]");
  const press = async (/** @type {string} */ button, /** @type {RegExp} */ until) => {
    const pressed = page.locator(".ml-keep button", { hasText: button });
    await pressed.waitFor(); // hidden until it is known what is kept
    await pressed.press("Enter");
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
  served.answers = 100;
  seen.interrupted = await press("Keep this book", /interrupted/);
  served.answers = Infinity;
  await page.reload();
  await page.locator(".ml-keep button").first().waitFor();
  seen.sizes = [seen.sizes, await size()].flat();
  seen.kept = await press("Keep this book", /Done/);
  served.answers = 0;
  await page.goto(`${origin}${base}search.html?q=softmax`);
  await page.locator("#results a").first().waitFor();
  seen.search = await page.locator("#results a").count();
  await page.goto(`${origin}${base}book/draw.html?found=draw`);
  await page.locator(".ml-sheet").waitFor();
  seen.foot = await note.filter({ hasText: "keeps version" }).innerText();
  seen.pictures = await page.evaluate(() =>
    [...document.images].every((image) => image.complete && image.naturalWidth),
  );
  await page.goto(home);
  // The next build has another style sheet, and does not deliver what its list says at first.
  served.answers = Infinity;
  const style = `${readFileSync(join(site, "_static/site.css"), "utf8")}\nbody { --changed: yes }`;
  const list = JSON.parse(readFileSync(join(site, "offline.json"), "utf8"));
  const hash = createHash("sha256").update(style).digest("hex").slice(0, 32);
  list.files["_static/site.css"] = [hash, style.length];
  served.instead.set("offline.json", JSON.stringify(list));
  await page.goto(home);
  seen.newer = await note.filter({ hasText: "keeps version" }).filter({ hasText: "has changed since" }).innerText();
  seen.failed = await press("Update", /during the download/);
  await page.reload();
  seen.paintBefore = await paint();
  served.instead.set("_static/site.css", style);
  seen.updated = await press("Update", /Done/);
  await page.reload();
  seen.paintAfter = await paint();
  seen.removed = await press("Remove", /Removed/);
  seen.left = await page.evaluate(async () => [
    ...(await caches.keys()),
    ...(await navigator.serviceWorker.getRegistrations()),
  ]);
  served.instead.clear();
  await context.close();
  return seen;
}
