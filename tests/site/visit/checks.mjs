// What is asked of a page in several visits.

import { readFileSync } from "node:fs";
import { join } from "node:path";

/** @typedef {import("../../../web/browser.mjs").Page} Page */

const axeScript = readFileSync(join(import.meta.dirname, "../../../web/node_modules/axe-core/axe.min.js"), "utf8");

/** Scroll to the end in steps, so that pictures that load when near do. @param {Page} page */
export const scrollThrough = (page) =>
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
export const overflow = (page) =>
  page.evaluate(() => {
    const width = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= width) return [];
    const out = [...document.body.querySelectorAll("*")].filter((e) => e.getBoundingClientRect().right > width + 1);
    return [`${document.documentElement.scrollWidth} px`, ...out.slice(0, 5).map((e) => e.outerHTML.slice(0, 120))];
  });

/** Let axe run on a page. @param {Page} page */
export const addAxe = (page) => page.evaluate(axeScript);

/** What axe finds wrong with a part of the page. @param {Page} page */
export async function violations(page, part = "html") {
  const found = await page.evaluate(
    (part) =>
      axe.run(part, {
        runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
        // What has the enhanced contrast has the other one.
        rules: { "color-contrast": { enabled: false }, "color-contrast-enhanced": { enabled: true } },
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
export async function axed(page) {
  await addAxe(page);
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

/** What a reader's system knows of the button with a name: whether what it opens is open. @param {Page} page @param {string} name */
export async function isExpanded(page, name) {
  const session = await page.context().newCDPSession(page);
  const { nodes } = await session.send("Accessibility.getFullAXTree");
  const button = nodes.find((node) => node.role?.value === "button" && node.name?.value === name);
  return button?.properties?.find((property) => property.name === "expanded")?.value.value;
}
