// One browser for all visits, and one server of the built site, under the path of the published one, as GitHub Pages.

import { createReadStream, existsSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { launch } from "../../../web/browser.mjs";

export const [site, base] = process.argv.slice(2);
/** @type {Record<string, string>} */
const TYPES = {
  ".html": "text/html",
  ".css": "text/css",
  ".js": "text/javascript",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".woff2": "font/woff2",
  ".json": "application/json",
  ".xml": "application/xml",
};

// Under which path the site is found, how many requests are still answered, and what is said in place of some files.
export const served = { root: base, answers: Infinity, instead: /** @type {Map<string, string>} */ (new Map()) };
const server = createServer((request, response) => {
  if (served.answers-- <= 0) return request.destroy();
  const path = decodeURIComponent(new URL(request.url ?? "/", "http://here").pathname);
  const file = join(site, path.startsWith(served.root) ? path.slice(served.root.length) : "no such page");
  const found = existsSync(file) && statSync(file).isFile();
  response.writeHead(found ? 200 : 404, {
    "content-type": TYPES[found ? extname(file) : ".html"] ?? "application/octet-stream",
  });
  const other = served.instead.get(path.slice(base.length));
  if (other !== undefined) return response.end(other);
  createReadStream(found ? file : join(site, "404.html")).pipe(response);
});
await new Promise((ready) => server.listen(0, "127.0.0.1", () => ready(undefined)));
const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
export const origin = `http://127.0.0.1:${port}`;
/** The address of a file of the site on disk. @param {string} name */
export const onDisk = (name) => pathToFileURL(join(site, name)).href;

export const browser = await launch(process.env.CHROMIUM);

/**
 * Open a page in a state of its own; returns it with all that went wrong and every request it made.
 * @param {string} address @param {import("../../../web/browser.mjs").ContextOptions} options
 */
export async function open(address, options, watch = "") {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  /** @type {Record<"errors" | "requests", string[]>} */
  const seen = { errors: [], requests: [] };
  page.on("pageerror", (error) => seen.errors.push(error.message));
  page.on("console", (message) => message.type() === "error" && seen.errors.push(message.text()));
  page.on("request", (request) => seen.requests.push(request.url()));
  if (watch) await page.addInitScript(watch);
  await page.goto(address, { waitUntil: "load" });
  return { page, seen, close: () => context.close() };
}

/** End the browser and the server. */
export async function end() {
  await browser.close();
  server.close();
}
