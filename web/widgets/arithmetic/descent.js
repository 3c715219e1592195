// Gradient descent, momentum and Adam in a valley that is a hundred times more curved across than along.

/** How curved the valley is along x and across it, along y; the loss is half the sum of curvature times square. */
const CURVATURE = /** @type {[number, number]} */ ([1, 100]);

/** @typedef {[number, number]} Place */
/** @typedef {{place: Place, loss: number}} Visited */
/** What each optimizer keeps of earlier steps, and its next place. @typedef {(place: Place, slope: Place) => Place} Step */

/** @param {Place} place */
const lossAt = ([x, y]) => (CURVATURE[0] * x ** 2 + CURVATURE[1] * y ** 2) / 2;

/** @param {(i: 0 | 1) => number} value @returns {Place} */
const both = (value) => [value(0), value(1)];

/** The optimizers by name, each with a state of its own; constants are the defaults of Keras. */
const OPTIMIZERS = {
  /** @param {number} rate @returns {Step} */
  descent: (rate) => (place, slope) => both((i) => place[i] - rate * slope[i]),
  /** @param {number} rate @returns {Step} */
  momentum: (rate) => {
    let velocity = /** @type {Place} */ ([0, 0]);
    return (place, slope) => {
      velocity = both((i) => 0.9 * velocity[i] - rate * slope[i]);
      return both((i) => place[i] + velocity[i]);
    };
  },
  /** @param {number} rate @returns {Step} */
  adam: (rate) => {
    let [mean, square] = /** @type {Place[]} */ ([
      [0, 0],
      [0, 0],
    ]);
    let step = 0;
    return (place, slope) => {
      step++;
      mean = both((i) => mean[i] + (1 - 0.9) * (slope[i] - mean[i]));
      square = both((i) => square[i] + (1 - 0.999) * (slope[i] ** 2 - square[i]));
      const scaled = (rate * Math.sqrt(1 - 0.999 ** step)) / (1 - 0.9 ** step);
      return both((i) => place[i] - (scaled * mean[i]) / (Math.sqrt(square[i]) + 1e-7));
    };
  },
};

/**
 * Take steps down the valley.
 * @param {keyof typeof OPTIMIZERS} name @param {number} rate @param {Place} start @param {number} steps
 * @returns {Visited[]} the start and the place after each step, with the loss there
 */
export function descend(name, rate, start, steps) {
  const next = OPTIMIZERS[name](rate);
  const path = [{ place: start, loss: lossAt(start) }];
  for (let i = 0; i < steps; i++) {
    const { place } = path[i];
    const moved = next(
      place,
      both((axis) => CURVATURE[axis] * place[axis]),
    );
    path.push({ place: moved, loss: lossAt(moved) });
  }
  return path;
}
