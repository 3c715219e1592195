// Opens a chapter in JupyterLab as a launch button does, runs it to the end, and prints what was seen as JSON.
// node bench/open_chapter.mjs ADDRESS BROWSER SCREENSHOT
import { createRequire } from "node:module";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const { chromium } = createRequire(new URL("../web/package.json", import.meta.url))("playwright-core");
const [address, executablePath, screenshot] = process.argv.slice(2);
const quiet = ["no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking"];
const args = [...quiet, "disable-component-update", "disable-sync"].map((flag) => `--${flag}`);
const profile = mkdtempSync(join(tmpdir(), "profile-"));
const context = await chromium.launchPersistentContext(profile, { executablePath, args, headless: true });
try {
  const page = context.pages()[0];
  await page.goto(address);
  await page.waitForSelector(".jp-Notebook", { timeout: 180_000 }); // an editor's page has none
  await page.waitForFunction(
    () => globalThis.jupyterapp.shell.currentWidget?.context?.sessionContext?.session?.kernel?.status === "idle",
    null,
    { timeout: 180_000 },
  );
  const started = Date.now();
  await page.evaluate(() => globalThis.jupyterapp.commands.execute("notebook:run-all-cells"));
  const cells = await page.evaluate(() =>
    globalThis.jupyterapp.shell.currentWidget.content.widgets
      .filter((cell) => cell.model.type === "code")
      .map(({ model }) => ({
        count: model.executionCount,
        kinds: Array.from({ length: model.outputs.length }, (_, i) => model.outputs.get(i).type),
        streams: Array.from({ length: model.outputs.length }, (_, i) => model.outputs.get(i).toJSON().name ?? ""),
      })),
  );
  const seconds = (Date.now() - started) / 1000;
  if (screenshot) {
    await page.screenshot({ path: screenshot });
  }
  console.log(JSON.stringify({ seconds, cells, title: await page.title() }));
} finally {
  await context.close();
}
