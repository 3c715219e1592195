// The browser that takes pictures of the site and tests it, with the flags that web/sphinx/browser.py gives it, too.

import { chromium } from "playwright-core";
import flags from "./sphinx/browser.json" with { type: "json" };

/** @typedef {import("playwright-core").Page} Page */
/** @typedef {import("playwright-core").BrowserContextOptions} ContextOptions */

/** Start the browser at a path. @param {string | undefined} executablePath @param {...string} more */
export function launch(executablePath, ...more) {
  return chromium.launch({ executablePath, args: [...flags, ...more] });
}
