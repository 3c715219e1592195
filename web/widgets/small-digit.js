// Draw for the smallest network: what answers is the program that the chapter wrote, weights included.

import { mount, percent } from "./page/page.js";
import { buildTry } from "./page/try.js";

mount("small-digit", async ({ root, say, load }) =>
  buildTry(root, say, async () => {
    const digit = /** @type {(image: Uint8Array) => number[]} */ (await load("small"));
    return (image) => {
      const probabilities = digit(image);
      const best = Math.max(...probabilities);
      return [String(probabilities.indexOf(best)), `says the program, ${percent(best)} sure.`];
    };
  }),
);
