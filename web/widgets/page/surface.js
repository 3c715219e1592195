// A sheet to draw on with mouse, pen, finger or keys. Of networks, it only knows what image they read.

import { prepareDrawing } from "../arithmetic/prepare.js";
import { boxOf, enlarge, SIZE } from "../arithmetic/strokes.js";
import { ARROWS, h } from "./page.js";

export const PENS = /** @type {[string, string][]} */ ([
  ["18", "thin"],
  ["26", "medium"],
  ["38", "thick"],
]);
const HINT =
  "Drawing sheet. Draw with a pointer, or with keys: arrows move the pen, two at once go aslant, " +
  "Shift makes longer moves, Space puts the pen down or lifts it, Control and Z take back the last stroke.";

/**
 * @typedef {import("../arithmetic/strokes.js").Point} Point
 * @typedef {import("../arithmetic/strokes.js").Stroke} Stroke
 * @typedef {{image: Uint8Array | null, strokes: Stroke[]}} Drawing  strokes over an image of 28 x 28, or over paper
 * @typedef {{element: HTMLElement, read: () => Uint8Array | null, putInk: (image: Uint8Array) => void,
 *   setPen: (width: number) => void, isSmall: () => boolean,
 *   undo: () => void, redo: () => void, clear: () => void, forget: () => void}} Surface
 *   read: 28 x 28, prepared as MNIST was, the strokes as large as the network wants them; null if there is no ink;
 *   putInk: take a 28 x 28 image over; setPen: the width of the next strokes in canvas pixels; forget: clear, for good
 */

/**
 * @param {{say: (text: string) => void, onchange?: (news: string) => void, keepAs?: string}} options
 *   onchange: called at most once a frame after the drawing changed; news: to be spoken before what is made of it,
 *   or by itself where there is no onchange;
 *   keepAs: keep the strokes over a reload
 * @returns {Surface}
 */
export function createSurface({ say, onchange = (news) => news && say(news), keepAs = "" }) {
  const canvas = h("canvas", { width: SIZE, height: SIZE });
  const mark = h("span", { class: "ml-pen", "aria-hidden": "true" });
  const element = h(
    "div",
    { class: "ml-sheet ml-empty", role: "application", tabindex: 0, "aria-label": HINT },
    canvas,
    mark,
  );
  const context = contextOf(canvas);
  const enlarged = contextOf(h("canvas", { width: SIZE, height: SIZE }));
  let pen = 26;
  /** @type {Drawing[]} */
  let history = [{ image: null, strokes: recall(keepAs) }];
  let now = 0; // the place in the history
  const drawing = () => history[now];
  const isEmpty = () => !drawing().image?.some(Boolean) && !drawing().strokes.some(({ points }) => points.length);
  let news = "";
  const report = oncePerFrame(() => {
    element.classList.toggle("ml-empty", isEmpty());
    remember(keepAs, drawing());
    onchange(news);
    news = "";
  });
  /** @param {Drawing} next */
  const add = (next) => {
    history = [...history.slice(0, now + 1), next];
    now++;
  };
  const repaint = () => {
    context.clearRect(0, 0, SIZE, SIZE);
    const { image, strokes } = drawing();
    if (image) paintBlocks(context, image);
    for (const { pen, points } of strokes)
      points.forEach((point, i) => line(context, pen, points[i - 1] ?? point, point));
    report();
  };
  /** @param {number} by @param {string} complaint */
  const go = (by, complaint) => {
    if (!history[now + by]) return say(complaint);
    now += by;
    repaint();
  };
  const [undo, redo] = [() => go(-1, "Nothing to undo."), () => go(1, "Nothing to redo.")];
  /** @type {Stroke | undefined} */
  let stroke; // the one that is being drawn
  const ink = {
    begin: () => {
      stroke = { pen, points: [] };
      add({ ...drawing(), strokes: [...drawing().strokes, stroke] });
    },
    to: (/** @type {Point} */ point, place = "") => {
      // Taken back, or cleared away, before it is finished: what is left of it draws nothing.
      if (!stroke || !drawing().strokes.includes(stroke)) return;
      const { pen, points } = stroke;
      line(context, pen, points[points.length - 1] ?? point, point);
      points.push(point);
      news = place;
      report();
    },
  };
  drawWithPointer(canvas, ink);
  drawWithKeys(element, mark, { ...ink, say, undo, redo });
  if (drawing().strokes.length) repaint();
  return {
    element,
    read: () => {
      const { image, strokes } = drawing();
      return prepareDrawing(readAlpha(image ? context : paint(enlarged, enlarge(strokes))), SIZE);
    },
    isSmall: () => !drawing().image && drawing().strokes.length > 0 && boxOf(drawing().strokes).longest < 0.3 * SIZE,
    putInk: (image) => {
      add({ image: Uint8Array.from(image), strokes: [] });
      repaint();
    },
    setPen: (width) => (pen = width),
    undo,
    redo,
    clear: () => {
      add({ image: null, strokes: [] });
      repaint();
    },
    forget: () => {
      [history, now] = [[{ image: null, strokes: [] }], 0];
      repaint();
    },
  };
}

/** @param {HTMLCanvasElement} canvas */
function contextOf(canvas) {
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { willReadFrequently: true }));
  return Object.assign(context, { lineCap: "round", lineJoin: "round" });
}

/** The alpha channel is the ink, whatever color the page's theme gives it. @param {CanvasRenderingContext2D} context */
function readAlpha(context) {
  const { data } = context.getImageData(0, 0, SIZE, SIZE);
  return Uint8Array.from({ length: SIZE * SIZE }, (_, i) => data[4 * i + 3]);
}

/** @param {CanvasRenderingContext2D} context @param {number} width @param {Point} from @param {Point} to */
function line(context, width, from, to) {
  context.lineWidth = width;
  context.beginPath();
  context.moveTo(from.x, from.y);
  // A line of no length leaves no ink; a pen that is put down does.
  context.lineTo(to.x, from.x === to.x && from.y === to.y ? to.y + 0.01 : to.y);
  context.stroke();
}

/** Paint strokes and nothing else, each at once. @param {CanvasRenderingContext2D} context @param {Stroke[]} strokes */
function paint(context, strokes) {
  context.clearRect(0, 0, SIZE, SIZE);
  for (const { pen, points } of strokes) {
    context.lineWidth = pen;
    context.beginPath();
    points.forEach(({ x, y }, i) => {
      if (i === 0) context.moveTo(x, y + 0.01);
      context.lineTo(x, y);
    });
    context.stroke();
  }
  return context;
}

/** The strokes kept for this tab, if there are any. @param {string} name @returns {Stroke[]} */
function recall(name) {
  try {
    return JSON.parse((name && sessionStorage.getItem(name)) || "[]");
  } catch {
    return [];
  }
}

/** @param {string} name @param {Drawing} drawing */
function remember(name, { image, strokes }) {
  try {
    if (name) sessionStorage.setItem(name, JSON.stringify(image ? [] : strokes));
  } catch {
    // A browser that keeps nothing: the drawing is lost with the page.
  }
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
 * @typedef {{begin: () => void, to: (point: Point, place?: string) => void}} Ink
 *   begin: a stroke; to: lead it to a point; place: that point in words, where the pen is not seen
 */

/** The first pointer draws; others are ignored until it is lifted. @param {HTMLCanvasElement} canvas @param {Ink} ink */
function drawWithPointer(canvas, { begin, to }) {
  /** @type {number | null} */
  let active = null;
  // Measured at each event: the page may be scrolled or resized in the middle of a stroke.
  const place = (/** @type {PointerEvent} */ event) => {
    const box = canvas.getBoundingClientRect();
    const at = (/** @type {number} */ share) => Math.round(10 * SIZE * share) / 10;
    return { x: at((event.clientX - box.left) / box.width), y: at((event.clientY - box.top) / box.height) };
  };
  canvas.addEventListener("pointerdown", (event) => {
    if (active !== null || event.button !== 0) return;
    active = event.pointerId;
    canvas.setPointerCapture(active);
    begin();
    to(place(event));
  });
  canvas.addEventListener("pointermove", (event) => {
    if (event.pointerId !== active) return;
    const between = event.getCoalescedEvents?.() ?? [];
    for (const each of between.length ? between : [event]) to(place(each));
  });
  for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) {
    canvas.addEventListener(end, (event) => {
      if (/** @type {PointerEvent} */ (event).pointerId === active) active = null;
    });
  }
}

/**
 * @param {HTMLElement} element  has the focus @param {HTMLElement} mark  shows where the pen is
 * @param {Ink & {say: (text: string) => void, undo: () => void, redo: () => void}} options
 */
function drawWithKeys(element, mark, { begin, to, say, undo, redo }) {
  const at = { x: SIZE / 2, y: SIZE / 4 };
  const held = new Set();
  let down = false;
  const show = () => {
    mark.style.left = `${(100 * at.x) / SIZE}%`;
    mark.style.top = `${(100 * at.y) / SIZE}%`;
    mark.classList.toggle("ml-pen-down", down);
  };
  const place = () => {
    const [left, top] = [at.x, at.y].map((value) => Math.round((100 * value) / SIZE));
    return `Pen ${down ? "down" : "up"}, ${left} % from the left, ${top} % from the top. `;
  };
  const lift = () => {
    down = false;
    held.clear();
    show();
  };
  /** A pen that is down draws, and the answer comes with the news of it; one that is up only says where it is. */
  const tell = () => (down ? to({ ...at }, place()) : say(place()));
  element.addEventListener("keydown", (event) => {
    const key = event.key.toLowerCase();
    if ((event.ctrlKey || event.metaKey) && (key === "z" || key === "y")) {
      lift();
      key === "y" || event.shiftKey ? redo() : undo();
    } else if (event.ctrlKey || event.metaKey || event.altKey) {
      return;
    } else if (event.key === " ") {
      down = !down;
      if (down) begin();
      tell();
    } else if (event.key in ARROWS) {
      held.add(event.key);
      const step = event.shiftKey ? 36 : 12;
      for (const key of held) {
        at.x = Math.min(SIZE, Math.max(0, at.x + ARROWS[key][0] * step));
        at.y = Math.min(SIZE, Math.max(0, at.y + ARROWS[key][1] * step));
      }
      tell();
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
