// Bundle the widgets, which are the scripts of web/widgets, into classic scripts: these work from file:// too, where
// modules do not. What they are made of is in its folders; web/widgets/arithmetic knows nothing of the page.
//
//     node web/build.mjs OUTDIR                      one script for each widget, their styles, and hear.js for figures
//     python web/sphinx/export_widgets.py OUTDIR     the models and digits that they show, *.data.js
//
// web/sphinx/widgets.py then takes OUTDIR from the configuration value `widgets_path` and gives a page its files.

import { build } from "esbuild";
import { readdirSync } from "node:fs";
import { join } from "node:path";

const folder = process.argv[2];
if (!folder) throw new Error("usage: node web/build.mjs OUTDIR");

const source = join(import.meta.dirname, "widgets");
/** @satisfies {import("esbuild").BuildOptions} */
const settings = { bundle: true, minify: true, charset: "utf8", target: "es2022", legalComments: "none" };

// A worker's script cannot be loaded from file://, so it travels inside its widget's script as a string.
const bundle = async (/** @type {string} */ name) => {
  const entryPoints = [join(source, "arithmetic", `${name}-worker.js`)];
  const { outputFiles } = await build({ ...settings, entryPoints, write: false });
  return JSON.stringify(outputFiles[0].text);
};
await build({
  ...settings,
  entryPoints: readdirSync(source)
    .filter((name) => /\.(js|css)$/.test(name))
    .map((name) => join(source, name)),
  define: { RACE_WORKER: await bundle("race"), TEACH_WORKER: await bundle("teach") },
  outdir: folder,
});
await build({ ...settings, entryPoints: [join(import.meta.dirname, "hear.js")], outdir: folder });
