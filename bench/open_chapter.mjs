// Opens a notebook in JupyterLab as a launch button does, runs it to the end, and prints what was seen as JSON.
// node bench/open_chapter.mjs ADDRESS BROWSER [FOLDER]     FOLDER gets pictures of the notebook in both themes
import { join } from "node:path";
import { launch } from "../web/browser.mjs";

/** @typedef {import("../web/browser.mjs").Page} Page */

const [address, executablePath, folder] = process.argv.slice(2);
const browser = await launch(executablePath);

/** What a reader sees of the notebook once all folds are open, read from the page itself. */
function see() {
  const notebook = /** @type {HTMLElement} */ (document.querySelector(".jp-Notebook"));
  const errors = ".jp-mod-error, [data-mime-type*=error], [data-mime-type*=stderr], mjx-merror, [data-mjx-error]";
  const pictures = [...notebook.querySelectorAll("img")].filter((image) =>
    image.closest(".jp-OutputArea, .jp-RenderedMarkdown"),
  );
  for (const fold of notebook.querySelectorAll("details")) fold.open = true;
  return {
    text: notebook.innerText,
    errors: [...notebook.querySelectorAll(errors)].map((element) => element.textContent.trim().slice(0, 200)),
    formulas: notebook.querySelectorAll("mjx-container").length,
    tables: notebook.querySelectorAll(".jp-OutputArea table").length,
    folded: notebook.querySelectorAll(".jp-InputPlaceholder").length,
    popups: [...document.querySelectorAll(".Toastify__toast, .jp-Dialog")].map((element) => element.textContent),
    pictures: pictures.map((image) => {
      const { width, height } = image.getBoundingClientRect();
      const canvas = Object.assign(document.createElement("canvas"), { width: 100, height: 100 });
      const paint = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
      paint.drawImage(image, 0, 0, 100, 100);
      // The ground of the picture, near its corner; 0 where the notebook's own color shows through.
      return { width, height, ground: [...paint.getImageData(1, 1, 1, 1).data] };
    }),
  };
}

/** Whether the page has each cell and each picture that the notebook holds. */
function complete() {
  const { content } = jupyterapp.shell.currentWidget;
  /** @type {{ model: any }[]} */
  const cells = content.widgets;
  const stored = cells.flatMap(({ model }) =>
    model.type === "code"
      ? Array.from({ length: model.outputs.length }, (_, i) => Object.keys(model.outputs.get(i).data ?? {}))
      : [],
  );
  const pictures = stored.filter((kinds) => kinds.some((kind) => kind.startsWith("image/"))).length;
  const shown = content.node.querySelectorAll(".jp-OutputArea img").length;
  const read = [...content.node.querySelectorAll(".jp-MarkdownCell .jp-MarkdownOutput")].filter((e) => e.textContent);
  const texts = cells.filter(({ model }) => model.type === "markdown").length;
  return shown >= pictures && read.length >= texts;
}

/** What is seen when all is there and nothing changes any more: cells, figures and formulas come one by one. @param {Page} page */
async function settled(page) {
  // Cells that the window does not show are drawn when the page is idle, or when they are scrolled to.
  for (let looks = 0; !(await page.evaluate(complete)); looks += 1) {
    if (looks > 100) throw new Error("the notebook is not complete after 100 looks");
    await page.evaluate((number) => {
      const cells = jupyterapp.shell.currentWidget.content.widgets;
      cells[number % cells.length].node.scrollIntoView();
    }, looks * 3);
    await page.waitForTimeout(500);
  }
  for (let last = "", looks = 0; looks < 60; looks += 1) {
    await page.waitForTimeout(2000);
    const seen = await page.evaluate(see);
    const state = JSON.stringify(seen);
    if (state === last) return seen;
    last = state;
  }
  throw new Error("the notebook is still changing after two minutes");
}

try {
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  await page.goto(address);
  await page.waitForSelector(".jp-Notebook", { timeout: 180_000 }); // an editor's page has none
  await page.waitForFunction(
    () => jupyterapp.shell.currentWidget?.context?.sessionContext?.session?.kernel?.status === "idle",
    null,
    { timeout: 180_000 },
  );
  const before = await settled(page);
  const started = Date.now();
  await page.evaluate(() => jupyterapp.commands.execute("notebook:run-all-cells"));
  const seconds = (Date.now() - started) / 1000;
  const cells = await page.evaluate(() =>
    jupyterapp.shell.currentWidget.content.widgets
      .filter((/** @type {{ model: any }} */ { model }) => model.type === "code")
      .map((/** @type {{ model: any }} */ { model }) => ({
        count: model.executionCount,
        kinds: Array.from({ length: model.outputs.length }, (_, i) => model.outputs.get(i).type),
        streams: Array.from({ length: model.outputs.length }, (_, i) => model.outputs.get(i).toJSON().name ?? ""),
      })),
  );
  /** @type {Record<string, object>} */
  const after = {};
  for (const theme of ["Light", "Dark"]) {
    const command = ["apputils:change-theme", { theme: `JupyterLab ${theme}` }];
    await page.evaluate(([name, options]) => jupyterapp.commands.execute(name, options), command);
    after[theme.toLowerCase()] = await settled(page);
    if (folder) await photograph(page, join(folder, theme.toLowerCase()));
  }
  console.log(JSON.stringify({ seconds, cells, before, ...after, title: await page.title() }));
} finally {
  await browser.close();
}

/** One picture for each window full of the notebook. @param {Page} page @param {string} name */
async function photograph(page, name) {
  const scroller = page.locator(".jp-WindowedPanel-outer").first();
  const { full, step } = await scroller.evaluate((e) => ({ full: e.scrollHeight, step: e.clientHeight }));
  for (let top = 0, number = 0; top < full; top += step, number += 1) {
    await scroller.evaluate((element, to) => element.scrollTo(0, to), top);
    await page.waitForTimeout(200);
    await page.screenshot({ path: `${name}-${String(number).padStart(2, "0")}.png` });
  }
}
