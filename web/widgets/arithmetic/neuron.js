// A neuron with two inputs that tells ones from zeros: its sum, its loss, the loss's gradient.

/** @typedef {{points: [number, number][], labels: number[]}} Digits  label 0 or 1 */

/** @param {number} z */
export const sigmoid = (z) => 1 / (1 + Math.exp(-z));

/**
 * Mean cross-entropy of sigmoid(w1 x1 + w2 x2 + bias), and its gradient for w1 and w2.
 * @param {Digits} digits @param {[number, number]} weights @param {number} [bias]
 * @returns {{loss: number, gradient: [number, number], right: number}} right: how many are on their side of 1/2
 */
export function evaluate({ points, labels }, [w1, w2], bias = 0) {
  let loss = 0;
  let right = 0;
  /** @type {[number, number]} */
  const gradient = [0, 0];
  points.forEach(([x1, x2], i) => {
    const z = w1 * x1 + w2 * x2 + bias;
    // log(1 + exp(-z)) for a one and log(1 + exp(z)) for a zero, in a form that does not overflow.
    const against = labels[i] ? -z : z;
    loss += (Math.max(against, 0) + Math.log1p(Math.exp(-Math.abs(against)))) / points.length;
    const error = (sigmoid(z) - labels[i]) / points.length;
    gradient[0] += error * x1;
    gradient[1] += error * x2;
    right += Number(Number(z > 0) === labels[i]);
  });
  return { loss, gradient, right };
}
