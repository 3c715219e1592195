// A sheet to draw on with mouse, pen, finger or keys. It knows nothing of networks.

import { h } from "./page.js";

export const SIZE = 336; // twelve times the network's 28, whatever the size on screen
const PEN = 26;
const HINT =
  "Drawing sheet. Draw with a pointer, or with keys: arrows move the pen, two at once go aslant, " +
  "Shift makes longer moves, Space puts the pen down or lifts it.";
/** @type {Record<string, [number, number]>} */
const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/**
 * @typedef {{x: number, y: number}} Point
 * @typedef {{element: HTMLElement, readInk: () => Uint8Array, putInk: (image: Uint8Array) => void,
 *   undo: () => void, clear: () => void}} Surface
 *   readInk: SIZE x SIZE, 0 is paper, 255 full ink; putInk: take a 28 x 28 image over
 */

/**
 * @param {{onchange: () => void, say: (text: string) => void}} options
 *   onchange: called at most once a frame after the drawing changed
 * @returns {Surface}
 */
export function createSurface({ onchange, say }) {
  const canvas = h("canvas", { width: SIZE, height: SIZE });
  const pen = h("span", { class: "ml-pen", "aria-hidden": "true" });
  const element = h(
    "div",
    { class: "ml-sheet ml-empty", role: "application", tabindex: 0, "aria-label": HINT },
    canvas,
    pen,
  );
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { willReadFrequently: true }));
  Object.assign(context, { lineWidth: PEN, lineCap: "round", lineJoin: "round" });
  const report = oncePerFrame(onchange);
  /** @type {ImageData[]} */
  const earlier = [];

  const keep = () => {
    earlier.push(context.getImageData(0, 0, SIZE, SIZE));
    if (earlier.length > 30) earlier.shift();
  };
  const line = (/** @type {Point} */ from, /** @type {Point} */ to) => {
    context.beginPath();
    context.moveTo(from.x, from.y);
    // A line of no length leaves no ink; a pen that is put down does.
    context.lineTo(to.x, from.x === to.x && from.y === to.y ? to.y + 0.01 : to.y);
    context.stroke();
    report();
  };

  drawWithPointer(canvas, { keep, line });
  drawWithKeys(element, pen, { keep, line, say });
  return {
    element,
    // The alpha channel is the ink, whatever color the page's theme gives it.
    readInk: () => {
      const { data } = context.getImageData(0, 0, SIZE, SIZE);
      return Uint8Array.from({ length: SIZE * SIZE }, (_, i) => data[4 * i + 3]);
    },
    putInk: (image) => {
      keep();
      context.clearRect(0, 0, SIZE, SIZE);
      paintBlocks(context, image);
      report();
    },
    undo: () => {
      const last = earlier.pop();
      if (last) context.putImageData(last, 0, 0);
      report();
    },
    clear: () => {
      keep();
      context.clearRect(0, 0, SIZE, SIZE);
      report();
    },
  };
}

/** @param {() => void} act */
function oncePerFrame(act) {
  let waiting = false;
  return () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      act();
    });
  };
}

/**
 * @typedef {{keep: () => void, line: (from: Point, to: Point) => void}} Ink
 *   keep: remember the drawing as it is, for undo
 */

/** The first pointer draws; others are ignored until it is lifted. @param {HTMLCanvasElement} canvas @param {Ink} ink */
function drawWithPointer(canvas, { keep, line }) {
  /** @type {number | null} */
  let active = null;
  /** @type {Point} */
  let last;
  // Measured at each event: the page may be scrolled or resized in the middle of a stroke.
  const place = (/** @type {PointerEvent} */ event) => {
    const box = canvas.getBoundingClientRect();
    return { x: ((event.clientX - box.left) * SIZE) / box.width, y: ((event.clientY - box.top) * SIZE) / box.height };
  };
  canvas.addEventListener("pointerdown", (event) => {
    if (active !== null || event.button !== 0) return;
    active = event.pointerId;
    canvas.setPointerCapture(active);
    keep();
    last = place(event);
    line(last, last);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (event.pointerId !== active) return;
    const between = event.getCoalescedEvents?.() ?? [];
    for (const each of between.length ? between : [event]) {
      const next = place(each);
      line(last, next);
      last = next;
    }
  });
  for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) {
    canvas.addEventListener(end, (event) => {
      if (/** @type {PointerEvent} */ (event).pointerId === active) active = null;
    });
  }
}

/**
 * @param {HTMLElement} element  has the focus @param {HTMLElement} pen  shows where the pen is
 * @param {Ink & {say: (text: string) => void}} options
 */
function drawWithKeys(element, pen, { keep, line, say }) {
  const at = { x: SIZE / 2, y: SIZE / 4 };
  const held = new Set();
  let down = false;
  const show = () => {
    pen.style.left = `${(100 * at.x) / SIZE}%`;
    pen.style.top = `${(100 * at.y) / SIZE}%`;
    pen.classList.toggle("ml-pen-down", down);
  };
  const lift = () => {
    down = false;
    held.clear();
    show();
  };
  element.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === " ") {
      down = !down;
      if (down) {
        keep();
        line(at, at);
      }
      say(down ? "Pen down" : "Pen up");
    } else if (event.key in MOVES) {
      held.add(event.key);
      const before = { ...at };
      const step = event.shiftKey ? 36 : 12;
      for (const key of held) {
        at.x = Math.min(SIZE, Math.max(0, at.x + MOVES[key][0] * step));
        at.y = Math.min(SIZE, Math.max(0, at.y + MOVES[key][1] * step));
      }
      if (down) line(before, at);
    } else {
      return;
    }
    event.preventDefault();
    show();
  });
  element.addEventListener("keyup", (event) => held.delete(event.key));
  element.addEventListener("blur", lift);
  show();
}

/** @param {CanvasRenderingContext2D} context @param {Uint8Array} image  28 x 28 */
function paintBlocks(context, image) {
  const picture = new ImageData(SIZE, SIZE);
  const block = SIZE / 28;
  for (let i = 0; i < SIZE * SIZE; i++) {
    const row = Math.floor(i / SIZE / block);
    picture.data[4 * i + 3] = image[row * 28 + Math.floor((i % SIZE) / block)];
  }
  context.putImageData(picture, 0, 0);
}
