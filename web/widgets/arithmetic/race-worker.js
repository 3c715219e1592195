// Runs one network of the race away from the page, so that the page stays responsive.

import { createRunner } from "./race.js";

/** @type {ReturnType<typeof createRunner>} */
let runner;

/** Messages: {start: {pixels, labels, activation, settings}} or {advance: steps}; each is answered by a measurement. */
onmessage = ({ data: { start, advance } }) => {
  if (start) {
    const images = Array.from(start.labels, (_, i) =>
      Float32Array.from(start.pixels.subarray(784 * i, 784 * (i + 1)), (value) => value / 255),
    );
    runner = createRunner({ ...start, images });
    postMessage(runner.start());
  } else {
    postMessage(runner.advance(advance));
  }
};
