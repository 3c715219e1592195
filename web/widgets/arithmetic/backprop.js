// A network with two inputs, two ReLU units and a softmax of two outputs: forward and back, one operation at a time.

/**
 * @typedef {[number, number]} Pair
 * @typedef {{x: Pair, w1: [Pair, Pair], b1: Pair, w2: [Pair, Pair], b2: Pair, label: number}} Network
 *   w1[i][j] leads from input i to hidden unit j, w2[i][j] from hidden unit i to output j; label: 0 or 1
 * @typedef {{z: Pair, h: Pair, s: Pair, p: Pair, loss: number, errors2: Pair, errors1: Pair, w1: [Pair, Pair],
 *   w2: [Pair, Pair]}} Passes
 *   z, h: sums and outputs of the hidden units; s: logits; w1, w2: derivatives of the loss for the weights; an error is
 *   the derivative for a sum, and so for its bias
 * @typedef {{key: string, phase: "forward" | "back", name: string, rule: string, formula: string, value: number}} Step
 */

/** The network of the chapter. @type {Network} */
export const CHAPTER = {
  x: [1, 2],
  w1: [
    [3, -2],
    [-1, 2],
  ],
  b1: [1, -1],
  w2: [
    [1, 2],
    [2, -3],
  ],
  b2: [-1, 2],
  label: 1,
};

const BOTH = /** @type {const} */ ([0, 1]);
/** @param {(i: 0 | 1) => number} value @returns {Pair} */
const pair = (value) => [value(0), value(1)];

/** @param {Network} network @returns {Passes} */
export function compute({ x, w1, b1, w2, b2, label }) {
  const z = pair((j) => x[0] * w1[0][j] + x[1] * w1[1][j] + b1[j]);
  const h = pair((j) => Math.max(z[j], 0));
  const s = pair((j) => h[0] * w2[0][j] + h[1] * w2[1][j] + b2[j]);
  const p = pair((j) => 1 / (1 + Math.exp(s[1 - j] - s[j])));
  const errors2 = pair((j) => p[j] - Number(j === label));
  const errors1 = pair((i) => (z[i] > 0 ? errors2[0] * w2[i][0] + errors2[1] * w2[i][1] : 0));
  return {
    z,
    h,
    s,
    p,
    loss: Math.log1p(Math.exp(s[1 - label] - s[label])),
    errors2,
    errors1,
    w1: [pair((j) => x[0] * errors1[j]), pair((j) => x[1] * errors1[j])],
    w2: [pair((j) => h[0] * errors2[j]), pair((j) => h[1] * errors2[j])],
  };
}

/** A number as people write it: at most three decimals, a true minus sign. @param {number} value */
export const written = (value) => String(Number(value.toFixed(3)) || 0).replace("-", "−");
const factor = (/** @type {number} */ value) => (value < 0 ? `(${written(value)})` : written(value));
/** @param {Pair} a @param {Pair} b */
const products = (a, b) => `${factor(a[0])} × ${factor(b[0])} + ${factor(a[1])} × ${factor(b[1])}`;

/**
 * Every operation of the pass forward and of the pass back, in order.
 * @param {Network} network @returns {Step[]}
 */
export function operations(network) {
  const { x, w1, b1, w2, b2, label } = network;
  const { z, h, s, p, loss, errors2, errors1, w1: d1, w2: d2 } = compute(network);
  /** @type {Step[]} */
  const steps = [];
  /** @param {Omit<Step, "phase">} step */
  const forward = (step) => steps.push({ phase: "forward", ...step });
  /** @param {Omit<Step, "phase">} step */
  const back = (step) => steps.push({ phase: "back", ...step });
  for (const j of BOTH) {
    const unit = "AB"[j];
    const into = pair((i) => w1[i][j]);
    forward({
      key: `z${j}`,
      name: `sum of ${unit}`,
      rule: `Multiply each input by its weight to ${unit}, add up, and add the bias.`,
      formula: `${products(x, into)} + ${factor(b1[j])}`,
      value: z[j],
    });
    forward({
      key: `h${j}`,
      name: `output of ${unit}`,
      rule: "ReLU: the sum if it is above 0, else 0.",
      formula: `max(${written(z[j])}, 0)`,
      value: h[j],
    });
  }
  for (const j of BOTH)
    forward({
      key: `s${j}`,
      name: `logit ${j}`,
      rule: `Multiply the outputs of A and B by their weights to output ${j}, add up, and add the bias.`,
      formula: `${products(
        h,
        pair((i) => w2[i][j]),
      )} + ${factor(b2[j])}`,
      value: s[j],
    });
  for (const j of BOTH)
    forward({
      key: `p${j}`,
      name: `probability of ${j}`,
      rule: "Softmax: e to this logit, divided by the sum over both.",
      formula: `e^${factor(s[j])} / (e^${factor(s[0])} + e^${factor(s[1])})`,
      value: p[j],
    });
  forward({
    key: "loss",
    name: "loss",
    rule: `Minus the natural logarithm of the probability of the label, which is ${label}.`,
    formula: `−ln ${written(p[label])}`,
    value: loss,
  });
  for (const j of BOTH)
    back({
      key: `e${j}`,
      name: `error of output ${j}`,
      rule: "The probability minus the one wanted: 1 for the label, 0 for the other.",
      formula: `${written(p[j])} − ${Number(j === label)}`,
      value: errors2[j],
    });
  for (const i of BOTH)
    for (const j of BOTH)
      back({
        key: `v${i}${j}`,
        name: `derivative for the weight from ${"AB"[i]} to output ${j}`,
        rule: "Error of the output times what the weight multiplies.",
        formula: `${factor(errors2[j])} × ${factor(h[i])}`,
        value: d2[i][j],
      });
  for (const i of BOTH)
    back({
      key: `d${i}`,
      name: `error of ${"AB"[i]}`,
      rule: `Multiply the error of each output by the weight that leads there, and add up. But it is 0 if the ReLU of ${"AB"[i]} returned 0.`,
      formula: z[i] > 0 ? products(errors2, w2[i]) : "ReLU returned 0:",
      value: errors1[i],
    });
  for (const i of BOTH)
    for (const j of BOTH)
      back({
        key: `u${i}${j}`,
        name: `derivative for the weight from input ${i + 1} to ${"AB"[j]}`,
        rule: `Error of ${"AB"[j]} times what the weight multiplies.`,
        formula: `${factor(errors1[j])} × ${factor(x[i])}`,
        value: d1[i][j],
      });
  return steps;
}

/**
 * Numbers for practice: digits that can be worked out in the head, with a probability that is neither 0 nor 1.
 * @param {() => number} random @returns {Network}
 */
export function randomNetwork(random) {
  const digit = (/** @type {number} */ low, /** @type {number} */ high) =>
    low + Math.floor(random() * (high - low + 1));
  const weights = () => pair(() => digit(-3, 3));
  for (;;) {
    /** @type {Network} */
    const network = {
      x: pair(() => digit(1, 3)),
      w1: [weights(), weights()],
      b1: pair(() => digit(-2, 2)),
      w2: [weights(), weights()],
      b2: pair(() => digit(-2, 2)),
      label: digit(0, 1),
    };
    const { h, s, errors1 } = compute(network);
    const used = errors1.some((error) => Math.abs(error) > 0.05);
    if (Math.max(...h) > 0 && Math.max(...h) < 10 && Math.abs(s[0] - s[1]) <= 2 && used) return network;
  }
}

/** The weights and biases that a reader can move, by name. @type {Record<string, string>} */
export const MOVABLE = {
  u00: "weight from input 1 to A",
  u01: "weight from input 1 to B",
  u10: "weight from input 2 to A",
  u11: "weight from input 2 to B",
  d0: "bias of A",
  d1: "bias of B",
  v00: "weight from A to output 0",
  v01: "weight from A to output 1",
  v10: "weight from B to output 0",
  v11: "weight from B to output 1",
  e0: "bias of output 0",
  e1: "bias of output 1",
};

/**
 * The network with one weight or bias moved.
 * @param {Network} network @param {string} key  of MOVABLE @param {number} change @returns {Network}
 */
export function moved(network, key, change) {
  const copy = structuredClone(network);
  const [kind, i, j] = [key[0], Number(key[1]), Number(key[2])];
  if (kind === "u") copy.w1[i][j] += change;
  else if (kind === "v") copy.w2[i][j] += change;
  else if (kind === "d") copy.b1[i] += change;
  else copy.b2[i] += change;
  return copy;
}

/** The derivative of the loss for a weight or bias. @param {Network} network @param {string} key  of MOVABLE */
export const derivative = (network, key) => operations(network).find((step) => step.key === key)?.value ?? NaN;
