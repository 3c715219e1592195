// Hold every page of the built site to Lighthouse's mobile audit: performance 90, and 100 in the three other categories.
//
//     node tests/site/audit.mjs SITE [PAGE ...]
//
// Lighthouse is not among the packages that the book needs: `make audit` installs it into _build/audit.

import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { extname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import { launch } from "../../web/browser.mjs";

const [site, ...named] = process.argv.slice(2);
const installed = createRequire(pathToFileURL(resolve("_build/audit/package.json")));
const { default: lighthouse } = await import(pathToFileURL(installed.resolve("lighthouse")).href);

const GOALS = { performance: 90, accessibility: 100, "best-practices": 100, seo: 100 };
/** @type {Record<string, string>} */
const TYPES = {
  ".html": "text/html",
  ".css": "text/css",
  ".js": "text/javascript",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".woff2": "font/woff2",
};
const pages = named.length
  ? named
  : readdirSync(site, { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".html") && !["index.html", "404.html", "search.html"].includes(name))
      .sort();

// Compressed and cached, as the pages' host does it.
const server = createServer((request, response) => {
  const file = join(site, decodeURIComponent(new URL(request.url ?? "/", "http://here").pathname));
  if (!existsSync(file) || !statSync(file).isFile()) return response.writeHead(404).end();
  const headers = {
    "content-type": `${TYPES[extname(file)] ?? "text/plain"}; charset=utf-8`,
    "cache-control": "max-age=600",
  };
  if ([".woff2", ".png"].includes(extname(file))) return response.writeHead(200, headers).end(readFileSync(file));
  response.writeHead(200, { ...headers, "content-encoding": "gzip" }).end(gzipSync(readFileSync(file)));
});
await new Promise((ready) => server.listen(0, "127.0.0.1", () => ready(undefined)));
const address = /** @type {import("node:net").AddressInfo} */ (server.address());
const origin = `http://127.0.0.1:${address.port}`;
const port = address.port + 1;
const browser = await launch(process.env.CHROMIUM, `--remote-debugging-port=${port}`);

let failed = false;
console.log(
  `${"page".padEnd(36)}${Object.keys(GOALS)
    .map((name) => name.padStart(16))
    .join("")}`,
);
for (const name of pages) {
  const { lhr } = await lighthouse(`${origin}/${name}`, {
    port,
    onlyCategories: Object.keys(GOALS),
    // Slides show again what their chapter says, and ask not to be listed.
    skipAudits: name.endsWith(".slides.html") ? ["is-crawlable"] : null,
    logLevel: "error",
  });
  const scores = Object.keys(GOALS).map((category) => Math.round(100 * lhr.categories[category].score));
  const short = Object.values(GOALS).some((goal, index) => scores[index] < goal);
  failed ||= short;
  console.log(
    `${name.padEnd(36)}${scores.map((score) => String(score).padStart(16)).join("")}${short ? "  short" : ""}`,
  );
  if (short) {
    for (const [category, goal] of Object.entries(GOALS)) {
      /** @type {{ score: number, auditRefs: { id: string, weight: number }[] }} */
      const { score, auditRefs } = lhr.categories[category];
      if (100 * score >= goal) continue;
      const bad = auditRefs
        .filter(({ id, weight }) => weight && (lhr.audits[id].score ?? 1) < 0.9)
        .map(({ id }) => `${id} ${lhr.audits[id].displayValue ?? ""}`);
      console.log(`    ${category}: ${bad.join(", ")}`);
    }
  }
}
await browser.close();
server.close();
process.exitCode = failed ? 1 : 0;
