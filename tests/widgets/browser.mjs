// Uses one widget to its end in a real Chromium, as tests/test_widgets_browser.py asks:
//
//     CHROMIUM=/usr/bin/chromium node browser.mjs BASE WIDGET      BASE: http://127.0.0.1:PORT/ or file:///.../
//
// Ends with an error that says what went wrong.

import { readFileSync } from "node:fs";
import assert from "node:assert/strict";
import { join } from "node:path";
import { launch } from "../../web/browser.mjs";

/** @typedef {import("../../web/browser.mjs").Page} Page */
/** @typedef {ReturnType<Page["locator"]>} Locator */
/** @typedef {[number, number]} Point  from the left and from the top, as shares of the sheet */
/**
 * @typedef {object} Options
 * @property {number} [width]
 * @property {"light" | "dark"} [theme]
 * @property {boolean} [touch]
 * @property {string} [query]
 * @property {boolean} [scripts]
 * @property {boolean} [motion]  whether things may move by themselves
 * @property {(page: Page) => Promise<unknown>} [alter]  done to the page before it loads
 * @property {string[]} [faults]  what its errors may say
 */

const axe = join(import.meta.dirname, "../../web/node_modules/axe-core/axe.min.js");

const [base, name] = process.argv.slice(2);
const online = base.startsWith("http");
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

const browser = await launch(process.env.CHROMIUM);

/** Open the widget's page; whatever it reports or asks of another host fails the test at the end. @param {Options} options */
async function open(options) {
  const { width = 1280, theme = "light", touch = false, query = "", scripts = true, motion = false } = options;
  const { alter, faults = [] } = options;
  const context = await browser.newContext({
    viewport: { width, height: 900 },
    hasTouch: touch,
    javaScriptEnabled: scripts,
    reducedMotion: motion ? "no-preference" : "reduce",
  });
  const page = await context.newPage();
  /** @type {string[]} */
  const problems = [];
  page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
  page.on("pageerror", (error) => problems.push(error.stack ?? error.message));
  page.on("request", (request) => {
    if (!/^(data|blob):/.test(request.url()) && !request.url().startsWith(base)) problems.push(request.url());
  });
  if (alter) await alter(page);
  await page.addInitScript((value) => document.documentElement?.setAttribute("data-theme", value), theme);
  await page.goto(`${base}${name}.html${query}`);
  if (scripts) await page.evaluate((value) => (document.documentElement.dataset.theme = value), theme);
  const close = async () => {
    assert.deepEqual(
      problems.filter((problem) => !faults.some((fault) => problem.includes(fault))),
      [],
    );
    await context.close();
  };
  return { page, widget: page.locator(".ml-widget"), requests: problems, close };
}

/** Open the widget's page and wait until the widget is there. @param {Options} options */
async function ready(options = {}) {
  const opened = await open(options);
  await opened.page.waitForSelector(".ml-widget-body", { timeout: 30_000 });
  return opened;
}

/**
 * The same, but some data files do not come until `restore` is called.
 * @param {string | RegExp} files @param {Options} [options]
 */
async function readyWithout(files, options = {}) {
  const alter = (/** @type {Page} */ page) => page.route(files, (route) => route.abort());
  const opened = await ready({ ...options, alter, faults: ["ERR_FAILED"] });
  return { ...opened, restore: () => opened.page.unroute(files) };
}

// What holds for every widget

async function checkLooks() {
  // A page looks the same from disk; one state is enough to see that it is there.
  for (const theme of /** @type {("light" | "dark")[]} */ (online ? ["light", "dark"] : ["dark"])) {
    for (const width of online ? [1280, 360] : [360]) {
      const { page, close } = await ready({ theme, width });
      await page
        .locator(".ml-widget summary")
        .evaluateAll((all) => all.forEach((each) => /** @type {HTMLElement} */ (each).click()));
      await page.waitForTimeout(300);
      await page.evaluate(readFileSync(axe, "utf8")); // as the page's policy forbids scripts that it does not name
      const { violations } = await page.evaluate(
        (values) =>
          globalThis.axe.run({ include: [".ml-widget"] }, { preload: false, runOnly: { type: "tag", values } }),
        RULES,
      );
      assert.deepEqual(
        violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html.slice(0, 200))]),
        [],
        `axe, ${theme}, ${width}`,
      );
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(wide <= 0, `${wide} pixels too wide at ${width}`);
      const small = await page.locator(".ml-widget").evaluate((widget) =>
        [...widget.querySelectorAll("button, select, summary, input, [role=application]")]
          .filter((each) => each.checkVisibility())
          .map((each) => (each.matches("[type=checkbox]") ? (each.closest("label") ?? each) : each))
          .filter((each) => each.getBoundingClientRect().height < 44 || each.getBoundingClientRect().width < 44)
          .map((each) => each.outerHTML),
      );
      assert.deepEqual(small, [], `smaller than 44 px at ${width}`);
      const ids = await page.evaluate(() => [...document.querySelectorAll("[id]")].map((each) => each.id));
      assert.equal(new Set(ids).size, ids.length, "an id twice");
      if (width === 1280) await checkKeyboard(page);
      await close();
    }
  }
}

/** The Tab key alone walks through the widget, out at its end, and the focus is always seen. @param {Page} page */
async function checkKeyboard(page) {
  await page.locator("#before").focus();
  for (let presses = 0; presses < 250; presses++) {
    await page.keyboard.press("Tab");
    const at = await page.evaluate(() => {
      const { activeElement: element } = document;
      return element
        ? { id: element.id, inside: element.closest(".ml-widget"), outline: getComputedStyle(element).outlineStyle }
        : { id: "", inside: null, outline: "" };
    });
    if (at.id === "after") return;
    assert.ok(at.inside, "the focus left the page");
    assert.notEqual(at.outline, "none", "a focus that is not seen");
  }
  assert.fail("the focus does not leave the widget");
}

/** Without scripts, or where the script does not arrive, the page's own text stands. */
async function checkFallback() {
  const text = "What stands here instead.";
  const plain = await open({ scripts: false });
  assert.equal((await plain.widget.innerText()).trim(), text);
  await plain.close();
  if (!online) return;
  const failed = await open({
    alter: (page) => page.route(`**/${name}.js*`, (route) => route.abort()),
    faults: ["ERR_FAILED"],
  });
  assert.equal((await failed.widget.innerText()).trim(), text);
  await failed.close();
}

/** A data file that arrives damaged, or not at all: the page says so, and its own text stands. @param {string} file */
async function checkDamage(file) {
  if (!online) return;
  for (const { body, complaint } of [
    { body: "globalThis.mnistLessons={}", complaint: "is damaged" },
    { body: null, complaint: "could not be loaded" },
  ]) {
    const alter = (/** @type {Page} */ page) =>
      page.route(`**/${file}.data.js`, (route) =>
        body === null ? route.abort() : route.fulfill({ body, contentType: "text/javascript" }),
      );
    const { page, widget, close } = await open({ alter, faults: ["ERR_FAILED"] });
    await page.waitForSelector(".ml-warning");
    const text = await widget.innerText();
    assert.ok(text.includes(complaint) && text.includes("What stands here instead."), text);
    await close();
  }
}

// Draw a digit

/** @type {Point[]} */
const SEVEN = [
  [0.3, 0.2],
  [0.7, 0.2],
  [0.55, 0.5],
  [0.45, 0.85],
];

/** Where something is on the page, which fails the test where it is not seen. @param {Locator} locator */
const boxOf = async (locator) => (await locator.boundingBox()) ?? assert.fail(`${locator} is not seen`);
/** What a pattern finds, which fails the test where it finds nothing. @param {RegExp} pattern @param {string | null} text */
const find = (pattern, text) => pattern.exec(text ?? "") ?? assert.fail(`expected ${pattern}, got ${text}`);

/** Where a point of the sheet is on the page. @param {Page} page @param {Point} point @returns {Promise<Point>} */
async function place(page, [x, y]) {
  const box = await boxOf(page.locator(".ml-sheet canvas"));
  return [box.x + x * box.width, box.y + y * box.height];
}

/** @param {Page} page @param {Point[]} points */
async function drawByMouse(page, points, steps = 10) {
  await page.locator(".ml-sheet").scrollIntoViewIfNeeded();
  await page.mouse.move(...(await place(page, points[0])));
  await page.mouse.down();
  for (const point of points) await page.mouse.move(...(await place(page, point)), { steps });
  await page.mouse.up();
}

/** How much ink is in a part of the sheet, in canvas pixels; without a part, on all of it. @param {Page} page @param {number[]} [part] */
const ink = (page, part) =>
  page.locator(".ml-sheet canvas").evaluate((element, part) => {
    const canvas = /** @type {HTMLCanvasElement} */ (element);
    const [x, y, width, height] = part ?? [0, 0, canvas.width, canvas.height];
    const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    const { data } = context.getImageData(x, y, width, height);
    return data.reduce((sum, value, i) => sum + (i % 4 === 3 ? value : 0), 0) / 255;
  }, part);

/**
 * Wait until something that is read equals what is expected, or say what it was.
 * @template Value
 * @param {() => Promise<Value>} readValue @param {Value | RegExp} expected
 */
async function becomes(readValue, expected, what = "") {
  let value;
  for (let tries = 0; tries < 100; tries++) {
    value = await readValue();
    if (expected instanceof RegExp ? expected.test(String(value)) : value === expected) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.fail(`${what} expected ${expected}, got ${value}`);
}
/** @param {Page} page @param {string | RegExp} expected */
const answers = (page, expected, i = 0) =>
  becomes(async () => (await page.locator(".ml-answer").nth(i).innerText()).trim(), expected, "answer:");
const spoken = (/** @type {Page} */ page) => page.locator(".ml-widget > [role=status]").textContent();
/** @param {Page} page @param {string} label */
const press = (page, label) => page.locator(".ml-widget").getByRole("button", { name: label, exact: true }).click();

const COPIED = { "Copy link": "The link opens", "Copy as NumPy": "Paste it" }; // what is said of it
/** What a button copies, or offers to copy by hand. @param {Page} page @param {keyof typeof COPIED} label */
async function copied(page, label) {
  await page
    .context()
    .grantPermissions(["clipboard-read", "clipboard-write"])
    .catch(() => {});
  await press(page, label);
  const part = page.locator("details", { has: page.getByRole("button", { name: label, exact: true }) });
  const state = new RegExp(`^(Copied\\. ${COPIED[label]}|The browser does not let)`);
  await becomes(() => part.locator(".ml-note").innerText(), state);
  const byHand = part.getByLabel("To copy by hand");
  return (await byHand.isVisible()) ? byHand.inputValue() : page.evaluate(() => navigator.clipboard.readText());
}

async function drawDigit() {
  const { page, widget, close } = await ready();
  await answers(page, "The sheet is empty");

  await drawByMouse(page, SEVEN);
  await answers(page, "7");
  assert.match(await widget.locator(".ml-best").innerText(), /^7/);
  await becomes(() => spoken(page), /^Dense network, ReLU: 7, .* sure\.$/, "live region:");
  const seven = await ink(page);

  await press(page, "Clear");
  await answers(page, "The sheet is empty");
  await press(page, "Undo");
  await answers(page, "7");
  assert.equal(await ink(page), seven);
  await press(page, "Redo");
  await answers(page, "The sheet is empty");
  await page.locator(".ml-sheet").focus();
  await page.keyboard.press("Control+z");
  await answers(page, "7");
  await page.reload();
  await answers(page, "7");
  assert.equal(await ink(page), seven, "a reload loses the drawing");

  await saysWhy(page, widget);
  await comparesNetworks(page, widget);
  await takesTestDigits(page, widget);
  await changesWhatIsSeen(page, widget);
  await close();

  await opensLinks();
  if (online) await survivesOddInput();
  if (online) await readsSmallDrawings();
  await drawsByTouch();
  await drawsByKeys();
  if (online) await answersInSight();
  await checkDamage("model-dense");
  await reportsDamagedWeights();
}

/** @param {Page} page @param {Locator} widget */
async function saysWhy(page, widget) {
  const why = widget.locator(".ml-why");
  const text = () => why.locator("figcaption").first().innerText();
  await widget.getByText("Why did it say 7?").click();
  await becomes(text, /why 7 and not \d\?/, "why:");
  const shares = find(
    /larger by ([\d.]+): ([\d.]+) from pixels for 7, −([\d.]+) from pixels for \d, (−?[\d.]+) from what/,
    await text(),
  )
    .slice(1)
    .map((part) => Number(part.replace("−", "-")));
  assert.ok(Math.abs(shares[0] - shares[1] + shares[2] - shares[3]) < 0.001, `${shares} do not add up`);
  assert.ok((await why.locator(".ml-positive").count()) > 20);
  const marks = () => why.locator(".ml-stack svg").innerHTML();
  const before = await marks();
  await why.getByLabel("Pixels found by").selectOption("Occlusion");
  assert.notEqual(await marks(), before, "occlusion finds the same");
  assert.match(await why.locator(".ml-note").first().innerText(), /Patches of 4 by 4 pixels/);
  // Without its strongest pixels it is no 7, and the goal is reached.
  assert.ok(!(await why.locator(".ml-goal").innerText()).includes("Reached"));
  await why.getByLabel("Erase the strongest pixels for the answer").fill("60");
  assert.match(await text(), /without 60 pixels it says [^7]/);
  assert.match(await why.locator(".ml-goal").innerText(), /✓ Reached: without 60 pixels it says [^7]/);
  await becomes(() => spoken(page), /^Goal reached: without 60 pixels/);
  await why.getByRole("button", { name: /^Show the three training images/ }).click();
  await becomes(() => why.locator(".ml-nearest li").count(), 3);
  for (const label of await why.locator(".ml-nearest strong").allInnerTexts()) assert.equal(label, "labeled 7");
  await widget.getByText("Why did it say 7?").click();
  // Opened again, it explains what is there by then.
  await press(page, "Clear");
  await becomes(() => spoken(page), "The sheet is empty.");
  await widget.getByText("Why this answer?").click();
  await becomes(text, /: draw a digit first\.$/);
  assert.equal(await why.getByLabel("Erase the strongest pixels for the answer").inputValue(), "0");
  assert.ok(!(await why.locator(".ml-goal").innerText()).includes("Reached"), "the drawing before is quoted");
  assert.ok(await why.getByLabel("Compared with").isHidden(), "a drawing has no label");
  await widget.getByText("Why this answer?").click();
  await press(page, "Undo");
  await answers(page, "7");
}

/** What is erased to ask for reasons changes no activation. @param {Page} page @param {Locator} widget */
async function keepsActivations(page, widget) {
  const inside = widget.locator(".ml-insides section").first(); // of a dense network: each unit sees all pixels
  const text = () => inside.locator(".ml-unit figcaption").innerText();
  const strongest = await text();
  const why = () => widget.locator(".ml-why figcaption").first().innerText();
  await widget.getByText("Why did it say 7?").click();
  await becomes(why, /why 7/); // what is erased of the drawing before counts no more
  await widget.locator(".ml-why").getByLabel("Erase the strongest pixels for the answer").fill("60");
  await becomes(why, /without 60 pixels/);
  await inside.getByRole("application").first().focus();
  for (const key of ["ArrowLeft", "ArrowRight"]) await page.keyboard.press(key);
  assert.equal(await text(), strongest);
  await widget.getByText("Why did it say 7?").click();
}

/** A unit leads back to what it sees, by pointer and by keys. @param {Page} page @param {Locator} widget */
async function leadsBackToPixels(page, widget) {
  const inside = widget.locator(".ml-insides section").last();
  const text = () => inside.locator(".ml-unit figcaption").innerText();
  const units = inside.getByRole("application");
  await units.first().scrollIntoViewIfNeeded();
  const box = await boxOf(units.first().locator("svg"));
  // The first filter's unit in row 7, column 7: 14 by 14 places, eight filters in a row.
  await page.mouse.click(box.x + (7.5 / 119) * box.width, box.y + (7.5 / 29) * box.height);
  const seen = /^Hidden layer 1, filter 1, row 7, column (\d): activation [\d.]+\. It sees rows 13 to 17 and/;
  const column = Number(find(seen, await text())[1]);
  const frame = inside.locator(".ml-evidence .ml-window");
  assert.equal(await frame.getAttribute("x"), String(2 * column - 1));
  assert.deepEqual([await frame.getAttribute("y"), await frame.getAttribute("height")], ["13", "5"]);
  await units.first().focus();
  for (let i = column; i < 14; i++) await page.keyboard.press("ArrowRight");
  assert.match(await text(), /filter 2, row 7, column 0/);
  await becomes(() => spoken(page), /^Hidden layer 1, filter 2/);
  await units.nth(2).focus();
  await page.keyboard.press("ArrowDown");
  assert.match(await text(), /^Hidden layer 3, filter 1, row 1, column 0.* rows 3 to 21 and columns 0 to 17/);
}

/** @param {Page} page @param {Locator} widget */
async function comparesNetworks(page, widget) {
  const sheet = () => page.locator(".ml-sheet").evaluate((element) => /** @type {HTMLElement} */ (element).offsetLeft);
  const before = await sheet();
  for (const title of ["Dense network, sigmoid", "Convolutional network"])
    await widget.getByRole("checkbox", { name: title }).check();
  await page.waitForFunction(() => document.querySelectorAll(".ml-column").length === 3);
  for (const i of [0, 1, 2]) await answers(page, "7", i);
  await widget.getByText("Look inside").click();
  await widget.locator(".ml-activations[aria-label]").nth(6).waitFor();
  const labels = await widget
    .locator(".ml-activations")
    .evaluateAll((all) => all.map((each) => each.getAttribute("aria-label")));
  assert.equal(labels.length, 7);
  assert.match(String(labels[0]), /^Hidden layer 1: 128 units; \d+ of 128 above 0$/);
  assert.match(String(labels[4]), /^Hidden layer 1: 16 filters, 14 by 14 places each; \d+ of 3136 above 0$/);
  await keepsActivations(page, widget);
  await leadsBackToPixels(page, widget);
  await widget.getByRole("checkbox", { name: "Dense network, sigmoid" }).uncheck();
  assert.equal(await widget.locator(".ml-column:visible").count(), 2);
  assert.equal(await sheet(), before, "the sheet moves when networks join");
}

/** @param {Page} page @param {Locator} widget */
async function takesTestDigits(page, widget) {
  await widget.getByText("Take a test digit instead").click();
  const digits = widget.locator(".ml-picker button");
  await digits.nth(14).waitFor();
  assert.equal(await digits.first().getAttribute("aria-label"), "Test image 947, its label is in doubt.");
  await digits.first().click();
  assert.equal(await digits.first().getAttribute("aria-pressed"), "true");
  await becomes(() => spoken(page), /^Test image 947, its label is in doubt\. Dense network, ReLU: /, "live region:");
  assert.ok(!(await widget.locator(".ml-label-of").innerText()).includes("label is"), "the label is shown at once");
  await widget
    .getByRole("group", { name: "What do you read in test image 947?" })
    .getByText("9", { exact: true })
    .click();
  assert.match(await widget.locator(".ml-label-of").innerText(), /You say 9\. The data set’s label is 8; fewer than/);
  await widget.getByLabel("Which").selectOption("3");
  assert.equal(await digits.count(), 28);
  await digits.nth(4).focus();
  await page.keyboard.press("Enter");
  await answers(page, "3");
}

/** @param {Page} page @param {Locator} widget */
async function changesWhatIsSeen(page, widget) {
  const numbers = async () => (await widget.locator(".ml-number").allInnerTexts()).join(" ");
  await answers(page, "3");
  await widget.getByText("Change what the network sees").click();
  const before = await numbers();
  await widget.getByLabel("Turn clockwise").fill("90");
  await widget.getByLabel("Noise").fill("100");
  await becomes(async () => (await numbers()) !== before, true, "numbers change:");
  // The answer stands beside the sliders, too.
  const [answer, note] = [
    await page.locator(".ml-answer").first().innerText(),
    await page.locator(".ml-answer + .ml-note").first().innerText(),
  ];
  assert.ok(
    (await widget.locator(".ml-sliders .ml-readout").innerText()).startsWith(`Dense network, ReLU: ${answer}, ${note}`),
  );
  await press(page, "As drawn");
  await becomes(numbers, before);
}

async function survivesOddInput() {
  const { page, close } = await ready();
  await drawByMouse(page, [[0.5, 0.5]], 1);
  assert.ok((await ink(page)) > 100, "a dot leaves no ink");
  await page.locator(".ml-answer").waitFor();

  const spiral = Array.from(
    { length: 3000 },
    (_, i) => /** @type {Point} */ ([0.5 + (i / 7000) * Math.cos(i / 20), 0.5 + (i / 7000) * Math.sin(i / 20)]),
  );
  const [left, top] = await place(page, [0, 0]);
  const [right, bottom] = await place(page, [1, 1]);
  const cdp = await page.context().newCDPSession(page);
  await page.mouse.move(...(await place(page, spiral[0])));
  await page.mouse.down();
  // All at once, as a fast pen does; one after another they would wait for a frame each.
  await Promise.all(
    spiral.map(([x, y]) =>
      cdp.send("Input.dispatchMouseEvent", {
        type: "mouseMoved",
        button: "left",
        buttons: 1,
        x: left + x * (right - left),
        y: top + y * (bottom - top),
      }),
    ),
  );
  const filled = await ink(page);
  assert.ok(filled > 50_000, `a stroke of 3,000 points left ink on ${filled} pixels only`);

  // Still in the stroke: the window narrows and the theme changes. Nothing is lost, and the stroke goes on.
  await page.setViewportSize({ width: 360, height: 700 });
  await page.evaluate(() => (document.documentElement.dataset.theme = "dark"));
  assert.equal(await ink(page), filled);
  await page.mouse.move(...(await place(page, [0.02, 0.02])));
  await page.mouse.up();
  assert.ok((await ink(page)) > filled);
  await answers(page, /^(\d|I don’t know)$/);
  await close();
}

/** A drawing goes into a link and into an array, and comes back from the link pixel by pixel. */
async function opensLinks() {
  const { page, widget, close } = await ready();
  await widget.getByText("Copy this drawing").click();
  await press(page, "Copy link");
  const state = widget.locator("details", { hasText: "Copy this drawing" }).locator(".ml-note");
  assert.match(await state.innerText(), /^There is nothing to copy yet/);
  await drawByMouse(page, SEVEN);
  await answers(page, "7");
  const link = await copied(page, "Copy link");
  assert.match(link, /#digit=[\w-]{50,800}$/);
  const code = await copied(page, "Copy as NumPy");
  const pixels =
    find(/np\.array\(\[\n([^]*)\], dtype=np\.uint8\)\n$/, code)[1]
      .match(/\d+/g)
      ?.map(Number) ?? [];
  const seen = () =>
    page.locator(".ml-seen").evaluate((element) => {
      const canvas = /** @type {HTMLCanvasElement} */ (element);
      const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
      return Array.from(context.getImageData(0, 0, 28, 28).data).filter((_, i) => i % 4 === 3);
    });
  assert.deepEqual(pixels, await seen());

  await press(page, "Clear");
  await answers(page, "The sheet is empty");
  await page.goto(link); // the same page: a new fragment alone
  await answers(page, "7");
  assert.deepEqual(await seen(), pixels);
  await page.reload();
  await answers(page, "7");
  assert.deepEqual(await seen(), pixels);
  await becomes(() => spoken(page), /^(The drawing of the link\. )?Dense/);
  await press(page, "Clear");
  await answers(page, "The sheet is empty");
  await becomes(async () => page.url().includes("#"), false, "the fragment is gone:");
  await page.goto(`${page.url()}#digit=AAAA`); // no drawing: nothing happens
  await answers(page, "The sheet is empty");
  await close();
}

/** What is drawn on a sixth of the sheet is read as it would be at full size. */
async function readsSmallDrawings() {
  const { page, widget, close } = await ready();
  const small = SEVEN.map(([x, y]) => /** @type {Point} */ ([0.7 + 0.16 * x, 0.6 + 0.16 * y]));
  await drawByMouse(page, small);
  await answers(page, "7");
  assert.match(await widget.locator(".ml-hint").innerText(), /enlarged/);
  const thin = await ink(page);
  // A stroke that is taken back before it ends is gone, and the pointer draws nothing more of it.
  await page.mouse.move(...(await place(page, [0.1, 0.1])));
  await page.mouse.down();
  await page.mouse.move(...(await place(page, [0.2, 0.2])));
  await page.keyboard.press("Control+z");
  await page.mouse.move(...(await place(page, [0.3, 0.3])));
  await page.mouse.up();
  assert.equal(await ink(page), thin);
  await press(page, "Clear");
  await widget.getByLabel("Pen", { exact: true }).selectOption("thick");
  await drawByMouse(page, small);
  assert.ok((await ink(page)) > 1.2 * thin, "the pen is no thicker");
  await close();
}

async function drawsByTouch() {
  const { page, close } = await ready({ width: 360, touch: true });
  await page.locator(".ml-sheet").scrollIntoViewIfNeeded();
  const cdp = await page.context().newCDPSession(page);
  /** @typedef {"touchStart" | "touchMove" | "touchEnd"} Touch */
  /** @param {Touch} type @param {Point[]} points */
  const send = (type, points) =>
    cdp.send("Input.dispatchTouchEvent", { type, touchPoints: points.map(([x, y], id) => ({ x, y, id })) });
  /** @param {Touch} type @param {...Point} points */
  const touch = async (type, ...points) => send(type, await Promise.all(points.map((point) => place(page, point))));
  const scrolled = () => page.evaluate(() => scrollY);
  const before = await scrolled();
  await touch("touchStart", SEVEN[0]);
  for (let i = 1; i < SEVEN.length; i++) {
    for (let share = 0.1; share <= 1; share += 0.1) {
      const [[x0, y0], [x1, y1]] = SEVEN.slice(i - 1);
      await touch("touchMove", [x0 + share * (x1 - x0), y0 + share * (y1 - y0)]);
    }
  }
  await touch("touchEnd");
  await answers(page, "7");
  assert.equal(await scrolled(), before, "the page scrolls while a finger draws");

  // A second finger changes nothing while the first one draws.
  await press(page, "Clear");
  await answers(page, "The sheet is empty");
  await touch("touchStart", [0.5, 0.1]);
  await touch("touchMove", [0.5, 0.5]);
  await touch("touchStart", [0.5, 0.5], [0.1, 0.1]);
  await touch("touchMove", [0.5, 0.9], [0.9, 0.1]);
  await touch("touchEnd");
  await answers(page, "1");
  assert.equal(await ink(page, [30, 30, 60, 60]), 0, "the second finger drew");
  await answers(page, "1");

  // Beside the sheet, a finger scrolls.
  const { x, y } = await boxOf(page.locator(".ml-under"));
  await send("touchStart", [[x + 5, y + 130]]);
  for (let moved = 20; moved <= 200; moved += 20) await send("touchMove", [[x + 5, y + 130 - moved]]);
  await send("touchEnd", []);
  await becomes(async () => (await scrolled()) !== before, true, "the page scrolls:");
  await close();
}

/** On a phone the answer stands above the sheet, within one screen with it, and does not move it. */
async function answersInSight() {
  const { page, close } = await ready({ width: 360 });
  await page.setViewportSize({ width: 360, height: 640 });
  await page.locator(".ml-sheet").evaluate((sheet) => sheet.scrollIntoView({ block: "center" }));
  const place = () => page.locator(".ml-sheet").evaluate((sheet) => sheet.getBoundingClientRect().top);
  const before = await place();
  await drawByMouse(page, SEVEN);
  await answers(page, "7");
  assert.equal(await place(), before, "the sheet moves while one draws");
  const line = page.locator(".ml-headline");
  assert.match(await line.innerText(), /^7, .* sure$/);
  const [top, bottom] = [
    (await boxOf(line)).y,
    await page.locator(".ml-sheet").evaluate((sheet) => sheet.getBoundingClientRect().bottom),
  ];
  assert.ok(bottom - top < 640 - 61, `${bottom - top} px from the answer to the foot of the sheet`);
  await close();
}

async function drawsByKeys() {
  const { page, close } = await ready();
  await page.locator(".ml-sheet").focus();
  await page.keyboard.press("ArrowDown");
  assert.equal(await ink(page), 0, "a lifted pen draws");
  assert.ok(await page.locator(".ml-pen").isVisible(), "the pen is not seen");
  await becomes(() => spoken(page), "Pen up, 50 % from the left, 29 % from the top. ", "live region:");
  await page.keyboard.press("Space");
  await becomes(() => spoken(page), /^Pen down, 50 % from the left, 29 % from the top\. Dense network, ReLU: /);
  for (let i = 0; i < 16; i++) await page.keyboard.press("ArrowDown");
  await answers(page, "1");
  await becomes(() => spoken(page), /^Pen down, .* 86 % from the top\. Dense network, ReLU: 1, /, "live region:");
  await page.keyboard.press("Space");
  const before = await ink(page);
  // Two arrows at once go aslant, Shift goes further, and a lifted pen leaves nothing.
  await page.keyboard.down("ArrowLeft");
  await page.keyboard.down("ArrowUp");
  await page.keyboard.up("ArrowLeft");
  await page.keyboard.up("ArrowUp");
  await page.keyboard.press("Shift+ArrowRight");
  assert.equal(await ink(page), before);
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement?.textContent), "Undo");
  await close();
}

/** One digit of a model's weights changed on the way: this network is refused, the others work on. */
async function reportsDamagedWeights() {
  if (!online) return;
  const alter = (/** @type {Page} */ page) =>
    page.route("**/model-cnn.data.js", async (route) => {
      const body = await (await route.fetch()).text();
      const at = body.lastIndexOf('"]') - 1;
      await route.fulfill({ body: body.slice(0, at) + (body[at] === "A" ? "B" : "A") + body.slice(at + 1) });
    });
  const { page, widget, close } = await ready({ alter });
  await widget.getByRole("checkbox", { name: "Convolutional network" }).click();
  await page.waitForSelector(".ml-warning");
  assert.match(await widget.innerText(), /the model cnn is damaged/);
  await drawByMouse(page, SEVEN);
  await answers(page, "7");
  await close();
}

// Draw a digit, and see a network read it

async function tryDigit() {
  const { page, widget, close } = await ready();
  const hint = () => page.locator(".ml-sheet").evaluate((sheet) => getComputedStyle(sheet, "::after").content);
  // Nothing moves by itself: the test digit is read at once.
  await answers(page, "2");
  assert.match(await hint(), /Draw here/);
  assert.equal(await widget.locator(".ml-passage figure").count(), 5);

  await drawByMouse(page, SEVEN);
  await answers(page, "7");
  assert.match(await widget.locator(".ml-best").innerText(), /^7/);
  await becomes(() => spoken(page), /^7, .* sure\.$/, "live region:");
  assert.equal(await hint(), "none");
  assert.ok(await widget.locator(".ml-hint-digit").isHidden(), "the test digit is seen under the drawing");
  await becomes(() => widget.locator(".ml-goal").innerText(), /So far: 7\.$/, "goal:");
  await press(page, "Clear");
  await answers(page, "2");
  await becomes(() => spoken(page), "The sheet is empty.", "live region:");
  // With keys alone.
  await page.locator(".ml-sheet").focus();
  await page.keyboard.press("Space");
  for (let i = 0; i < 16; i++) await page.keyboard.press("ArrowDown");
  await answers(page, "1");
  await close();

  if (!online) return;
  await movesWindows({ motion: true });
  await movesWindows({ motion: false });
  await checkDamage("model-cnn");
}

/** The frames on all pictures, as paths: empty where nothing moves. @param {Page} page */
const windowPath = (page) =>
  page.locator(".ml-passage .ml-window").evaluateAll((all) => all.map((each) => each.getAttribute("d") ?? "").join(""));
/** How much ink each map shows. @param {Page} page */
const mapInk = (page) =>
  page.locator(".ml-passage canvas").evaluateAll((all) =>
    all.map((each) => {
      const canvas = /** @type {HTMLCanvasElement} */ (each);
      const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
      const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
      return data.reduce((sum, value, i) => sum + (i % 4 === 3 ? value : 0), 0);
    }),
  );

/** A window moves, first over the image, at last over the pooled maps, and stops. @param {Page} page */
async function movesOverAll(page) {
  await page.clock.runFor(600);
  assert.match(await windowPath(page), /^M-?\d+ -?\d+h5v5h-5z$/);
  const [image, first, , , last] = await mapInk(page);
  assert.ok(image > 0 && first > 0 && last === 0, "maps are filled before the window comes");
  await page.clock.runFor(2300);
  assert.match(await windowPath(page), /^(M\d+ \d+h2v2h-2z){32}$/, "not pooling");
  await page.clock.runFor(3000);
  assert.equal(await windowPath(page), "");
  const full = await mapInk(page);
  assert.ok(full[1] > first && full.every((value) => value > 0), "a map stays empty");
}

/**
 * Where things may move by themselves, the network reads the test digit once, and what is drawn whenever the pen
 * rests; elsewhere only the button lets the windows move. @param {{motion: boolean}} options
 */
async function movesWindows({ motion }) {
  const alter = async (/** @type {Page} */ page) => {
    await page.clock.install({ time: 0 });
    await page.clock.pauseAt(1000);
  };
  const { page, close } = await ready({ motion, alter });
  const moved = async () => (await windowPath(page)) !== "";
  if (motion) await movesOverAll(page);
  await answers(page, "2");
  await page.clock.runFor(9000);
  assert.equal(await moved(), false, "the windows move again");
  await press(page, "Replay");
  await answers(page, "…");
  await movesOverAll(page);
  await answers(page, "2");

  await drawByMouse(page, SEVEN);
  await page.clock.runFor(100);
  await answers(page, "7");
  await page.clock.runFor(1500);
  assert.equal(await moved(), motion, "windows over the drawing");
  await answers(page, "7");
  // A pen that goes on stops them.
  await page.mouse.down();
  await page.clock.runFor(100);
  assert.equal(await moved(), false, "the windows move while one draws");
  await page.mouse.up();
  await close();
}

// Fool it

async function foolIt() {
  const { page, widget, close } = await ready();
  const states = widget.locator(".ml-widget-body > .ml-state");
  const text = () => states.first().innerText();
  const compared = () => states.nth(1).innerText();
  const captions = () => widget.locator(".ml-fool figcaption span").allInnerTexts();
  const goal = widget.locator(".ml-goal");
  const level = widget.getByLabel("Push by");
  await becomes(
    compared,
    /^50 random pushes of the same size: (50|4\d) are still read as 7, \d+ as 3, of which it is at most/,
  );
  assert.match(
    await text(),
    /^Dense network, ReLU: pushed by 8 of 255 gray levels .*, this 7 is read as 7, .* sure of 3\.$/,
  );
  assert.ok(!(await goal.innerText()).includes("Reached"));

  // What is not pushed stays as it is; each press of a key pushes one level further.
  await level.fill("0");
  const [own, , unpushed] = await captions();
  assert.equal(unpushed, own);
  assert.equal(await widget.locator(".ml-fool path").count(), 0);
  await level.focus();
  for (let i = 0; i < 20; i++) await page.keyboard.press("ArrowRight");
  assert.match(await text(), /pushed by 20 of 255 gray levels \(ε = 0\.078\) toward 3, this 7 is read as 3/);
  assert.ok((await widget.locator(".ml-fool path").count()) > 100);
  await becomes(
    () => goal.innerText(),
    /✓ Reached: it takes this 7 for a 3, (>\s)?9\d\.\d\s% sure, after a push of 20/,
  );
  await becomes(() => spoken(page), /^Goal reached: .* of 50 random pushes of that size, \d make it say 3\./);
  await widget.getByText("All probabilities in numbers").click();
  const rows = widget.locator(".ml-numbers-of tbody tr");
  await becomes(() => rows.count(), 10);
  const columns = (await rows.locator("td").allInnerTexts()).map((each) =>
    Number.parseFloat(each.replace(/^[<>]\s/, "")),
  );
  for (const i of [0, 1, 2]) {
    const sum = columns.filter((_, at) => at % 3 === i).reduce((a, b) => a + b, 0);
    assert.ok(Math.abs(sum - 100) < 0.2, `column ${i} adds up to ${sum} %`);
  }

  await widget.getByLabel("Push it toward").selectOption("a 7");
  assert.match(await text(), /it says 7 already\. Choose another digit/);
  await widget.getByLabel("Test digit").selectOption("a 4");
  const title = () => widget.locator(".ml-fool strong").first().innerText();
  const first = await title();
  assert.match(first, /^Test image \d+, labeled 4$/);
  await press(page, "Another one");
  assert.match(await title(), /, labeled 4$/);
  assert.notEqual(await title(), first);
  await widget.getByLabel("Network").selectOption("Convolutional network");
  await becomes(text, /^Convolutional network: pushed by 20 .* toward 7, this 4 is read as/);
  await becomes(compared, /^50 random pushes of the same size: \d+ are/);

  // One's own drawing; an empty sheet leads back to the test digit.
  await widget.getByText("Draw a digit instead").click();
  await drawByMouse(page, SEVEN);
  await becomes(title, "Your drawing");
  assert.match(await text(), /it says 7 already/);
  await press(page, "Clear");
  await becomes(title, /, labeled 4$/);

  // All of it goes into a link, and comes back from it.
  await widget.getByLabel("Push it toward").selectOption("a 9");
  const [pushed, shown] = [await text(), (await captions()).slice(0, 3)];
  await widget.getByText("Copy this digit").click();
  assert.match(await copied(page, "Copy as NumPy"), /^import numpy as np\n\nimage = np\.array/);
  const link = await copied(page, "Copy link");
  assert.match(link, /#fool=cnn-9-20-[\w-]{50,800}$/);
  await page.goto("about:blank");
  await page.goto(link);
  await becomes(text, pushed);
  assert.equal(await title(), "The digit from the link");
  assert.deepEqual((await captions()).slice(0, 3), shown);
  await widget.getByLabel("Push by").fill("3");
  assert.ok(!page.url().includes("#"), "a reload would undo the change");
  await close();

  if (online) {
    const damaged = await readyWithout("**/model-cnn.data.js");
    await damaged.widget.getByLabel("Network").selectOption("Convolutional network");
    await damaged.page.waitForSelector(".ml-warning");
    assert.equal(await damaged.widget.getByLabel("Network").inputValue(), "dense");
    await damaged.restore();
    await damaged.widget.getByLabel("Network").selectOption("Convolutional network");
    await becomes(() => damaged.widget.locator(".ml-widget-body > .ml-state").first().innerText(), /^Convolutional/);
    assert.equal(await damaged.widget.locator(".ml-warning").count(), 0);
    await damaged.close();
  }
  await checkDamage("model-dense");
  await checkDamage("digits");
}

// Teach it

async function teachIt() {
  const { page, widget, close } = await ready();
  const state = () => widget.locator(".ml-teach > .ml-state").innerText();
  const slots = widget.locator(".ml-slots button");
  const drawn = () => slots.evaluateAll((all) => all.filter((each) => /: drawn/.test(each.ariaLabel ?? "")).length);
  const prompt = () => widget.locator(".ml-teach-sheet .ml-title").innerText();
  const cells = async () => (await widget.locator(".ml-table").first().locator("td").allInnerTexts()).map(parseFloat);
  const taught = () => becomes(state, /^Of your \d+ digits, new to it, it reads \d+ right/, "state:");

  // Nothing to keep, nothing to teach, nothing to download.
  await press(page, "Keep it");
  assert.equal(await state(), "Draw a 0 first.");
  await press(page, "Teach");
  assert.match(await state(), /^It needs two whole rounds/);
  await press(page, "Download the weights");
  assert.equal(await state(), "Teach it first.");

  // By mouse and by keys; a drawing can be drawn again, and is kept for the tab.
  await drawByMouse(page, SEVEN);
  await press(page, "Keep it");
  await becomes(prompt, "Draw a 1, round 1 of 3");
  await becomes(() => ink(page), 0);
  await page.locator(".ml-sheet").focus();
  await page.keyboard.press("Space");
  for (let i = 0; i < 16; i++) await page.keyboard.press("ArrowDown");
  await becomes(async () => (await ink(page)) > 0, true);
  await becomes(() => spoken(page), /^Pen down, 50 % from the left, 8\d % from the top\. $/);
  await page.keyboard.press("Enter");
  await becomes(prompt, "Draw a 2, round 1 of 3");
  await becomes(() => spoken(page), /^2 of 30 drawn\. Draw a 2/);
  await slots.first().click();
  await becomes(prompt, "Draw a 0, round 1 of 3");
  await page.reload();
  await becomes(drawn, 2);
  await press(page, "Load it");
  assert.match(await state(), /^Your own drawings are here/);
  assert.equal(await drawn(), 2);
  const fetchFile = async (/** @type {string} */ label) => {
    const [file] = await Promise.all([page.waitForEvent("download"), press(page, label)]);
    return { name: file.suggestedFilename(), bytes: readFileSync(await file.path()) };
  };
  const own = await fetchFile("Download the drawings");
  assert.equal(own.name, "my-digits.npz");
  assert.ok(own.bytes.includes("'shape': (2, 28, 28") && own.bytes.subarray(0, 2).toString() === "PK");

  // Erased is erased: no step back leads to it, and no reload.
  await drawByMouse(page, SEVEN);
  await press(page, "Erase all");
  assert.match(await state(), /^Everything is erased/);
  await press(page, "Undo");
  assert.deepEqual([await ink(page), await drawn()], [0, 0]);
  assert.equal(await page.evaluate(() => sessionStorage.length), 0);

  // A sample hand: more is right, little is forgotten.
  await widget.getByLabel("Sample hand").selectOption("4");
  await press(page, "Load it");
  await becomes(drawn, 30);
  await press(page, "Teach");
  await taught();
  const [before, without, , , , after, testBefore, testAfter] = await cells();
  assert.ok(before < without && after >= without && testAfter > testBefore - 10, String(await cells()));
  assert.match(
    await widget.locator(".ml-goal").innerText(),
    new RegExp(`✓ Reached: from ${before} to ${without} of 30, and from ${testBefore} to ${testAfter} of 1,000`),
  );
  await becomes(() => spoken(page), /^Goal reached: .* Of your 30 digits, new to it/);
  assert.equal(
    await slots.evaluateAll((all) => all.filter((each) => /→/.test(each.textContent ?? "")).length > 0),
    true,
  );
  // What was learned is shown digit by digit; steps that are too long forget more.
  const changes = widget.locator("details");
  const [, forgotten, learned] = find(/it forgot (\d+) and now reads (\d+) that it misread before/, await state()).map(
    Number,
  );
  assert.equal(testBefore - testAfter, forgotten - learned);
  const weights = await fetchFile("Download the weights");
  assert.ok(weights.bytes.includes("'shape': (1024, 10") && weights.bytes.includes("bias.npy"));
  await changes.locator("summary").click();
  await becomes(() => changes.locator("caption").innerText(), `${forgotten} forgotten, ${learned} newly right`);
  await widget.getByLabel("Learning rate").selectOption("1");
  await press(page, "Teach");
  await taught();
  assert.ok((await cells())[7] < testAfter, "a high rate forgets no more");
  // Another drawing in a place of the sample makes it the reader's own, and what was learned is no longer theirs.
  await slots.nth(7).click();
  await drawByMouse(page, SEVEN);
  await press(page, "Keep it");
  assert.ok(Number.isNaN((await cells())[1]));
  assert.ok(!(await widget.locator(".ml-goal").innerText()).includes("Reached"), "the erased lesson is quoted");
  await press(page, "Load it");
  assert.match(await state(), /^Your own drawings are here/);
  await close();

  if (!online) return;
  const damaged = await readyWithout(/(map|hands)\.data\.js/, { width: 360, touch: true });
  const complaint = () => damaged.widget.locator(".ml-teach > .ml-state").innerText();
  const tap = (/** @type {string} */ label) => damaged.widget.getByRole("button", { name: label, exact: true }).tap();
  await tap("Load it");
  await becomes(complaint, /^The sample cannot be loaded: the file hands\.data\.js could not be loaded\.$/);
  await damaged.restore();
  await damaged.page.route("**/map.data.js", (route) => route.abort());
  await tap("Load it");
  await becomes(complaint, /^Sample hand 1/);
  await tap("Teach");
  await becomes(complaint, /^It cannot be taught: the file map\.data\.js could not be loaded\.$/);
  await damaged.page.unroute("**/map.data.js");
  await tap("Teach");
  await becomes(complaint, /^Of your 30 digits/);
  await damaged.close();
}

// The smallest network

async function smallDigit() {
  const { page, close } = await ready();
  await drawByMouse(page, SEVEN);
  await answers(page, "7");
  await becomes(() => spoken(page), /^7 says the program, .* sure\.$/, "live region:");
  await close();
}

// Read a sheet

const sheetState = (/** @type {Page} */ page) => page.locator(".ml-read-sheet > .ml-state").innerText();
const readAnswers = async (/** @type {Page} */ page) =>
  (await page.locator(".ml-read-line button").allInnerTexts()).map((text) => text.trim());
/** Give the widget a file, as somebody who chooses one. @param {Page} page @param {string} name @param {string} mimeType @param {Buffer} buffer */
const choose = (page, name, mimeType, buffer) =>
  page.locator(".ml-widget input").nth(1).setInputFiles({ name, mimeType, buffer });
/** A picture that the page draws. @param {Page} page @param {{type: string, turned?: boolean}} options */
async function drawPicture(page, { type, turned = false }) {
  const url = await page.evaluate(
    async ({ type, turned }) => {
      const canvas = document.createElement("canvas");
      const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
      [canvas.width, canvas.height] = [400, 300];
      if (!turned) return canvas.toDataURL(type); // transparent, which is white paper
      const { jpeg } = /** @type {any} */ (globalThis).mnistLessons.sheet;
      const photo = await createImageBitmap(new Blob([Uint8Array.from(atob(jpeg), (each) => each.charCodeAt(0))]));
      [canvas.width, canvas.height] = [photo.height, photo.width];
      context.rotate(-Math.PI / 2);
      context.drawImage(photo, -photo.width, 0);
      return canvas.toDataURL(type, 0.95);
    },
    { type, turned },
  );
  return Buffer.from(url.split(",")[1], "base64");
}
/** EXIF data that asks a viewer to turn the picture clockwise by a quarter. */
const TURN = Buffer.from("ffe1002245786966000049492a0008000000010012010300010000000600000000000000", "hex");

async function readSheet() {
  const { page, widget, close } = await ready();
  await press(page, "Try a sample");
  await becomes(() => sheetState(page), /^\d+ digits in \d+ lines\./, "state:");
  const labels = await page.evaluate(() => /** @type {any} */ (globalThis).mnistLessons.sheet.labels.map(String));
  const answers = await readAnswers(page);
  assert.equal(answers.length, labels.length);
  const right = answers.filter((text, i) => text === labels[i]).length;
  assert.ok(right >= 0.9 * labels.length, `${right} of ${labels.length} right: ${answers} for ${labels}`);
  await becomes(() => spoken(page), /^\d+ digits in \d+ lines\./, "live region:");

  // A digit typed on an answer corrects it and goes on to the next; so does a press on a button.
  const buttons = widget.locator(".ml-read-line button");
  const other = answers[0] === "4" ? "5" : "4";
  await buttons.first().focus();
  await page.keyboard.press(other);
  assert.equal((await readAnswers(page))[0], other);
  assert.match(
    String(await buttons.first().getAttribute("aria-label")),
    new RegExp(`^Line 1, digit 1: ${other}, by you`),
  );
  assert.equal(await buttons.nth(1).getAttribute("aria-pressed"), "true");
  assert.match(await sheetState(page), / You decided 1\.$/);
  // Once nothing is unknown, and all ten digits are there, the goal is reached.
  const goal = () => widget.locator(".ml-goal").innerText();
  const complete = async () => new Set(await readAnswers(page)).size === 10 && !(await readAnswers(page)).includes("?");
  assert.equal((await goal()).includes("Reached"), await complete());
  await page.keyboard.press("ArrowRight");
  assert.ok(await buttons.nth(2).evaluate((each) => each === document.activeElement));
  await press(page, `It is a ${other}`);
  assert.equal((await readAnswers(page))[2], other);
  // A tap on the photo takes the digit that is nearest.
  await widget.locator(".ml-photo").scrollIntoViewIfNeeded();
  const marks = widget.locator(".ml-mark rect");
  const last = await boxOf(marks.nth((await marks.count()) - 2));
  await page.mouse.click(last.x + last.width / 2, last.y + last.height / 2);
  assert.equal(await widget.locator(".ml-read-line [aria-pressed=true]").count(), 1);
  assert.ok(await page.evaluate(() => document.activeElement?.closest(".ml-read-line")));

  // A photo that the camera took on its side.
  const turned = await drawPicture(page, { type: "image/jpeg", turned: true });
  await choose(page, "turned.jpg", "image/jpeg", Buffer.concat([turned.subarray(0, 2), TURN, turned.subarray(2)]));
  await becomes(() => sheetState(page), /^\d+ digits(?!.*You decided)/, "state:");
  const again = await readAnswers(page);
  const same = again.filter((text, i) => text === labels[i]).length;
  assert.ok(same >= 0.9 * labels.length, `${same} of ${labels.length} right: ${again} for ${labels}`);

  // What cannot be read is said, and the next photo is read all the same.
  const refuses = (/** @type {RegExp} */ expected) => becomes(() => sheetState(page), expected, "state:");
  await choose(page, "empty.png", "image/png", await drawPicture(page, { type: "image/png" }));
  await refuses(/^The photo cannot be read: there is no digit on it that is at least 8 pixels high/);
  assert.ok(await widget.locator(".ml-read").isHidden());
  await choose(page, "IMG_1.HEIC", "image/heic", Buffer.from("ftypheic"));
  await refuses(/does not open HEIC pictures; save it as JPEG/);
  await choose(page, "notes.txt", "text/plain", Buffer.from("7"));
  await refuses(/notes.txt is no picture that this browser opens/);

  // By paste and by drop.
  for (const kind of ["paste", "drop"]) {
    await page.evaluate((kind) => {
      const { jpeg } = /** @type {any} */ (globalThis).mnistLessons.sheet;
      const data = new DataTransfer();
      const bytes = Uint8Array.from(atob(jpeg), (each) => each.charCodeAt(0));
      data.items.add(new File([bytes], "sheet.jpg", { type: "image/jpeg" }));
      const target = document.querySelector(".ml-read-sheet");
      const more = kind === "paste" ? { clipboardData: data } : { dataTransfer: data };
      const Kind = kind === "paste" ? ClipboardEvent : DragEvent;
      target?.dispatchEvent(new Kind(kind, { ...more, bubbles: true, cancelable: true }));
    }, kind);
    await becomes(() => sheetState(page), /^\d+ digits in/, `${kind}:`);
    await choose(page, "notes.txt", "text/plain", Buffer.from("7"));
    await refuses(/notes.txt/);
  }
  await close();

  if (!online) return;
  const damaged = await readyWithout("**/model-cnn.data.js");
  await press(damaged.page, "Try a sample");
  await becomes(() => sheetState(damaged.page), /the file model-cnn.data.js could not be loaded/, "state:");
  await damaged.restore();
  await press(damaged.page, "Try a sample");
  await becomes(() => sheetState(damaged.page), /^\d+ digits in/, "second try:");
  await damaged.close();
}

// ReLU against sigmoid

async function race() {
  const query = "?depth=2&width=25&rate=0.3&seed=77&initializer=he";
  const { page, widget, close } = await ready({ query });
  const status = page.locator(".ml-race > .ml-state");
  const step = async () => Number(/Step (\d+)/.exec(await status.innerText())?.[1] ?? 0);
  const reach = (/** @type {number} */ wanted) =>
    page.waitForFunction(
      (least) => {
        const text = document.querySelector(".ml-race > .ml-state")?.textContent ?? "";
        return Number(/(?:Step|Finished:) (\d+)/.exec(text)?.[1]) >= least;
      },
      wanted,
      { timeout: 120_000 },
    );
  assert.match(await status.innerText(), /^Nothing runs until you start it/);
  // The address sets the race; a seed that is not offered stays at its default.
  assert.equal(await widget.getByLabel("Hidden layers").inputValue(), "2");
  assert.equal(await widget.getByLabel("Units a layer").inputValue(), "25");
  assert.equal(await widget.getByLabel("Learning rate").inputValue(), "0.3");
  assert.equal(await widget.getByLabel("Seed").inputValue(), "1");
  assert.equal(await widget.getByLabel("Initial weights").inputValue(), "he");
  await widget.getByLabel("Units a layer").selectOption("10");
  assert.match(page.url(), /width=10/);
  assert.match(page.url(), /depth=2/);

  await press(page, "20 steps");
  await reach(20);
  assert.equal(await step(), 20);
  const numbers = await widget.locator(".ml-table").first().innerText();
  await press(page, "Go on");
  await reach(60);
  await press(page, "Pause");
  await page.waitForTimeout(2000); // the steps under way come to their end
  const paused = await step();
  await page.waitForTimeout(1000);
  assert.equal(await step(), paused, "it goes on after Pause");

  await press(page, "Reset");
  assert.match(await status.innerText(), /^Nothing runs/);
  // The curves of the race before stay, pale.
  assert.equal(await widget.locator(".ml-earlier").count(), 4);
  assert.match(
    await widget.locator(".ml-before").innerText(),
    /^Pale: the race before, 2 hidden layers of 10 units, rate 0.3/,
  );
  await press(page, "20 steps");
  await reach(20);
  assert.equal(await widget.locator(".ml-table").first().innerText(), numbers, "the same seed gives other numbers");

  await press(page, "Go on");
  await reach(40);
  await page.evaluate(() => {
    Object.defineProperty(document, "hidden", { get: () => true });
    document.dispatchEvent(new Event("visibilitychange"));
  });
  await widget.getByRole("button", { name: "Go on" }).waitFor();

  await press(page, "Go on");
  await reach(800);
  assert.equal(await status.innerText(), "Finished: 800 steps.");
  assert.ok(await widget.getByRole("button", { name: "20 steps" }).isDisabled());
  assert.equal(await page.evaluate(() => document.activeElement?.textContent), "Reset", "the focus is lost");
  find(
    /^Training loss, last measurement: ReLU [\d.]+, sigmoid [\d.]+$/,
    await widget.locator("svg").first().getAttribute("aria-label"),
  );
  assert.equal(await widget.locator(".ml-table").nth(1).locator("tbody tr").count(), 3);
  await widget.getByText("Every measurement").click();
  await becomes(() => widget.locator(".ml-numbers-of tbody tr").count(), 41);
  await becomes(() => spoken(page), /^After 800 steps: ReLU loss/);
  assert.ok(!(await widget.locator(".ml-goal").innerText()).includes("Reached"));
  await press(page, "Copy link to these settings");
  await becomes(() => status.innerText(), /^(Copied\. The link opens|The browser does not .* The link is .*depth=2)/);

  // Steps that are too long for ReLU: there the sigmoid wins.
  await press(page, "Rate 1: most ReLUs die, and sigmoid wins");
  assert.equal(await widget.getByLabel("Learning rate").inputValue(), "1");
  assert.match(page.url(), /rate=1&/);
  await press(page, "Start");
  await reach(800);
  assert.match(
    await widget.locator(".ml-goal").innerText(),
    /✓ Reached: \d+\.\d\s% against \d+\.\d\s%, with 2 hidden layers/,
  );
  await becomes(() => spoken(page), /^Goal reached: /);
  await press(page, "Eight layers: sigmoid’s gradients vanish");
  assert.equal(await widget.locator(".ml-table").nth(1).locator("tbody tr").count(), 9);
  await close();

  if (!online) return;
  const damaged = await readyWithout("**/race.data.js");
  await press(damaged.page, "Start");
  await damaged.page.waitForFunction(() =>
    /The race cannot run: the file race.data.js could not be loaded/.test(document.body.textContent ?? ""),
  );
  await damaged.close();
}

// The smaller ones

/** @type {[string, string][]} */
const NEURON_OF_THE_GOAL = [
  ["Weight w₁", "-4.8"],
  ["Weight w₂", "2.4"],
  ["Bias b", "-2"],
];

async function oneNeuron() {
  const { page, widget, close } = await ready();
  const text = () => widget.locator(".ml-state").innerText();
  const line = () => widget.locator(".ml-border").getAttribute("d");
  const before = await line();
  await widget.getByLabel("Weight w₁").fill("-3");
  await widget.getByLabel("Weight w₂").fill("1.5");
  assert.notEqual(await line(), before, "the line does not move");
  const right = Number(find(/^(\d+) of 200/, await text())[1]);
  assert.ok(right > 185, await text());
  const sum = /z = (.+) × (.+) \+ (.+) × (.+) \+ (.+) = (.+);/;
  const [, w1, x1, w2, x2, b, z] = find(sum, await widget.locator(".ml-formula").innerText()).map((part) =>
    Number(part.replace(/[()]/g, "").replace("−", "-")),
  );
  assert.ok(Math.abs(w1 * x1 + w2 * x2 + b - z) < 0.006, "the formula does not add up");
  // A digit can be pressed, and is shown.
  const circle = widget.locator(".ml-zero").nth(40);
  const spot = await boxOf(circle);
  await page.mouse.click(spot.x + spot.width / 2, spot.y + spot.height / 2);
  assert.match(await widget.locator(".ml-formula").innerText(), /^Digit 41, a zero/);
  assert.equal(await widget.locator(".ml-chosen canvas").getAttribute("aria-label"), "Digit 41, a zero");
  await press(page, "Previous digit");
  assert.match(await widget.locator(".ml-formula").innerText(), /^Digit 40,/);
  assert.ok(!(await widget.locator(".ml-goal").innerText()).includes("Reached"));
  for (const [label, value] of NEURON_OF_THE_GOAL) await widget.getByLabel(label).fill(value);
  assert.match(await widget.locator(".ml-goal").innerText(), /✓ Reached: 19[89] digits lie on their side/);
  await widget.getByLabel("Activation").selectOption("ReLU");
  assert.match(await widget.locator(".ml-formula").innerText(), /ReLU\(z\) = /);
  await widget.getByText("All digits in numbers").click();
  const rows = widget.locator(".ml-numbers-of tbody tr");
  await becomes(() => rows.count(), 200);
  const first = (await rows.first().locator("td").allInnerTexts()).map((part) => Number(part.replace("−", "-")));
  const weights = NEURON_OF_THE_GOAL.map(([, value]) => Number(value));
  assert.ok(Math.abs(weights[0] * first[1] + weights[1] * first[2] + weights[2] - first[3]) < 0.006);
  for (const label of ["Weight w₁", "Weight w₂", "Bias b"]) await widget.getByLabel(label).fill("0");
  assert.match(await text(), /cross-entropy is 0\.693/);
  await close();
  await checkDamage("neuron");
}

async function descent() {
  const { page, widget, close } = await ready();
  const state = () => widget.locator(".ml-state").innerText();
  const goals = async () =>
    (await widget.locator(".ml-goal").allInnerTexts()).map((text) =>
      text.includes("✓ Reached: from (") ? "Reached" : "Goal",
    );
  assert.match(await state(), /Step 0, loss: gradient descent 1, momentum 1, Adam 1\.$/);

  // As the chapter has it; motion is reduced, so all steps are there at once.
  await press(page, "Run 50 steps");
  assert.match(await state(), /Step 50, loss: gradient descent 0\.081, momentum 0\.0032, Adam 0\.0012\.$/);
  assert.equal(await widget.locator(".ml-descent-plane .ml-dot").count(), 3 * 51);
  await press(page, "Back to the start");
  await press(page, "One step");
  assert.match(await state(), /Step 1/);

  // A rate that is too high: the loss rises, and the steps are seen where the picture no longer reached.
  await press(page, "Above 0.02, it climbs");
  assert.match(await state(), /gradient descent 41000000.*left even the widest picture/s);
  assert.deepEqual(await goals(), ["Reached", "Goal", "Goal"]);
  await widget.getByLabel("Step", { exact: true }).fill("10");
  assert.match(await state(), /A step has left the first picture/);
  assert.equal(await widget.locator(".ml-first-view").count(), 1);

  // By keys alone: another rate, another start.
  await press(page, "At 0.018, gradient descent creeps");
  await widget.getByLabel("Learning rate of gradient descent and momentum").fill("0.025");
  assert.deepEqual(await goals(), ["Reached", "Reached", "Goal"]);
  await press(page, "At 0.018, gradient descent creeps");
  const along = widget.getByLabel("Start along, x");
  await along.focus();
  for (let i = 0; i < 10; i++) await page.keyboard.press("ArrowRight");
  assert.equal(Number(await along.inputValue()), 0);
  assert.deepEqual(await goals(), ["Reached", "Reached", "Reached"]);

  // The ring is dragged, and stays under the pointer; beside it, a drag does nothing but a press puts the start there.
  await widget.locator(".ml-descent-plane").scrollIntoViewIfNeeded();
  const across = widget.getByLabel("Start across, y");
  const ring = async () => {
    const box = await boxOf(widget.locator(".ml-handle"));
    return /** @type {[number, number]} */ ([box.x + box.width / 2, box.y + box.height / 2]);
  };
  const box = await boxOf(widget.locator(".ml-descent-plane svg"));
  const at = (/** @type {number} */ left, /** @type {number} */ top) =>
    /** @type {[number, number]} */ ([box.x + box.width * left, box.y + box.height * top]);
  await page.mouse.move(...(await ring()));
  await page.mouse.down();
  await page.mouse.move(...at(0.3, 0.3));
  await page.mouse.up();
  assert.ok(Number(await along.inputValue()) < -0.5);
  assert.ok(Number(await across.inputValue()) > 0.1);
  await page.mouse.click(...at(0.8, 0.6));
  assert.ok(Number(await along.inputValue()) > 0.5);
  assert.ok(Number(await across.inputValue()) < 0);

  // However large a loss gets, the chart has room for it.
  await widget.getByLabel("Learning rate of gradient descent and momentum").fill("0.04");
  await press(page, "Run 50 steps");
  const heights = await widget
    .locator(".ml-chart .ml-line.ml-descent")
    .evaluate((line) => (line.getAttribute("points") ?? "").split(" ").map((point) => Number(point.split(",")[1])));
  assert.equal(new Set(heights.slice(1)).size, 50, "the curve is cut");
  await widget.getByText("The steps in numbers").click();
  await becomes(() => widget.locator(".ml-numbers-of tbody tr").count(), 51);
  await close();
  if (online) await dragsStartByTouch();
}

/** On a phone a finger scrolls over the picture, and drags the ring. */
async function dragsStartByTouch() {
  const { page, widget, close } = await ready({ width: 360, touch: true });
  const start = widget.getByLabel("Start along, x");
  await widget.locator(".ml-descent-plane").evaluate((element) => element.scrollIntoView({ block: "center" }));
  const cdp = await page.context().newCDPSession(page);
  const swipe = async (/** @type {Locator} */ from, /** @type {number} */ right, /** @type {number} */ down) => {
    const box = await boxOf(from);
    const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
    for (let i = 0; i <= 10; i++)
      await cdp.send("Input.dispatchTouchEvent", {
        type: i ? "touchMove" : "touchStart",
        touchPoints: [{ x: x + (i / 10) * right, y: y + (i / 10) * down }],
      });
    await cdp.send("Input.dispatchTouchEvent", { type: "touchEnd", touchPoints: [] });
  };
  const scrolled = () => page.evaluate(() => scrollY);
  const before = await scrolled();
  await swipe(widget.locator(".ml-handle"), 60, -60);
  assert.ok(Number(await start.inputValue()) > -0.9, "the ring is not dragged");
  assert.equal(await scrolled(), before, "the page scrolls while the ring is dragged");
  const value = await start.inputValue();
  await swipe(widget.locator(".ml-descent-plane svg"), 0, -150);
  await becomes(async () => (await scrolled()) > before, true, "the page scrolls:");
  assert.equal(await start.inputValue(), value, "scrolling moves the start");
  await close();
}

async function backpropSteps() {
  const { page, widget, close } = await ready();
  const goal = () => widget.locator(".ml-goal").first().innerText();
  const field = widget.getByLabel("Your number, to two decimals");
  const { CHAPTER, operations } = await import("../../web/widgets/arithmetic/backprop.js");
  const steps = operations(CHAPTER);
  const picture = widget.locator(".ml-backprop-picture svg");
  const uncovered = async () => find(/(\d+) uncovered/, await goal())[1];

  assert.match(String(await picture.getAttribute("aria-label")), /All computed numbers are covered/);
  for (const text of ["", "two"]) {
    await field.fill(text);
    await page.keyboard.press("Enter");
    assert.match(await widget.locator(".ml-formula").first().innerText(), /That is not a number/);
  }
  await field.fill("−2");
  await page.keyboard.press("Enter");
  assert.match(await widget.locator(".ml-formula").first().innerText(), /the sign is not/);
  await field.fill("2");
  await page.keyboard.press("Enter"); // right, but not at the first try
  for (const { value } of steps.slice(1, 9)) {
    await field.fill(value.toFixed(2).replace(".", ",").replace("-", "−"));
    await page.keyboard.press("Enter");
  }
  assert.equal(await goal(), `Goal: find all 21 numbers at the first try. 9 uncovered, 8 found by you.`);
  await becomes(() => spoken(page), /^Right\. Loss: −ln 0\.5 = 0\.693\. Next: error of output 0\.$/);
  await press(page, "Show it");
  await press(page, "One back");
  assert.equal(await uncovered(), "9");
  // What was shown is no longer found by the reader.
  await field.fill(steps[9].value.toFixed(2));
  await page.keyboard.press("Enter");
  assert.match(await goal(), /10 uncovered, 8 found by you\.$/);
  await press(page, "Play");
  await becomes(uncovered, "11");
  await press(page, "Pause");
  while (await field.isVisible()) {
    await field.fill(steps[Number(await uncovered())].value.toFixed(2));
    await page.keyboard.press("Enter");
  }
  assert.match(await goal(), /^Goal: .* 21 uncovered, 18 found by you\. Cover all/);
  assert.notEqual(await page.evaluate(() => document.activeElement?.tagName), "BODY", "the focus is lost");
  assert.match(String(await picture.getAttribute("aria-label")), /weight from input 2 to B 5\./);
  await widget.getByText("The network in numbers").click();
  await becomes(() => widget.locator(".ml-numbers-of tbody tr").count(), 12 + 21);

  // Small changes are predicted, large ones are not; both goals can be reached.
  const test = widget.locator(".ml-backprop-side").last();
  const outcome = async () =>
    find(/Predicted: .* = (\S+)\. Actual: .*, a change of (\S+)\.$/, await test.locator(".ml-formula").innerText())
      .slice(1)
      .map((text) => Number(text.replace("−", "-")));
  await test.getByLabel("Change").fill("0.05");
  const [predicted, actual] = await outcome();
  assert.ok(Math.abs(predicted / actual - 1) < 0.15, `${predicted} and ${actual}`);
  await test.getByLabel("Change").focus();
  for (let presses = 0; presses < 11; presses++) await page.keyboard.press("ArrowLeft");
  assert.match(await test.locator(".ml-goal").innerText(), /✓ Reached: the loss is/);
  const [promised, found] = await outcome();
  assert.ok(promised < 3 * found && found < 0, "the line leaves the curve");
  await test.getByLabel("Which number").selectOption("bias of output 1");
  assert.match(await test.locator(".ml-goal").innerText(), /^Goal: halve the loss .* and is [\d.]+\.$/);
  const box = await boxOf(widget.locator(".ml-drag svg"));
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width - 2, box.y + box.height / 2, { steps: 4 });
  await page.mouse.up();
  assert.equal(await test.locator("output").innerText(), "2.00");
  assert.match(await test.locator(".ml-goal").innerText(), /✓ Reached: the loss is/);

  await press(page, "Random numbers");
  assert.equal(await uncovered(), "0");
  await widget.locator("summary").scrollIntoViewIfNeeded();
  const given = (await widget.locator(".ml-numbers-of tbody tr td:nth-child(2)").allInnerTexts()).join();
  await press(page, "Random numbers");
  const others = (await widget.locator(".ml-numbers-of tbody tr td:nth-child(2)").allInnerTexts()).join();
  assert.notEqual(others, given);
  for (const _ of steps) await press(page, "Show it");
  assert.match(await goal(), /^Goal: .* 21 uncovered, 0 found by you\./);
  await press(page, "Numbers of the chapter");
  await field.fill("2");
  await press(page, "Check");
  assert.match(await goal(), /1 uncovered, 1 found by you/);
  for (const { value } of steps.slice(1)) {
    await field.fill(value.toFixed(2));
    await page.keyboard.press("Enter");
  }
  assert.match(await goal(), /✓ Reached: you found all of them\.$/);
  await close();
}

async function convolution() {
  const { page, widget, close } = await ready();
  const sum = async () =>
    Number(find(/add up to (−?[\d.]+\d)/, await widget.locator(".ml-formula").innerText())[1].replace("−", "-"));
  const cells = async (/** @type {string} */ caption) =>
    (await widget.locator("table", { hasText: caption }).locator("td").allInnerTexts()).map((text) =>
      Number(text.replace("−", "-")),
    );
  const total = async () => (await cells("Products")).reduce((a, b) => a + b, 0);
  // What is shown is what is added: to the last digit.
  const adds = async () => assert.ok(Math.abs((await total()) - (await sum())) < 1e-9);
  await adds();
  await press(page, "Next place");
  assert.match(await widget.locator(".ml-formula").innerText(), /^Row 13, column 16/);
  await widget.getByLabel("Weight in row 1, column 1").fill("-2.5");
  await adds();
  await widget.getByLabel("Weight in row 1, column 1").fill("");
  assert.ok(Number.isFinite(await sum()), "an empty field breaks it");
  await widget.getByText("All sums in numbers").click();
  const place = widget.locator(".ml-numbers-of tbody tr").nth(13).locator("td").nth(16);
  assert.ok(Math.abs(Number((await place.innerText()).replace("−", "-")) - (await sum())) < 0.06);
  await press(page, "Then ReLU");
  assert.match(await widget.locator(".ml-formula").innerText(), /ReLU makes it [\d.]+\.$/);
  const kernels = await widget.getByLabel("Kernel", { exact: true }).locator("option").allInnerTexts();
  const learned = kernels.filter((text) => text.startsWith("Learned"));
  assert.equal(learned.length, 16);
  await widget.getByLabel("Kernel", { exact: true }).selectOption(learned[3]);
  assert.equal(await widget.locator(".ml-kernel input").count(), 25);
  await adds();
  await widget.getByLabel("Row", { exact: true }).fill("23");
  await widget.getByLabel("Column", { exact: true }).fill("23");
  await press(page, "Next place");
  assert.match(await widget.locator(".ml-formula").innerText(), /^Row 0, column 0/);
  const box = await boxOf(widget.locator(".ml-stack svg").first());
  await page.mouse.click(box.x + box.width / 2 + 3, box.y + box.height / 2 + 3);
  assert.match(await widget.locator(".ml-formula").innerText(), /^Row 12, column 12/);
  // The map leads to its largest sum.
  await widget.getByLabel("Kernel", { exact: true }).selectOption("Upper edges");
  const strongest = await widget.locator(".ml-stack svg").last().locator(".ml-positive[fill-opacity='1.00']").all();
  const spot = await boxOf(strongest[0]);
  const map = await boxOf(widget.locator(".ml-stack svg").last());
  await widget.getByLabel("Row", { exact: true }).fill(String(Math.round((26 * (spot.y - map.y)) / map.height)));
  await widget.getByLabel("Column", { exact: true }).fill(String(Math.round((26 * (spot.x - map.x)) / map.width)));
  assert.match(await widget.locator(".ml-goal").innerText(), /✓ Reached: no place has a sum above [\d.]+\./);
  await close();
  await checkDamage("convolution");
}

async function errorGallery() {
  const { page, widget, close } = await ready();
  const all = Number(find(/^\d+ of (\d+) errors/, await widget.locator(".ml-state").innerText())[1]);
  const counts = await widget.locator(".ml-matrix button").allInnerTexts();
  assert.equal(
    counts.map(Number).reduce((a, b) => a + b, 0),
    all,
  );
  const cell = widget.locator(".ml-matrix button", { hasText: /^[2-9]$/ }).first();
  const [, count, truth, guess] = find(/(\d+) labeled (\d), predicted (\d)/, await cell.getAttribute("aria-label"));
  await cell.focus();
  await page.keyboard.press("Enter");
  assert.equal(await cell.getAttribute("aria-pressed"), "true");
  assert.equal(await widget.locator(".ml-gallery li").count(), Number(count));
  for (const text of await widget.locator(".ml-gallery strong").allInnerTexts())
    assert.equal(text, `${truth}, taken for ${guess}`);
  await becomes(() => spoken(page), new RegExp(`^${count} of ${all} errors`));
  await press(page, "All errors");
  assert.equal(await widget.locator(".ml-gallery li").count(), 12);
  const why = widget.getByRole("button", { name: /^Why \d\?/ }).nth(1);
  await why.focus();
  await page.keyboard.press("Enter");
  const said = find(/^Why (\d)/, await why.innerText())[1];
  await becomes(() => widget.locator(".ml-why figcaption").innerText(), new RegExp(`why ${said} and not \\d\\?`));
  assert.equal(await why.getAttribute("aria-expanded"), "true");
  // Compared with the label, whatever came second.
  const label = find(/^(\d), taken for/, await widget.locator(".ml-gallery strong").nth(1).innerText())[1];
  await widget.getByLabel("Compared with").selectOption("the label");
  assert.match(await widget.locator(".ml-why figcaption").innerText(), new RegExp(`why ${said} and not ${label}\\?`));
  await why.focus();
  await page.keyboard.press("Enter");
  assert.equal(await widget.locator(".ml-why").count(), 0);
  const most = Math.max(...counts.map(Number));
  await widget
    .locator(".ml-matrix button", { hasText: new RegExp(`^${most}$`) })
    .first()
    .click();
  assert.match(await widget.locator(".ml-goal").first().innerText(), new RegExp(`✓ Reached: .* ${most} times`));
  await press(page, "All errors");
  await press(page, "Show more");
  assert.equal(await widget.locator(".ml-gallery li").count(), 24);
  await widget.getByLabel("Label", { exact: true }).selectOption("9");
  await widget.getByLabel("Predicted", { exact: true }).selectOption("9");
  assert.match(await widget.locator(".ml-state").innerText(), /^0 of/);
  await press(page, "All errors");
  while (await widget.getByRole("button", { name: "Show more" }).isVisible()) await press(page, "Show more");
  assert.match(await page.evaluate(() => document.activeElement?.textContent ?? ""), /^Why/, "the focus is lost");
  await close();

  // On a phone, all of the matrix is seen, and a number can be pressed all the same.
  const phone = await ready({ width: 360, touch: true });
  const matrix = phone.widget.locator(".ml-matrix");
  assert.ok(
    await matrix.evaluate((table) => table.scrollWidth <= /** @type {Element} */ (table.parentElement).clientWidth),
  );
  await matrix.locator("tbody tr").nth(4).locator("td").nth(9).tap();
  assert.match(await phone.widget.locator(".ml-state").innerText(), /labeled 4, taken for 9/);
  await phone.close();
  await checkDamage("errors");
}

async function digitMap() {
  const { page, widget, close } = await ready();
  const text = () => widget.locator(".ml-state").innerText();
  const map = widget.locator(".ml-points");
  assert.equal(await map.locator(".ml-point").count(), 1000);
  assert.match(await text(), /^Test image 0, labeled 7: the network says 7/);
  // The mouse shows what it points at; a press keeps it.
  const point = async (/** @type {Locator} */ at) => {
    const box = await boxOf(at);
    return /** @type {Point} */ ([box.x + box.width / 2, box.y + box.height / 2]);
  };
  await page.mouse.move(...(await point(map.locator(".ml-point").nth(21))));
  const pointed = await text();
  assert.notEqual(pointed, "", "nothing is pointed at");
  await page.mouse.move(5, 5);
  assert.match(await text(), /^Test image 0,/);
  await widget.getByLabel("Show").selectOption("wrong answers alone");
  const wrong = map.locator(".ml-point:visible");
  const count = await wrong.count();
  assert.ok(count >= 3 && count <= 30, `${count} wrong answers`);
  assert.match(await wrong.first().innerHTML(), /^(\d)→(?!\1)\d$/);
  assert.match(await text(), /and is wrong\.$/);
  await page.mouse.click(...(await point(wrong.last())));
  await page.mouse.move(5, 5);
  assert.match(await text(), /and is wrong\.$/);

  assert.equal(await map.locator(".ml-near:visible").count(), 0, "rings around what is not shown");

  // Closer, the same digits stand farther apart.
  const apart = async () => {
    const [[x0, y0], [x1, y1]] = [await point(wrong.first()), await point(wrong.last())];
    return Math.hypot(x1 - x0, y1 - y0);
  };
  const far = await apart();
  await press(page, "Closer");
  assert.ok((await apart()) > 3.5 * far);
  await press(page, "Closer");

  // By keys alone to the neighbors, and to the goal.
  await widget.getByLabel("Show").selectOption("digits labeled 4");
  await map.focus();
  const before = await text();
  for (const key of ["ArrowLeft", "ArrowLeft", "ArrowDown"]) await page.keyboard.press(key);
  assert.match(await text(), /labeled 4/);
  assert.notEqual(await text(), before);
  await becomes(() => spoken(page), /labeled 4.* Nearest: [\d ]+\. Nearest on the map/);
  assert.equal(await widget.locator(".ml-about li").count(), 5);
  const fours = await map.locator(".ml-point:visible").all();
  const goal = widget.locator(".ml-goal");
  assert.ok(!(await goal.innerText()).includes("Reached"));
  for (const four of fours) {
    await page.mouse.click(...(await point(four)));
    if ((await goal.innerText()).includes("Reached")) break;
  }
  assert.match(
    await goal.innerText(),
    /✓ Reached: test image \d+; in the whole layer, its nearest digits are( \d){5}\./,
  );
  await widget.getByText("The map in numbers").click();
  await becomes(() => widget.locator(".ml-numbers-of tbody tr").count(), 10);
  const counts = await widget.locator(".ml-numbers-of tbody td:nth-of-type(1)").allInnerTexts();
  assert.equal(
    counts.map(Number).reduce((a, b) => a + b, 0),
    1000,
  );
  await close();

  const touched = await ready({ width: 360, touch: true });
  await touched.page.touchscreen.tap(...(await point(touched.widget.locator(".ml-point").nth(5))));
  await becomes(() => touched.widget.locator(".ml-state").innerText(), /^Test image (?!0,)\d+/);
  await touched.close();
  await checkDamage("map");
}

async function watchTraining() {
  const { page, widget, close } = await ready();
  const state = () => widget.locator(".ml-state").innerText();
  const range = widget.getByLabel("Step of the training");
  const goals = widget.locator(".ml-goal");
  const digits = widget.locator(".ml-watch li");
  const sought = widget.locator(".ml-sought strong");
  const step = async () => Number(find(/^Step (\d+):/, await state())[1]);
  assert.equal(await step(), 0);
  assert.match(await state(), /Dead units: 0 of 128 in the first hidden layer, 0 of 128 in the second/);
  assert.equal(await widget.locator(".ml-units-grid path").count(), 0, "something is learned before the first step");
  const tops = await digits.evaluateAll((all) => all.map((each) => each.getBoundingClientRect().top));
  assert.equal(new Set(tops).size, 2, "where there is room, five digits stand in a row");

  // By keys to the first step at which the 9 is read; a wrong one is refused.
  await press(page, "Here!");
  assert.match(await goals.first().innerText(), /Not here: at step 0, it says \d\.$/);
  assert.match(await widget.locator(".ml-player").innerText(), /Not here: at step 0, it says \d\.$/);
  await range.focus();
  for (let presses = 0; presses < 20 && (await sought.innerText()) !== "✓ says 9"; presses++)
    await page.keyboard.press("ArrowRight");
  const found = await step();
  assert.ok(found > 0 && found < 939, `${found}`);
  await press(page, "Here!");
  assert.match(await goals.first().innerText(), new RegExp(`✓ Reached: step ${found}\\.`));
  await becomes(() => spoken(page), new RegExp(`^Goal reached: step ${found}`));
  assert.ok((await widget.locator(".ml-units-grid path").count()) > 100);

  // Without motion, Play shows the end at once.
  await press(page, "Next");
  await press(page, "Play");
  assert.equal(await step(), 939);
  await becomes(() => spoken(page), /^Step 939: .* 10 of ten read correctly\.$/);
  const right = await digits.locator("strong").allInnerTexts();
  assert.deepEqual(
    right,
    Array.from({ length: 10 }, (_, digit) => `✓ says ${digit}`),
  );
  await press(page, "Back");
  assert.equal(await step(), 626);
  const pictures = () => widget.locator(".ml-units-grid svg").first().innerHTML();
  const changes = await pictures();
  await widget.getByLabel("Of the first hidden layer, show").selectOption("its weights");
  assert.notEqual(await pictures(), changes);

  // At rate 3, the loss explodes, the second layer dies, and all digits get one answer.
  await widget.getByLabel("Learning rate").selectOption("3, too high");
  assert.equal(await step(), 626);
  const dead = async () => Number(find(/(\d+) of 128 in the second/, await state())[1]);
  const most = await dead();
  assert.ok(most > 110, `${most} are dead`);
  assert.ok(new Set((await digits.locator("strong").allInnerTexts()).map((text) => text.slice(-1))).size <= 2);
  assert.ok((await widget.locator(".ml-units-grid .ml-dead").count()) > 10);
  await press(page, "Here!");
  assert.match(await goals.last().innerText(), /Not here: at step 626, .* left, but not for the first time\.$/);
  for (let presses = 0; presses < 20 && (await dead()) === most; presses++) await press(page, "Back");
  await press(page, "Here!");
  assert.match(
    await goals.last().innerText(),
    /Not here: at step \d+, \d+ units of the second hidden layer are left\.$/,
  );
  await press(page, "Next");
  await press(page, "Here!");
  assert.match(await goals.last().innerText(), /✓ Reached: step \d+\./);
  await widget.getByText("The training in numbers").click();
  await becomes(() => widget.locator(".ml-numbers-of tbody tr").count(), 21);
  await range.fill("6");
  const before = await step();
  await page.emulateMedia({ reducedMotion: "no-preference" });
  await press(page, "Play");
  await becomes(async () => (await step()) > before, true, "playing:");
  await press(page, "Pause");
  const paused = await step();
  await page.waitForTimeout(1000);
  assert.equal(await step(), paused);
  await close();
  await checkDamage("training");
}

/** @type {Record<string, () => Promise<void>>} */
const USE = {
  "draw-digit": drawDigit,
  "try-digit": tryDigit,
  "small-digit": smallDigit,
  "fool-it": foolIt,
  "teach-it": teachIt,
  "read-sheet": readSheet,
  "relu-race": race,
  "one-neuron": oneNeuron,
  descent: descent,
  "backprop-steps": backpropSteps,
  convolution: convolution,
  "digit-map": digitMap,
  "error-gallery": errorGallery,
  "watch-training": watchTraining,
};

// From disk, what can differ is a worker, a picture that is read, and what the address or the browser keeps.
const DIFFERS_ON_DISK = ["draw-digit", "fool-it", "read-sheet", "relu-race", "teach-it"];

try {
  await checkLooks();
  await checkFallback();
  if (online || DIFFERS_ON_DISK.includes(name)) await USE[name]();
} finally {
  await browser.close();
}
