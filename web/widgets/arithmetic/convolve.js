// One kernel over one image, as a convolutional layer does it: no padding, a step of one pixel.

/**
 * @param {ArrayLike<number>} image  28 x 28 @param {number[][]} kernel  square
 * @returns {{values: Float64Array, side: number}}
 */
export function convolve(image, kernel) {
  const side = 28 - kernel.length + 1;
  const values = Float64Array.from({ length: side * side }, (_, i) =>
    total(productsAt(image, kernel, Math.floor(i / side), i % side)),
  );
  return { values, side };
}

/**
 * Each pixel under the kernel times its weight.
 * @param {ArrayLike<number>} image @param {number[][]} kernel @param {number} row @param {number} column
 */
export function productsAt(image, kernel, row, column) {
  return kernel.map((weights, r) => weights.map((weight, c) => weight * image[(row + r) * 28 + column + c]));
}

/** @param {number[][]} numbers */
export const total = (numbers) => numbers.flat().reduce((sum, value) => sum + value, 0);
