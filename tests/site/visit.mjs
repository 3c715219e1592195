// Visit every page of the built site in Chromium and write what was seen as JSON; test_pages.py says what is right.
//
//     node tests/site/visit.mjs SITE BASE STATES < list of pages, one a line > report.json

import { readFileSync } from "node:fs";
import { axed } from "./visit/checks.mjs";
import { figures, sorting, wideTable } from "./visit/content.mjs";
import { drawer, launching, reading } from "./visit/finding.mjs";
import { firstScreen, missing } from "./visit/home.mjs";
import { keeping } from "./visit/kept.mjs";
import { offline } from "./visit/offline.mjs";
import { visit } from "./visit/pages.mjs";
import { search, searchByKeys } from "./visit/search.mjs";
import { slides } from "./visit/slides.mjs";
import { base, end, onDisk, open, origin, served } from "./visit/site.mjs";

const pages = readFileSync(0, "utf8").trim().split("\n");
const states = Number(process.argv[4]);
/** @type {import("../../web/browser.mjs").ContextOptions} */
const PHONE = { viewport: { width: 360, height: 740 }, hasTouch: true, colorScheme: "dark" };
const ELSEWHERE = "/moved/to/";

/** @type {Record<string, object>} */
const report = {};
// Two pages at a time: a page waits for the browser as often as the browser computes.
const waiting = [...pages];
const visitAll = async () => {
  for (let name = waiting.shift(); name; name = waiting.shift()) report[name] = await visit(name, states);
};
await Promise.all([visitAll(), visitAll()]);
const queries = ["vanishing gradient", "vanishing gradeint", "learning rate"];
/** @type {Record<string, object>} */
const searches = {};
for (const query of queries) searches[query] = await search(query);
/** @type {Record<string, object>} */
const lost = {};
for (served.root of [ELSEWHERE, base]) lost[served.root] = await missing(served.root);
const used = {
  firstScreen: await firstScreen(),
  missing: lost,
  sorting: await sorting("book/scoreboard.html"),
  figure: await figures("book/train.html"),
  wide: await wideTable("book/scoreboard.html"),
  keys: {
    http: await searchByKeys(`${origin}${base}book/index.html`, {}),
    "file, phone": await searchByKeys(onDisk("book/index.html"), { viewport: { width: 360, height: 740 } }),
  },
  kept: [
    await keeping(onDisk("/"), () => open("about:blank", {}), axed),
    await keeping(origin + base, () => open("about:blank", PHONE), axed),
  ],
  finding: {
    drawer: await drawer("book/train.html"),
    reading: await reading("book/train.html"),
    launch: await launching("book/train.html"),
  },
  slides: [await slides("book/train.slides.html", {}), await slides("book/train.slides.html", PHONE)],
  offline: await offline(),
};
await end();
process.stdout.write(JSON.stringify({ pages: report, searches, ...used }));
