// The units of a layer as a picture: where each one stands in it, and how dark it is.

/**
 * @typedef {{shape: number[], output: Float32Array, name?: string}} Shaped  a layer; name: of its activation, if any
 */
/**
 * Where each unit stands in the picture of its layer.
 * @typedef {{width: number, height: number, placeOf: (unit: number) => [number, number],
 *   unitAt: (x: number, y: number) => number | undefined}} Grid
 */

/** One square a unit. @param {Shaped} layer @returns {Grid} */
export function squares({ output: { length } }) {
  const width = length % 16 === 0 ? 16 : 10;
  const height = Math.ceil(length / width);
  return {
    width,
    height,
    placeOf: (unit) => [unit % width, Math.floor(unit / width)],
    unitAt: (x, y) => (x >= 0 && x < width && y >= 0 && y * width + x < length ? y * width + x : undefined),
  };
}

/** One tile a filter, a pixel apart. @param {Shaped} layer @param {number} [inARow] @returns {Grid} */
export function tiles({ shape: [rows, columns, filters] }, inARow = 8) {
  return {
    width: inARow * (columns + 1) - 1,
    height: Math.ceil(filters / inARow) * (rows + 1) - 1,
    placeOf: (unit) => {
      const filter = unit % filters;
      const cell = Math.floor(unit / filters);
      return [
        (filter % inARow) * (columns + 1) + (cell % columns),
        Math.floor(filter / inARow) * (rows + 1) + Math.floor(cell / columns),
      ];
    },
    unitAt: (x, y) => {
      const [column, row] = [x % (columns + 1), y % (rows + 1)];
      const [across, down] = [Math.floor(x / (columns + 1)), Math.floor(y / (rows + 1))];
      const filter = inARow * down + across;
      const within = x >= 0 && y >= 0 && across < inARow && filter < filters && column < columns && row < rows;
      return within ? (row * columns + column) * filters + filter : undefined;
    },
  };
}

/** What a canvas shows of a layer: paper, and each unit's ink at its place. @param {Grid} grid @param {Uint8Array} ink */
export function arrange({ width, height, placeOf }, ink) {
  const picture = new Uint8Array(width * height);
  ink.forEach((value, unit) => {
    const [x, y] = placeOf(unit);
    picture[y * width + x] = value;
  });
  return picture;
}

/** How dark each unit is: black is the largest of the layer or, where activations end at 1, is 1. @param {Shaped} layer */
export function inked({ name = "relu", output }) {
  const largest = name === "relu" ? Math.max(1e-9, ...output) : 1;
  return Uint8Array.from(output, (value) => (255 * Math.max(0, value)) / largest);
}
