// A reader answers, comes back tomorrow and in a week, takes along what is kept, deletes it, and gets it back. The clock
// is ours.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

/** @typedef {import("../../../web/browser.mjs").Page} Page */
/** @typedef {ReturnType<Page["locator"]>} Locator */

/**
 * Use the site at an address to the end; returns what is wrong first, or nothing.
 * @param {string} site
 * @param {() => Promise<{page: Page, seen: {errors: string[]}, close: () => Promise<void>}>} open
 * @param {(page: Page) => Promise<string[]>} axed
 */
export async function keeping(site, open, axed) {
  const { page, seen, close } = await open();
  const touch = (page.viewportSize()?.width ?? 0) < 500;
  /** By touch, or by the keyboard. @param {Locator} locator */
  const press = async (locator, key = "Enter") => {
    if (touch) return locator.tap();
    await locator.focus();
    await page.keyboard.press(key);
  };
  try {
    await page.context().clock.setFixedTime("2026-11-26T22:00:00");
    await learn(page, site, press);
    await repeat(page, site, press, axed);
    await carry(page, site, press);
    assert.deepEqual(seen.errors, []);
  } catch (error) {
    return `${site}: ${/** @type {Error} */ (error).stack}`;
  } finally {
    await close();
  }
  return "";
}

/** @param {Page} page */
const stored = (page) => page.evaluate(() => JSON.parse(localStorage.getItem("mnist-lessons") ?? "null"));
/** What the page says of itself, as one line. @param {Locator} locator */
const words = async (locator) => (await locator.innerText()).replace(/\s+/g, " ").trim();
/** @param {Page} page @param {string} selector */
const scrollTo = async (page, selector) => {
  await page
    .locator(selector)
    .first()
    .evaluate((element) => element.scrollIntoView({ behavior: "instant" }));
  await page.evaluate(() => new Promise((next) => requestAnimationFrame(() => setTimeout(next, 100))));
};

/**
 * In a chapter: nothing is kept until the reader does something, and then it is there again.
 * @param {Page} page @param {string} site @param {(locator: Locator, key?: string) => Promise<void>} press
 */
async function learn(page, site, press) {
  const chapter = `${site}book/train.html`;
  await page.goto(chapter);
  await scrollTo(page, ".neighbors");
  await page.goto(`${site}book/index.html`);
  await page.goto(chapter);
  assert.equal(await page.evaluate(() => localStorage.length), 0, "something is kept before the reader does anything");
  assert.equal(await page.locator("#contents [data-read], .doors .kept").count(), 0);

  const [first, second] = await page.locator(".ml-quiz-question").all();
  const check = async (/** @type {Locator} */ question, /** @type {string} */ letter) => {
    await press(question.locator(`input[value=${letter}]`), "Space");
    await press(question.getByRole("button"));
    return words(question.locator(".ml-kept"));
  };
  const wrong = await first
    .locator(".ml-quiz-wrong")
    .first()
    .innerText()
    .catch(() => "");
  assert.equal(wrong, "", "an answer is seen before the question is answered");
  const kept = "Kept in this browser only; see Your progress.";
  assert.equal(await check(first, "A"), `${kept} The question waits there to be repeated.`);
  assert.equal(await check(second, "A"), `${kept} The question returns tomorrow.`);
  assert.equal(await check(second, "A"), `${kept} The question returns tomorrow.`); // the same day, which counts once
  const guess = page.locator(".ml-guess:has(input[type=text])").first();
  await guess.locator("input").fill("12.5");
  await press(guess.locator(".ml-guess-act button"));
  await scrollTo(page, "#check-yourself");
  await page.reload();
  assert.ok(await first.locator("input[value=A]").isChecked(), "the answer is lost");
  assert.match(await words(first.locator("[role=status]")), /^A is wrong\./);
  assert.match(await words(guess.locator("[role=status]")), /^You guessed 12\.5/);
  const { answers, guesses, place } = await stored(page);
  assert.deepEqual(
    Object.values(answers).map(({ right, times, due }) => [right, times, due]),
    [
      [false, 0, "2026-11-27"],
      [true, 1, "2026-11-27"],
    ],
  );
  assert.deepEqual(
    Object.values(guesses).map(({ guess }) => guess),
    ["12.5"],
  );
  assert.equal(place.section, "check-yourself");

  // Another look into a chapter does not move the place; reading on to its end does.
  await page.goto(`${site}book/cnn.html`);
  await page.goto(`${site}book/index.html`);
  const line = page.locator(".doors .kept");
  assert.match(await words(line), /^Continue: Chapter \d+, Check yourself 1 to repeat$/);
  await press(line.getByRole("link").first());
  await page.waitForURL(/train\.html#check-yourself$/);
  const entry = page.locator("#contents [aria-current=page]");
  assert.ok(!(await entry.getAttribute("data-read")));
  await page.goto(chapter);
  await scrollTo(page, ".neighbors");
  await page.locator("#contents [aria-current=page][data-read]").waitFor({ state: "attached" });
  const { read, place: onward } = await stored(page);
  assert.deepEqual(Object.keys(read), ["book/train"]);
  assert.equal(onward.page, "book/evaluate");
  assert.match(onward.title, /^Chapter \d+, [A-Z]\w+$/);
}

/**
 * On the page of the reader's progress: a missed question, then both a day later, a week later, and never again.
 * @param {Page} page @param {string} site @param {(locator: Locator, key?: string) => Promise<void>} press
 * @param {(page: Page) => Promise<string[]>} axed
 */
async function repeat(page, site, press, axed) {
  const due = page.locator("#due");
  const asked = page.locator(".ml-due .ml-quiz-question");
  const answerAll = async () => {
    for (const question of await asked.all()) {
      const right = await question
        .locator("li")
        .evaluateAll((all) => all.findIndex((e) => e.matches(".ml-quiz-right")));
      await press(question.locator("input").nth(right), "Space");
      await press(question.getByRole("button"));
      assert.match(await words(question.locator("[role=status]")), /^[A-E] is right\./);
      assert.ok(await question.evaluate((e) => e.contains(document.activeElement)), "the focus is lost");
    }
    return words(asked.last().locator(".ml-kept"));
  };
  await page.goto(`${site}book/progress.html`);
  assert.equal(await words(due), "1 question to repeat: 1 answered wrong.");
  assert.match(await words(page.locator(".ml-chapters li:has(:checked)")), /Chapter \d+ .* 1 of \d questions right$/);
  assert.match(await words(page.locator(".ml-from")), /^From \w+/);
  if (site.startsWith("http")) assert.deepEqual(await axed(page), []); // from disk, axe cannot read style sheets
  const small = await page
    .locator("main :is(button, input[type=file], label, summary), #kept :is(a, button)")
    .evaluateAll((all) =>
      all.filter((e) => e.checkVisibility() && e.getBoundingClientRect().height < 43.9).map((e) => e.outerHTML),
    );
  assert.deepEqual(small, [], "smaller than 44 px");
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "wider than the window");
  await answerAll();
  assert.equal(await words(due), "Nothing is due. The next question returns on November 27.");

  for (const [now, returns] of [
    ["2026-11-27T00:10:00", "The question returns on December 4."],
    ["2026-12-04T08:00:00", "You were right three times in a row, so the question does not return."],
  ]) {
    await page.context().clock.setFixedTime(now);
    await page.reload();
    assert.equal(await words(due), "2 questions to repeat: 2 due again.");
    assert.ok((await answerAll()).endsWith(returns), now);
    assert.match(await words(due), /^Nothing is due\./);
  }
}

/**
 * The file: written, refused when it is not whole, and read again after everything was deleted.
 * @param {Page} page @param {string} site @param {(locator: Locator, key?: string) => Promise<void>} press
 */
async function carry(page, site, press) {
  const status = page.locator("#data-status");
  const theme = page.locator("#theme");
  await press(theme);
  const started = page.waitForEvent("download");
  await press(page.locator("#export"));
  const written = await started;
  assert.equal(written.suggestedFilename(), "mnist-lessons-progress-2026-12-04.json");
  const text = readFileSync(await written.path(), "utf8");
  const before = await stored(page);
  assert.deepEqual({ ...before, ...JSON.parse(text) }, JSON.parse(text), "the file is not what is kept");
  assert.match(await words(status), /: 2 answers, 1 guess, and 1 chapter read\.$/);

  page.on("dialog", (dialog) => dialog.accept());
  await page.evaluate(() => sessionStorage.setItem("ml-draw-digit", "[]"));
  await press(page.locator("#delete"));
  assert.equal(await page.evaluate(() => localStorage.length + sessionStorage.length), 0, "not all is deleted");
  assert.equal(await words(page.locator("#due")), "No answer is kept yet.");
  assert.equal(await page.locator("#contents [data-read], .ml-chapters :checked").count(), 0);
  await page.goto(`${site}book/index.html`); // a page that is left writes nothing
  await page.goto(`${site}book/progress.html`);
  assert.equal(await page.evaluate(() => localStorage.length), 0);

  // What is there and later than in the file stays.
  await page.evaluate((own) => localStorage.setItem("mnist-lessons", own), mine(before));
  await page.reload();
  const give = async (/** @type {string} */ buffer) => {
    const file = { name: "mine.json", mimeType: "application/json", buffer: Buffer.from(buffer) };
    await status.evaluate((element) => element.replaceChildren());
    await page.locator("#import").setInputFiles(file);
    await page.waitForFunction(() => document.querySelector("#data-status")?.textContent);
    return words(status);
  };
  const [key] = Object.keys(before.answers);
  for (const [bad, said] of [
    ["{", "the file is not JSON"],
    ["[]", 'the file does not say "format": "MNIST Lessons progress"'],
    [text.replace('"version": 1', '"version": 2'), "the file has version 2, and this page reads version 1"],
    [text.replace('"chosen": "', '"chosen": "Z'), `"answers" has under "${key}" {"chosen":"Z`],
    [text.replace('"page": "book', '"page": "javascript:'), '"place" does not have'],
  ]) {
    assert.ok((await give(bad)).startsWith(`Nothing was changed: ${said}`), `${said}: ${await words(status)}`);
    assert.deepEqual(await stored(page), JSON.parse(mine(before)), said);
  }
  assert.equal(await give(text), "Imported mine.json. This browser now has 2 answers, 1 guess, and 2 chapters read.");
  const after = await stored(page);
  assert.deepEqual(after.answers[key], JSON.parse(mine(before)).answers[key]);
  assert.deepEqual(after.guesses, before.guesses);
  assert.deepEqual(Object.keys(after.read).sort(), ["book/cnn", "book/train"]);
  assert.deepEqual(after.place, before.place);
  assert.ok(["light", "dark"].includes(await page.evaluate(() => localStorage.theme)));
}

/** What another browser had kept: a later answer to the first question, and another chapter. @param {Kept} before */
function mine({ answers }) {
  const [key] = Object.keys(answers);
  const later = { ...answers[key], right: false, times: 0, at: "2027-01-01T00:00:00.000Z", due: "2027-01-02" };
  const read = { "book/cnn": "2026-11-01T00:00:00.000Z" };
  return JSON.stringify({ version: 1, answers: { [key]: later }, guesses: {}, read });
}
