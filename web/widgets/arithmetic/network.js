// The arithmetic of the networks: no page, no library. Images and feature maps are flat arrays, channels last.

/**
 * @typedef {{type: 'scale', scale: Float32Array, shift: Float32Array, output: Float32Array}} Scale
 *   x * scale + shift for each channel: Keras's Rescaling, and BatchNormalization once it is trained.
 * @typedef {{type: 'dense', kernel: Float32Array, bias: Float32Array, output: Float32Array}} Dense
 *   The kernel has shape (inputs, units).
 * @typedef {{input: number[], window: number[], strides: number[], padding: number[], shape: number[]}} Geometry
 *   input and shape are [height, width, channels]; padding is [rows above, columns to the left].
 * @typedef {Geometry & {type: 'conv', kernel: Float32Array, bias: Float32Array, output: Float32Array}} Conv
 *   The kernel has shape (height, width, channels, filters).
 * @typedef {Geometry & {type: 'pool', output: Float32Array}} Pool  The maximum of each window.
 * @typedef {{type: 'activation', name: string, output: Float32Array}} Activation
 * @typedef {Scale | Dense | Conv | Pool | Activation} Layer
 * @typedef {{loss: number, kernels: Float32Array[], biases: Float32Array[]}} Gradients
 *   The mean loss, and its gradients for each dense layer, first to last.
 */

/**
 * Run the layers one after another. Each layer's result stays in its `output` until the next call.
 * @param {Layer[]} layers
 * @param {ArrayLike<number>} input
 * @returns {Float32Array} the last layer's output
 */
export function forward(layers, input) {
  let values = input;
  for (const layer of layers) {
    run(layer, values);
    values = layer.output;
  }
  return layers[layers.length - 1].output;
}

/** @param {Layer} layer @param {ArrayLike<number>} input */
function run(layer, input) {
  switch (layer.type) {
    case "scale":
      return scale(layer, input);
    case "dense":
      return dense(layer, input);
    case "conv":
      return convolve(layer, input);
    case "pool":
      return pool(layer, input);
    case "activation":
      return activate(layer.name, input, layer.output);
  }
}

/** @param {Scale} layer @param {ArrayLike<number>} input */
function scale({ scale, shift, output }, input) {
  const channels = scale.length;
  for (let i = 0; i < output.length; i++) output[i] = input[i] * scale[i % channels] + shift[i % channels];
}

/** @param {Dense} layer @param {ArrayLike<number>} input */
function dense({ kernel, bias, output }, input) {
  output.set(bias);
  // Most pixels of a digit and half of the ReLU units are 0: skipping them is most of the speed.
  for (let i = 0; i < input.length; i++) {
    if (input[i] !== 0) addScaled(output, 0, kernel, i * output.length, output.length, input[i]);
  }
}

/**
 * target[at...] += factor * source[from...], `count` numbers of each.
 * @param {Float32Array} target @param {number} at @param {Float32Array} source @param {number} from
 * @param {number} count @param {number} factor
 */
function addScaled(target, at, source, from, count, factor) {
  for (let k = 0; k < count; k++) target[at + k] += factor * source[from + k];
}

/** @param {Conv} layer @param {ArrayLike<number>} input */
function convolve(layer, input) {
  const {
    kernel,
    bias,
    output,
    input: [, , channels],
    shape: [, , filters],
  } = layer;
  for (let at = 0; at < output.length; at += filters) output.set(bias, at);
  eachPair(layer, (cell, pixel, offset) => {
    for (let c = 0; c < channels; c++) {
      const x = input[pixel * channels + c];
      if (x !== 0) addScaled(output, cell * filters, kernel, (offset * channels + c) * filters, filters, x);
    }
  });
}

/** @param {Pool} layer @param {ArrayLike<number>} input */
function pool(layer, input) {
  const {
    output,
    shape: [, , channels],
  } = layer;
  output.fill(-Infinity);
  eachPair(layer, (cell, pixel) => {
    for (let c = 0; c < channels; c++) {
      output[cell * channels + c] = Math.max(output[cell * channels + c], input[pixel * channels + c]);
    }
  });
}

/**
 * Visit every pair of an output cell and an input pixel inside its window.
 * @param {Geometry} geometry
 * @param {(cell: number, pixel: number, offset: number) => void} visit  offset: the pixel's place in the window
 */
export function eachPair({ input: [height, width], window: [rows, columns], strides, padding, shape }, visit) {
  for (let cell = 0; cell < shape[0] * shape[1]; cell++) {
    const top = Math.floor(cell / shape[1]) * strides[0] - padding[0];
    const left = (cell % shape[1]) * strides[1] - padding[1];
    for (let r = Math.max(0, -top); r < rows && top + r < height; r++) {
      for (let c = Math.max(0, -left); c < columns && left + c < width; c++) {
        visit(cell, (top + r) * width + left + c, r * columns + c);
      }
    }
  }
}

/** @param {string} name @param {ArrayLike<number>} input @param {Float32Array} output */
function activate(name, input, output) {
  switch (name) {
    case "relu":
      for (let i = 0; i < output.length; i++) output[i] = Math.max(0, input[i]);
      return;
    case "sigmoid":
      for (let i = 0; i < output.length; i++) output[i] = 1 / (1 + Math.exp(-input[i]));
      return;
    case "tanh":
      for (let i = 0; i < output.length; i++) output[i] = Math.tanh(input[i]);
      return;
    case "softmax":
      return softmax(input, output);
    default:
      throw new Error(`activation ${name}: expected relu, sigmoid, tanh or softmax`);
  }
}

/** @param {ArrayLike<number>} input @param {Float32Array} output */
function softmax(input, output) {
  let largest = -Infinity;
  for (let i = 0; i < output.length; i++) largest = Math.max(largest, input[i]);
  let sum = 0;
  for (let i = 0; i < output.length; i++) sum += output[i] = Math.exp(input[i] - largest);
  for (let i = 0; i < output.length; i++) output[i] /= sum;
}

/**
 * A network of dense layers to be trained, its biases 0 and its weights drawn at random.
 * @param {{sizes: number[], activation: string, initializer: string, random: () => number}} options
 *   sizes: inputs, hidden layers, classes; initializer: glorot or he, both uniform as Keras draws them;
 *   random: numbers from 0 to 1
 * @returns {Layer[]}
 */
export function buildDense({ sizes, activation, initializer, random }) {
  return sizes.slice(1).flatMap((units, i) => {
    const inputs = sizes[i];
    const limit = Math.sqrt(initializer === "he" ? 6 / inputs : 6 / (inputs + units));
    const kernel = Float32Array.from({ length: inputs * units }, () => (2 * random() - 1) * limit);
    const name = i === sizes.length - 2 ? "softmax" : activation;
    return [
      /** @type {Dense} */ ({ type: "dense", kernel, bias: new Float32Array(units), output: new Float32Array(units) }),
      /** @type {Activation} */ ({ type: "activation", name, output: new Float32Array(units) }),
    ];
  });
}

/**
 * Random numbers from 0 to 1 that are the same for the same seed (mulberry32, by Tommy Ettinger).
 * @param {number} seed
 * @returns {() => number}
 */
export function randomNumbers(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** @param {Layer[]} layers @returns {Gradients} zeros of the right shapes */
export function zeroGradients(layers) {
  const dense = layers.filter((layer) => layer.type === "dense");
  return {
    loss: 0,
    kernels: dense.map(({ kernel }) => new Float32Array(kernel.length)),
    biases: dense.map(({ bias }) => new Float32Array(bias.length)),
  };
}

/**
 * Mean cross-entropy over some examples and its gradients, by backpropagation.
 * @param {Layer[]} layers  dense layers, each followed by its activation, softmax at the end
 * @param {ArrayLike<number>[]} images @param {ArrayLike<number>} labels
 * @param {Gradients} gradients  overwritten with the result
 */
export function computeGradients(layers, images, labels, gradients) {
  for (const array of [...gradients.kernels, ...gradients.biases]) array.fill(0);
  gradients.loss = 0;
  for (let n = 0; n < images.length; n++) {
    const probabilities = forward(layers, images[n]);
    // 1e-7 is where Keras clips probabilities, too.
    gradients.loss -= Math.log(Math.max(probabilities[labels[n]], 1e-7)) / images.length;
    const delta = Float32Array.from(probabilities, (p, digit) => (p - Number(digit === labels[n])) / images.length);
    propagateBack(layers, images[n], delta, gradients);
  }
}

/**
 * Add one example's share to the gradients.
 * @param {Layer[]} layers @param {ArrayLike<number>} image
 * @param {Float32Array} delta  the loss's gradient for the last dense layer's sums
 * @param {Gradients} gradients
 */
function propagateBack(layers, image, delta, gradients) {
  for (let index = gradients.kernels.length - 1; index >= 0; index--) {
    const { kernel } = /** @type {Dense} */ (layers[2 * index]);
    const input = index === 0 ? image : layers[2 * index - 1].output;
    const units = delta.length;
    const target = gradients.kernels[index];
    addScaled(gradients.biases[index], 0, delta, 0, units, 1);
    for (let i = 0; i < input.length; i++) {
      if (input[i] !== 0) addScaled(target, i * units, delta, 0, units, input[i]);
    }
    if (index > 0) delta = deltaBelow(/** @type {Activation} */ (layers[2 * index - 1]), kernel, delta);
  }
}

/** @param {Activation} below @param {Float32Array} kernel @param {Float32Array} delta */
function deltaBelow({ name, output }, kernel, delta) {
  const below = new Float32Array(output.length);
  for (let i = 0; i < below.length; i++) {
    const slope = derivative(name, output[i]);
    if (slope === 0) continue;
    let sum = 0;
    for (let j = 0; j < delta.length; j++) sum += kernel[i * delta.length + j] * delta[j];
    below[i] = sum * slope;
  }
  return below;
}

/** The activation's derivative, from its output. @param {string} name @param {number} y */
export function derivative(name, y) {
  return name === "relu" ? Number(y > 0) : name === "sigmoid" ? y * (1 - y) : 1 - y * y;
}

/**
 * One step of plain gradient descent.
 * @param {Layer[]} layers @param {Gradients} gradients @param {number} learningRate
 */
export function descend(layers, { kernels, biases }, learningRate) {
  kernels.forEach((gradient, index) => {
    const { kernel, bias } = /** @type {Dense} */ (layers[2 * index]);
    addScaled(kernel, 0, gradient, 0, kernel.length, -learningRate);
    addScaled(bias, 0, biases[index], 0, bias.length, -learningRate);
  });
}
