// Ask the page's own search, on the built site, each query that comes in as JSON; write the pages that it finds.
//
//     node tests/site/find.mjs SITE < queries.json > found.json

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createContext, runInContext } from "node:vm";

const [site] = process.argv.slice(2);
/** @type {any} */
const page = createContext({ setTimeout });
page.window = page.self = page;
for (const name of ["_static/minisearch.js", "sections.js", "_static/search.js"]) {
  runInContext(readFileSync(join(site, name), "utf8"), page);
}
/** @type {Awaited<ReturnType<typeof BookSearch.open>>} */
const book = await page.BookSearch.open(page.bookText);
/** @type {string[]} */
const queries = JSON.parse(readFileSync(0, "utf8"));
const found = queries.map((query) => book.find(query).answers.map((answer) => answer.page.address));
process.stdout.write(JSON.stringify(found));
