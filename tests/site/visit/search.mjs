// The search: its page, and its field on every other page by keys.

import { addAxe, violations } from "./checks.mjs";
import { base, onDisk, open, origin } from "./site.mjs";

/** What the search finds, over http and from disk on a phone, and where Down leads from its field. @param {string} query */
export async function search(query) {
  /** @type {Record<string, object>} */
  const hits = {};
  for (const [way, address, options] of /** @type {const} */ ([
    ["http", `${origin}${base}search.html`, {}],
    ["file", onDisk("search.html"), { viewport: { width: 360, height: 740 } }],
  ])) {
    const { page, seen, close } = await open(`${address}?q=${encodeURIComponent(query)}`, options);
    await page.locator("#results a").first().waitFor();
    await page.keyboard.press("/");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowDown");
    hits[way] = {
      links: await page.locator("#results a").evaluateAll((links) => links.map((a) => a.getAttribute("href"))),
      reached: await page.evaluate(() => document.activeElement?.getAttribute("href")),
      errors: seen.errors,
    };
    await close();
  }
  return hits;
}

/** The search from another page by keys alone: find, leave, find again, follow, take the marks away. @param {string} address @param {object} options */
export async function searchByKeys(address, options) {
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
  if (isServed) await addAxe(page);
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
