// What the arithmetic promises by itself; what it must share with Keras stands in tests/test_widgets.py.

import assert from "node:assert/strict";
import test from "node:test";
import { convolve, productsAt, total } from "../../web/widgets/arithmetic/convolve.js";
import { distort, UNCHANGED } from "../../web/widgets/arithmetic/distort.js";
import { gradientTimesInput, occlusion, receptiveField, unitScore } from "../../web/widgets/arithmetic/explain.js";
import { pointAt, pointToward } from "../../web/widgets/arithmetic/map.js";
import { checksum, decodeBytes, decodeDigits, readModel } from "../../web/widgets/arithmetic/model.js";
import {
  buildDense,
  descend,
  forward,
  randomNumbers,
  zeroGradients,
  computeGradients,
} from "../../web/widgets/arithmetic/network.js";
import { evaluate } from "../../web/widgets/arithmetic/neuron.js";
import { prepareDrawing } from "../../web/widgets/arithmetic/prepare.js";
import { decodeImage, encodeImage } from "../../web/widgets/arithmetic/text.js";
import { answersAfter, answersTo, changesAt, deathOf, weightsAt } from "../../web/widgets/arithmetic/training.js";

const dot = () => Uint8Array.from({ length: 784 }, (_, i) => (i === 14 * 28 + 14 ? 200 : 0));

test("an empty drawing has no prepared form", () => {
  assert.equal(prepareDrawing(new Uint8Array(100 * 80), 100), null);
});

test("a prepared image is prepared already", () => {
  const square = Uint8Array.from({ length: 784 }, (_, i) => {
    const [row, column] = [Math.floor(i / 28), i % 28];
    return row >= 5 && row < 25 && column >= 10 && column < 19 ? 255 : 0;
  });
  assert.deepEqual(prepareDrawing(square, 28), square);
});

test("damaged weights are refused, whole ones are read", () => {
  const weights = ["PP", "AA", "AA"]; // 1 and 1
  const stored = {
    name: "tiny",
    title: "",
    accuracy: 1,
    threshold: 0,
    crc32: checksum("PPAAAA"),
    weights,
    layers: [{ type: "dense", inputs: 1, shape: [1] }],
  };
  assert.deepEqual([...forward(readModel(stored).layers, [3])], [4]);
  assert.throws(() => readModel({ ...stored, weights: ["PQ", "AA", "AA"] }), /tiny is damaged/);
  assert.throws(() => readModel({ ...stored, weights: ["P", "AA", "AA"] }), /tiny is damaged/);
});

test("the checksum is zlib's", () => assert.equal(checksum("123456789"), 0xcbf43926));

test("bytes and digits are decoded", () => {
  assert.deepEqual([...decodeBytes("AP8B")], [0, 255, 1]);
  assert.deepEqual([...decodeDigits("Aaz09+/")], [0, 26, 51, 52, 61, 62, 63]);
});

test("random numbers repeat with their seed and fill the interval evenly", () => {
  const draw = (/** @type {number} */ seed) => Array.from({ length: 10000 }, randomNumbers(seed));
  assert.deepEqual(draw(3), draw(3));
  assert.notDeepEqual(draw(3), draw(4));
  const counts = new Array(10).fill(0);
  for (const value of draw(3)) counts[Math.floor(10 * value)]++;
  assert.ok(Math.min(...counts) > 900 && Math.max(...counts) < 1100, String(counts));
});

test("a step goes down the gradient by the learning rate", () => {
  const layers = buildDense({ sizes: [2, 3, 2], activation: "tanh", initializer: "he", random: randomNumbers(1) });
  const gradients = zeroGradients(layers);
  computeGradients(layers, [[0.5, 1]], [1], gradients);
  const { kernel } = /** @type {import("../../web/widgets/arithmetic/network.js").Dense} */ (layers[0]);
  const before = kernel[1];
  descend(layers, gradients, 0.5);
  assert.ok(Math.abs(kernel[1] - (before - 0.5 * gradients.kernels[0][1])) < 1e-7);
});

test("unknown activations are refused", () => {
  const layers = buildDense({ sizes: [1, 1, 2], activation: "elu", initializer: "he", random: Math.random });
  assert.throws(() => forward(layers, [1]), /elu: expected relu, sigmoid, tanh or softmax/);
});

test("an image that nothing changes stays as it is", () => {
  const image = Uint8Array.from({ length: 784 }, (_, i) => i % 256);
  assert.deepEqual(distort(image, UNCHANGED), image);
});

test("shifts move by whole and half pixels", () => {
  const moved = distort(dot(), { ...UNCHANGED, right: 2, down: -3 });
  assert.equal(moved[11 * 28 + 16], 200);
  const half = distort(dot(), { ...UNCHANGED, right: 0.5 });
  assert.deepEqual([half[14 * 28 + 14], half[14 * 28 + 15]], [100, 100]);
});

test("a turn is clockwise about the center", () => {
  const above = distort(dot(), { ...UNCHANGED, down: -5 });
  const turned = distort(above, { ...UNCHANGED, rotate: 90 });
  assert.equal(turned[14 * 28 + 19], 200);
});

test("thickening by one pixel reaches the neighbors", () => {
  const thick = distort(dot(), { ...UNCHANGED, thicken: 1 });
  assert.deepEqual(
    [13, 15].map((row) => thick[row * 28 + 14]),
    [200, 200],
  );
  assert.equal(thick[14 * 28 + 17], 0);
});

test("noise is the same each time and of the size asked for", () => {
  const gray = new Uint8Array(784).fill(128);
  const noisy = distort(gray, { ...UNCHANGED, noise: 20 });
  assert.deepEqual(noisy, distort(gray, { ...UNCHANGED, noise: 20 }));
  const deviation = Math.sqrt(noisy.reduce((sum, value) => sum + (value - 128) ** 2, 0) / 784);
  assert.ok(Math.abs(deviation - 20) < 2, String(deviation));
});

test("a kernel's sums are the products' sums", () => {
  const image = Float64Array.from({ length: 784 }, (_, i) => i % 7);
  const kernel = [
    [1, 2, 3],
    [0, -1, 0],
    [5, 0, -2],
  ];
  const { values, side } = convolve(image, kernel);
  assert.equal(side, 26);
  assert.equal(values[3 * 26 + 5], total(productsAt(image, kernel, 3, 5)));
  assert.equal(values[0], image[0] + 2 * image[1] + 3 * image[2] - image[29] + 5 * image[56] - 2 * image[58]);
});

/** A convolution of stride 2 with a border, pooling, one more convolution. @returns {any[]} */
const stack = () => [
  { type: "conv", input: [28, 28, 1], shape: [14, 14, 2], window: [5, 5], strides: [2, 2], padding: [1, 1] },
  { type: "activation", name: "relu", shape: [14, 14, 2] },
  { type: "pool", input: [14, 14, 2], shape: [7, 7, 2], window: [2, 2], strides: [2, 2], padding: [0, 0] },
  { type: "conv", input: [7, 7, 2], shape: [5, 5, 3], window: [3, 3], strides: [1, 1], padding: [0, 0] },
];

test("a unit's receptive field is what its windows cover", () => {
  assert.deepEqual(receptiveField(stack(), 1, 0), { top: 0, left: 0, bottom: 3, right: 3 });
  assert.deepEqual(receptiveField(stack(), 1, 2 * (14 * 3 + 4) + 1), { top: 5, left: 7, bottom: 9, right: 11 });
  assert.deepEqual(receptiveField(stack(), 3, 3 * (5 * 1 + 2)), { top: 3, left: 7, bottom: 17, right: 21 });
});

test("of a linear unit, either method gives each pixel its product", () => {
  const kernel = Float32Array.from({ length: 784 }, (_, i) => (i % 2 ? 0.5 : -1));
  const layers = /** @type {any[]} */ ([
    { type: "dense", kernel, bias: Float32Array.of(3), output: new Float32Array(1) },
    { type: "activation", name: "relu", output: new Float32Array(1) },
  ]);
  const image = dot();
  const score = unitScore(layers, 1, 0);
  for (const method of [gradientTimesInput, occlusion]) {
    const parts = method(score, image);
    assert.equal(parts[14 * 28 + 14], -200);
    assert.ok(parts[0] === 0); // or -0
  }
});

test("an image survives its link, and what is no image is refused", () => {
  const gray = Uint8Array.from({ length: 784 }, (_, i) => (i % 5 ? 0 : i % 256));
  for (const image of [dot(), gray, new Uint8Array(784), new Uint8Array(784).fill(255)]) {
    const text = encodeImage(image);
    assert.match(text, /^[\w-]+$/);
    assert.deepEqual(decodeImage(text), image);
    for (const broken of [text.slice(0, -4), `${text}AAEB`, `${text}%`, ""]) assert.equal(decodeImage(broken), null);
  }
  assert.ok(encodeImage(dot()).length < 20);
});

test("on the map, keys lead to the nearest digit ahead", () => {
  /** @type {[number, number][]} */
  const points = [
    [0, 0],
    [3, 1],
    [1, 5],
    [-1, 0],
    [2, 2.5],
  ];
  const all = () => true;
  assert.equal(pointToward(points, 0, [1, 0], all), 1);
  assert.equal(pointToward(points, 0, [0, 1], all), 4);
  assert.equal(
    pointToward(points, 0, [0, 1], (place) => place !== 4),
    2,
  );
  assert.equal(pointToward(points, 0, [0, -1], all), undefined);
  assert.equal(
    pointAt(points, [2.9, 1.1], (place) => place !== 1),
    4,
  );
});

test("the neuron's gradient is the slope of its loss, and its loss at 0 is ln 2", () => {
  /** @type {import("../../web/widgets/arithmetic/neuron.js").Digits} */
  const digits = {
    points: [
      [1, 2],
      [-1, 0.5],
      [0.3, -2],
    ],
    labels: [1, 0, 1],
  };
  assert.ok(Math.abs(evaluate(digits, [0, 0]).loss - Math.LN2) < 1e-12);
  const { gradient } = evaluate(digits, [0.7, -0.2], 0.1);
  const slope =
    (evaluate(digits, [0.7 + 1e-6, -0.2], 0.1).loss - evaluate(digits, [0.7 - 1e-6, -0.2], 0.1).loss) / 2e-6;
  assert.ok(Math.abs(gradient[0] - slope) < 1e-8);
  assert.ok(Number.isFinite(evaluate(digits, [900, -900]).loss));
});

/** Two units at three moments. @returns {any} */
const run = () => ({
  scales: [
    [1, 3],
    [15, 0],
    [1e17, 6],
  ],
  // 0 is the lowest level, 15 stands for 0, 30 is the highest.
  levels: [
    [0, 15],
    [16, 15],
    [15, 30],
  ].map((levels) => levels.map((level) => "ABCDEFGHIJKLMNOPQRSTUVWXYZabcde"[level].repeat(784)).join("")),
  dead: [
    [0, 1],
    [1, 2],
    [0, 2],
  ],
  probabilities: [[[0.5, 0.3, 0.2]], [[0.2, 0.5, 0.3]], [[0.2, 0.3, 0.5]]],
});

test("a recorded weight is its start and its change since", () => {
  const at = (/** @type {number} */ moment) => weightsAt(run(), moment).map((weights) => weights[783]);
  assert.deepEqual([0, 1, 2].map(at), [
    [-1, 0],
    [0, 0],
    [-1, 6],
  ]);
  assert.deepEqual(
    changesAt(run(), 0).map((changes) => changes[0]),
    [0, 0],
  );
});

test("a recorded training says what a digit was taken for, and when its second layer died", () => {
  assert.deepEqual(answersTo(run(), 0), [0, 1, 2]);
  assert.deepEqual(answersAfter([3, 9, 9, 7, 7, 9, 9], 9), [7, 9]);
  assert.deepEqual(answersAfter([3, 9, 9], 9), []);
  assert.deepEqual(deathOf(run()), { most: 2, moment: 1 });
});
