// Marks answers by keys in a real Chromium, as tests/test_marking_browser.py asks:
//
//     CHROMIUM=/usr/bin/chromium node marking.mjs ADDRESS mark|settle
//
// Ends with an error that says what went wrong.

import assert from "node:assert/strict";
import { join } from "node:path";
import { launch } from "../../web/browser.mjs";

const axe = join(import.meta.dirname, "../../web/node_modules/axe-core/axe.min.js");
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

const [address, part] = process.argv.slice(2);
const browser = await launch(process.env.CHROMIUM);
// The page's policy keeps axe out, and the narrow screen is the hardest.
const context = await browser.newContext({ viewport: { width: 320, height: 800 }, bypassCSP: false });
const page = await context.newPage();
/** @type {string[]} */
const problems = [];
page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
page.on("pageerror", (error) => problems.push(error.message));
page.on("request", (request) => {
  if (!/^data:/.test(request.url()) && !request.url().startsWith(address)) problems.push(request.url());
});

/** Hold the page to axe, light and dark, with everything unfolded, and see that nothing sticks out. */
async function audit() {
  const copy = await browser.newContext({ viewport: { width: 320, height: 800 }, bypassCSP: true });
  const other = await copy.newPage();
  for (const colorScheme of /** @type {const} */ (["light", "dark"])) {
    await other.emulateMedia({ colorScheme });
    await other.goto(page.url());
    await other.evaluate(() => document.querySelectorAll("details").forEach((details) => (details.open = true)));
    const width = await other.evaluate(() => document.documentElement.scrollWidth);
    assert.equal(width, 320, `${page.url()} is wider than the screen`);
    await other.addScriptTag({ path: axe });
    const found = await other.evaluate(
      (rules) => /** @type {any} */ (window).axe.run(document, { runOnly: rules }),
      RULES,
    );
    /** @type {{ id: string, nodes: { html: string }[] }[]} */
    const violations = found.violations;
    assert.deepEqual(
      violations.map((each) => [each.id, each.nodes.map((node) => node.html)]),
      [],
    );
  }
  await copy.close();
}

/** Press keys one after another, and wait until the last one has led to an answer's page. @param {string[]} keys */
async function press(...keys) {
  for (const key of keys.slice(0, -1)) await page.keyboard.press(key);
  await Promise.all([
    page.waitForURL(/.*/, { waitUntil: "load" }),
    page.waitForEvent("load"),
    page.keyboard.press(keys[keys.length - 1]),
  ]);
}

/** @param {number} number */
const at = (number) =>
  assert.ok(new RegExp(`/${number}(\\?undone)?$`).test(page.url()), `${page.url()} is not ${number}`);
const score = () => page.locator("output").innerText();

async function mark() {
  await page.goto(address);
  at(1);
  assert.notEqual(await page.title(), "hacked");
  await audit();
  await page.keyboard.press("1");
  await page.keyboard.press("2");
  assert.equal(await score(), "3 of 3 points");
  await page.keyboard.press("c");
  await page.keyboard.type("Says it all. 1n");
  assert.equal(await score(), "3 of 3 points", "a key counts while a comment is typed");
  await page.keyboard.press("Backspace");
  await page.keyboard.press("Backspace");
  await page.keyboard.press("Backspace");
  await page.keyboard.press("Escape");
  await press("Enter");
  at(2);
  await press("n"); // nothing was changed, so that nothing is saved
  at(3);
  await press("ArrowLeft");
  at(2);
  await press("1", "n"); // saves, and goes to the next
  at(3);
  await press("u");
  at(2);
  assert.match(await page.getByRole("status").first().innerText(), /taken back/);
  assert.ok(!(await page.getByRole("checkbox").first().isChecked()));
  await page.getByRole("button", { name: "Says it all." }).focus();
  await page.keyboard.press("Enter"); // on a button, it presses it
  assert.equal(await page.getByLabel("Comment").inputValue(), "Says it all.");
  await page.keyboard.press("Escape");
  await page.getByLabel("Add or take off points").fill("-0.5");
  await page.keyboard.press("Escape");
  await page.keyboard.press("1");
  assert.equal(await score(), "1.5 of 3 points");
  await press("p"); // saves, too
  at(1);
  await press("ArrowRight");
  await press("ArrowRight");
  await press("1", "Enter");
  at(4);
  await audit();
  assert.ok(
    await page.getByRole("img").evaluate((image) => image instanceof HTMLImageElement && image.naturalWidth > 300),
  );
  await page.getByText("Keys", { exact: true }).click();
  await page.getByLabel("Use keys").uncheck();
  await page.getByRole("heading").first().click();
  await page.keyboard.press("1");
  assert.equal(await score(), "0 of 2 points", "a key counts that was switched off");
  await page.getByRole("button", { name: "Save and next" }).click();
  await page.waitForURL(/done$/);
  await audit();
  await page.getByRole("button", { name: "End" }).click();
  await page.getByText("You can close this page.").waitFor();
}

async function settle() {
  await page.goto(address);
  await audit();
  assert.match(await page.getByRole("row", { name: "Eve" }).innerText(), /3/);
  await press("1", "Enter");
  assert.match(page.url(), /done$/);
}

await (part === "mark" ? mark() : settle());
assert.deepEqual(problems, []);
await browser.close();
