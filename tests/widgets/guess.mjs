// Commits to each guess of a page from disk by keyboard alone, as tests/test_guess.py asks:
//
//     CHROMIUM=/usr/bin/chromium node guess.mjs FILE with|without      scripts
//
// Ends with an error that says what went wrong.

import assert from "node:assert/strict";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { launch } from "../../web/browser.mjs";

/** @typedef {import("../../web/browser.mjs").Page} Page */

const axe = join(import.meta.dirname, "../../web/node_modules/axe-core/axe.min.js");

const [file, scripts] = process.argv.slice(2);
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
const browser = await launch(process.env.CHROMIUM);
const page = await browser.newPage({ javaScriptEnabled: scripts === "with", viewport: { width: 360, height: 900 } });
/** @type {(string | undefined)[]} */
const errors = [];
page.on("pageerror", (error) => errors.push(error.stack));
await page.goto(pathToFileURL(file).href);
const forms = page.locator(".ml-guess");
const output = page.locator("#output"); // of the cell after the last guess

async function withoutScripts() {
  assert.equal(await page.locator(".ml-guess-act:visible").count(), 0, "a control that does nothing");
  await page.locator("summary").first().click();
  assert.match(await forms.first().innerText(), /Measured: 99\.4 %\.\s+Because ink decides\./);
  await page.locator("summary").first().click();
  assert.ok(!(await output.isVisible()));
  await page.goto(`${pathToFileURL(file)}#output`);
  assert.ok(await output.isVisible(), "a link to an output does not show it");
  await page.goto(pathToFileURL(file).href);
  await page.emulateMedia({ media: "print" });
  assert.ok(await output.isVisible(), "an output is not printed");
  assert.ok(await page.getByText("Because ink decides.").isVisible(), "the explanation is not printed");
}

/**
 * Press keys in a form's first field, from where the reader stands; return what the live region then says.
 * @param {ReturnType<Page["locator"]>} form
 * @param {string[]} keys
 */
async function commit(form, ...keys) {
  await form.locator("input").first().focus();
  for (const key of keys) {
    if (key.length > 1) await page.keyboard.press(key);
    else await page.keyboard.type(key);
  }
  return (await form.getByRole("status").innerText()).trim();
}

async function withScripts() {
  const [percent, choice, count] = await forms.all();
  const top = async () => (await percent.locator("legend").boundingBox())?.y;
  const before = await top();
  assert.ok(!(await percent.innerText()).includes("99.4"), "the answer is seen before the guess");
  assert.equal(await commit(percent, "Enter"), "Type a number first.");
  assert.equal(
    await commit(percent, ..."90 %", "Enter"),
    "You guessed 90 %. Measured: 99.4 %. Your guess is too low by 9.4 percentage points.",
  );
  assert.equal(await top(), before, "the question has moved");
  assert.ok(await percent.getByText("Because ink decides.").isVisible());
  assert.ok(await percent.locator("input").isDisabled(), "a committed guess can be changed");

  // The same button starts over, with the focus on the field.
  await page.keyboard.press("Tab");
  const again = percent.getByRole("button", { name: "Guess again" });
  await again.press("Enter");
  assert.equal(await percent.getByRole("status").innerText(), "");
  assert.ok(!(await percent.getByText("Because ink decides.").isVisible()));
  assert.ok(await percent.locator("input").evaluate((field) => field === document.activeElement));
  for (const [typed, said] of [
    ["99,38", "You guessed 99.38 %. Measured: 99.4 %. Your guess is the same."],
    ["100", "You guessed 100 %. Measured: 99.4 %. Your guess is too high by 0.6 percentage points."],
  ]) {
    await percent.locator("input").fill("");
    assert.equal(await commit(percent, ...typed, "Enter"), said);
    await again.press("Enter");
  }

  assert.equal(await commit(choice, "Enter"), "Choose an answer first.");
  assert.equal(await commit(choice, "Space", "Enter"), "You guessed A. The answer is B: It rises.");

  assert.ok(!(await output.isVisible()), "the output is seen before the guess");
  for (const [typed, said] of [
    ["1,000", "Your guess is too low: the measured value is about 2.1 times as large."],
    ["50,000", "Your guess is too high: about 24 times the measured value."],
    ["2000", "Your guess is too low by 99."],
    ["-5", "Your guess is too low by 2,104."],
    ["many", "Type a number first."],
  ]) {
    await count.locator("input").fill("");
    assert.ok((await commit(count, ...typed, "Enter")).endsWith(said), typed);
    assert.equal(await output.isVisible(), typed !== "many");
    if (typed !== "many") await count.getByRole("button").press("Enter");
  }

  await page.addScriptTag({ path: axe });
  for (const theme of ["light", "dark"]) {
    await page.evaluate((value) => (document.documentElement.dataset.theme = value), theme);
    const { violations } = await page.evaluate(
      (values) => window.axe.run({ include: [".ml-guess"] }, { preload: false, runOnly: { type: "tag", values } }),
      RULES,
    );
    assert.deepEqual(
      violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)]),
      [],
      theme,
    );
  }
  const sizes = await page
    .locator(".ml-guess :is(button, input[type=text], label, summary):visible")
    .evaluateAll((all) => all.filter((e) => e.getBoundingClientRect().height < 44).map((e) => e.outerHTML));
  assert.deepEqual(sizes, [], "smaller than 44 px");
  assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= 360, "wider than a phone");
}

await (scripts === "with" ? withScripts() : withoutScripts());
assert.deepEqual(errors, []);
await browser.close();
