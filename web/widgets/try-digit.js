// Try a digit: the small sister of draw-digit, for a first page.

import { readModel } from "./arithmetic/model.js";
import { forward } from "./arithmetic/network.js";
import { mount, percent } from "./page/page.js";
import { buildTry } from "./page/try.js";

mount("try-digit", async ({ root, say, load }) =>
  buildTry(root, say, async () => {
    const { layers, threshold } = readModel(await load("model-cnn"));
    return (image) => {
      const probabilities = forward(layers, image);
      const best = Math.max(...probabilities);
      const digit = probabilities.indexOf(best);
      if (best >= threshold) return [String(digit), `says the network, ${percent(best)} sure.`];
      return ["?", `I don’t know. At best a ${digit}, ${percent(best)} sure.`];
    };
  }),
);
