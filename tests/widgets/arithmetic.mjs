// Runs the widgets' arithmetic on files, for the tests to compare with Keras and with the package:
//
//     node arithmetic.mjs COMMAND REQUEST.json
//
// Large arrays are files of their own, named in the request.

import { readFileSync, writeFileSync } from "node:fs";
import { directionToward, push, pushAtRandom } from "../../web/widgets/arithmetic/attack.js";
import { compute, operations, randomNetwork } from "../../web/widgets/arithmetic/backprop.js";
import { descend } from "../../web/widgets/arithmetic/descent.js";
import {
  backward,
  createNearest,
  erase,
  gradientTimesInput,
  occlusion,
  pixelsFor,
  preference,
} from "../../web/widgets/arithmetic/explain.js";
import { decodeHalves, decodeShades, readModel } from "../../web/widgets/arithmetic/model.js";
import {
  buildDense,
  computeGradients,
  forward,
  randomNumbers,
  zeroGradients,
} from "../../web/widgets/arithmetic/network.js";
import { encodeArrays } from "../../web/widgets/arithmetic/npz.js";
import { prepareDrawing } from "../../web/widgets/arithmetic/prepare.js";
import { createRunner } from "../../web/widgets/arithmetic/race.js";
import { enlarge, SIZE } from "../../web/widgets/arithmetic/strokes.js";
import { readSheet } from "../../web/widgets/arithmetic/sheet.js";
import { createTeacher } from "../../web/widgets/arithmetic/teach.js";
import { weightsAt } from "../../web/widgets/arithmetic/training.js";

/** @typedef {import("../../web/widgets/arithmetic/network.js").Dense} Dense */

/** A data file as the page gets it: a script that leaves its content in a global variable. @param {string} file */
const read = (file) => {
  globalThis.mnistLessons = {};
  new Function(readFileSync(file, "utf8"))();
  return Object.values(globalThis.mnistLessons)[0];
};
/** @param {string} file @param {number} size  in bytes */
const rows = (file, size) => {
  const bytes = readFileSync(file);
  return Array.from({ length: bytes.length / size }, (_, i) => bytes.subarray(size * i, size * (i + 1)));
};
const scaled = (/** @type {Uint8Array[]} */ images) =>
  images.map((image) => Float32Array.from(image, (value) => value / 255));

/**
 * The ink of strokes with round ends, 0 to 255, as the page's canvas paints them.
 * @param {import("../../web/widgets/arithmetic/strokes.js").Stroke[]} strokes
 */
function paint(strokes) {
  const ink = new Uint8Array(SIZE * SIZE);
  for (const { pen, points } of strokes) {
    points.slice(1).forEach((to, i) => {
      const { x, y } = points[i];
      const [dx, dy, reach] = [to.x - x, to.y - y, pen / 2 + 1];
      const [left, right] = [Math.min(x, to.x) - reach, Math.max(x, to.x) + reach].map(Math.round);
      const [top, bottom] = [Math.min(y, to.y) - reach, Math.max(y, to.y) + reach].map(Math.round);
      for (let row = Math.max(0, top); row < Math.min(SIZE, bottom); row++) {
        for (let column = Math.max(0, left); column < Math.min(SIZE, right); column++) {
          const [px, py] = [column + 0.5 - x, row + 0.5 - y];
          const along = Math.min(1, Math.max(0, (px * dx + py * dy) / (dx * dx + dy * dy || 1)));
          const cover = pen / 2 + 0.5 - Math.hypot(px - along * dx, py - along * dy);
          const at = row * SIZE + column;
          ink[at] = Math.max(ink[at], 255 * Math.min(1, Math.max(0, cover)));
        }
      }
    });
  }
  return ink;
}

/** What Python asks for, by name. @type {Record<string, (request: any) => unknown>} */
const commands = {
  forward({ model, images, out }) {
    const { layers } = readModel(read(model));
    const size = layers[layers.length - 1].output.length;
    const inputs = rows(images, 784);
    const results = new Float32Array(inputs.length * size);
    inputs.forEach((image, i) => results.set(forward(layers, image), i * size));
    writeFileSync(out, results);
  },
  /** The gradients for the pixels of each image of what the layers return but for the last ones, each times its weight. */
  backward({ model, without, images, weights, out }) {
    const all = readModel(read(model)).layers;
    const layers = all.slice(0, all.length - without);
    const score = { layers, weights: Float32Array.from(weights) };
    const results = rows(images, 784).map((image) => {
      forward(layers, image);
      return backward(score, image);
    });
    writeFileSync(out, Buffer.concat(results.map((each) => Buffer.from(each.buffer))));
  },
  /** How the preference for an answer changes when the strongest pixels for it, or against it, are erased. */
  erasing({ model, images, method, count }) {
    const { layers } = readModel(read(model));
    /** @type {Record<string, import("../../web/widgets/arithmetic/explain.js").Method>} */
    const methods = { gradientTimesInput, occlusion };
    return rows(images, 784).map((image) => {
      const { value, score } = preference(layers, image);
      const evidence = methods[method](score, image);
      const without = (/** @type {Float64Array} */ parts) => {
        const pixels = pixelsFor(parts).slice(0, count);
        const sums = forward(score.layers, erase(image, pixels));
        return pixels.length ? score.weights.reduce((sum, weight, i) => sum + weight * sums[i], 0) - value : null;
      };
      return [without(evidence), without(evidence.map((part) => -part))];
    });
  },
  /** For each image and target, the image after a push; of random pushes, how many of each are read as before. */
  push({ model, images, targets, levels, out }) {
    const { layers } = readModel(read(model));
    const results = rows(images, 784).map((image, i) =>
      push(image, directionToward(layers, image, targets[i]), levels),
    );
    writeFileSync(out, Buffer.concat(results));
  },
  shake({ model, images, levels, count }) {
    const { layers } = readModel(read(model));
    const answer = (/** @type {ArrayLike<number>} */ values) =>
      Array.from(values).indexOf(Math.max(...Array.from(values)));
    return rows(images, 784).map((image) => {
      const before = answer(forward(layers, image));
      const pushes = pushAtRandom(layers, image, levels);
      const after = Array.from({ length: count }, () => answer(pushes.next().value.probabilities));
      return after.filter((each) => each === before).length;
    });
  },
  nearest({ model, neighbors, race, images, count }) {
    const find = createNearest(readModel(read(model)).layers, read(neighbors), decodeShades(read(race).shades));
    return rows(images, 784).map((image) => find(image, count));
  },
  program({ program, images, out }) {
    const digit = read(program);
    writeFileSync(out, Float32Array.from(rows(images, 784).flatMap((image) => digit(image))));
  },
  halves({ weights }) {
    return Array.from(decodeHalves(weights));
  },
  gradients({ sizes, activation, kernels, biases, images, labels }) {
    const layers = buildDense({ sizes, activation, initializer: "glorot", random: Math.random });
    layers
      .filter((layer) => layer.type === "dense")
      .forEach((layer, i) => {
        layer.kernel.set(kernels[i].flat());
        layer.bias.set(biases[i]);
      });
    const gradients = zeroGradients(layers);
    computeGradients(layers, scaled(rows(images, 784)), labels, gradients);
    return {
      loss: gradients.loss,
      kernels: gradients.kernels.map((each) => Array.from(each)),
      biases: gradients.biases.map((each) => Array.from(each)),
    };
  },
  backprop({ count }) {
    const random = randomNumbers(1);
    return Array.from({ length: count }, () => {
      const network = randomNetwork(random);
      return { network, passes: compute(network), steps: operations(network) };
    });
  },
  training({ training, run, moment, out }) {
    const weights = weightsAt(read(training).runs[run], moment);
    writeFileSync(out, Float64Array.from(weights.flatMap((unit) => Array.from(unit))));
  },
  descent({ name, rate, start, steps }) {
    return descend(name, rate, start, steps);
  },
  /** What a model makes of drawings, each a list of strokes on the sheet. */
  drawings({ model, drawings }) {
    const { layers } = readModel(read(model));
    return drawings.map((/** @type {import("../../web/widgets/arithmetic/strokes.js").Stroke[]} */ strokes) => {
      const image = /** @type {Uint8Array} */ (prepareDrawing(paint(enlarge(strokes)), SIZE));
      return Array.from(forward(layers, image));
    });
  },
  prepare({ drawings, width, height, out }) {
    writeFileSync(
      out,
      Buffer.concat(
        rows(drawings, width * height).map((ink) => /** @type {Uint8Array} */ (prepareDrawing(ink, width))),
      ),
    );
  },
  sheets({ photos, width }) {
    return photos.map((/** @type {string} */ file) => {
      try {
        return readSheet(readFileSync(file), width).map((digit) => ({ ...digit, image: Array.from(digit.image) }));
      } catch (error) {
        return /** @type {Error} */ (error).message;
      }
    });
  },
  /** What the last layer learns from each hand of the data file, with the new weights. */
  teach({ model, hands, tests, labels, rate }) {
    const { hands: count, shades } = read(hands);
    const pixels = decodeShades(shades);
    const { teach } = createTeacher(readModel(read(model)).layers, { images: rows(tests, 784), labels });
    return Array.from({ length: count }, (_, hand) => {
      const drawings = Array.from({ length: 30 }, (_, i) => {
        const at = 784 * (30 * hand + i);
        return { image: pixels.slice(at, at + 784), label: i % 10, round: Math.floor(i / 10) };
      });
      const lesson = teach(drawings, rate);
      return { ...lesson, kernel: Array.from(lesson.kernel), bias: Array.from(lesson.bias) };
    });
  },
  npz({ bytes, out }) {
    const images = Uint8Array.from(readFileSync(bytes));
    writeFileSync(
      out,
      encodeArrays([
        { name: "images", shape: [images.length / 784, 28, 28], values: images },
        { name: "labels", shape: [3], values: Uint8Array.of(0, 5, 9) },
        { name: "kernel", shape: [2, 2], values: Float32Array.of(0.5, -1, 1e-7, 3).subarray(0) },
      ]),
    );
  },
  race({ images, labels, activation, settings, steps }) {
    const runner = createRunner({ images: scaled(rows(images, 784)), labels, activation, settings });
    return [runner.start(), runner.advance(steps - 20), runner.advance(20)];
  },
};

const [command, request] = process.argv.slice(2);
const answer = commands[command](JSON.parse(readFileSync(request, "utf8")));
if (answer) process.stdout.write(JSON.stringify(answer));
