// Bundle the widgets into classic scripts, which work from file:// too, where modules do not:
//
//     node web/build.mjs OUTDIR                     one script for each widget, and widgets.css
//     python web/sphinx/export_widgets.py OUTDIR     the models and digits that they show, *.data.js
//
// web/sphinx/widgets.py then takes OUTDIR from the configuration value `widgets_path` and gives a page its files.

import { build } from "esbuild";
import { fileURLToPath } from "node:url";

const WIDGETS = ["draw-digit", "try-digit", "relu-race", "one-neuron", "gradient-step", "convolution", "error-gallery"];
const folder = process.argv[2];
if (!folder) throw new Error("usage: node web/build.mjs OUTDIR");

/** @param {string} name */
const source = (name) => fileURLToPath(new URL(`widgets/${name}`, import.meta.url));
const settings = { bundle: true, minify: true, charset: "utf8", target: "es2022", legalComments: "none" };

// A worker's script cannot be loaded from file://, so it travels inside the race's script as a string.
const worker = await build({ ...settings, entryPoints: [source("race-worker.js")], write: false });
await build({
  ...settings,
  entryPoints: [...WIDGETS.map((name) => source(`${name}.js`)), source("widgets.css")],
  define: { RACE_WORKER: JSON.stringify(worker.outputFiles[0].text) },
  outdir: folder,
});
