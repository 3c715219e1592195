// An image of 28 x 28 as text: short, for a link, and as NumPy reads it.

const PIXELS = 784;

/**
 * Each run of paper becomes 0 and its length, so that a digit takes about 300 characters.
 * @param {ArrayLike<number>} image @returns {string} base64 for addresses
 */
export function encodeImage(image) {
  /** @type {number[]} */
  const bytes = [];
  for (let i = 0; i < PIXELS;) {
    bytes.push(image[i]);
    if (image[i]) {
      i++;
      continue;
    }
    const start = i;
    while (i < PIXELS && !image[i] && i - start < 255) i++;
    bytes.push(i - start);
  }
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
}

/** @param {string} text @returns {Uint8Array | null} null if the text is not that of an image */
export function decodeImage(text) {
  /** @type {number[]} */
  const image = [];
  try {
    const bytes = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
    for (let i = 0; i < bytes.length && image.length <= PIXELS; i++) {
      const value = bytes.charCodeAt(i);
      if (value) image.push(value);
      else image.push(...new Array(bytes.charCodeAt(++i) || 0).fill(0));
    }
  } catch {
    return null;
  }
  return image.length === PIXELS ? Uint8Array.from(image) : null;
}

/** Python that makes the same image. @param {ArrayLike<number>} image */
export function asNumPy(image) {
  const rows = Array.from({ length: 28 }, (_, row) => Array.from({ length: 28 }, (_, i) => image[28 * row + i]));
  const lines = rows.map((row) => `    [${row.join(", ")}],\n`).join("");
  return `import numpy as np\n\nimage = np.array([\n${lines}], dtype=np.uint8)\n`;
}
