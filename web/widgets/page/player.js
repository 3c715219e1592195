// A button that plays: one step after another, until the reader pauses it or nothing is left.

import { button } from "./page.js";

/** Whether the reader wants nothing to move by itself. */
export const still = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

/**
 * @param {{label: string, pause: number, step: () => void, begin?: () => boolean,
 *   more?: import("./page.js").Attributes}} options
 *   pause: milliseconds between two steps; begin: called before the first one; returns whether there is something to
 *   play; more: attributes of the button
 * @returns {{element: HTMLButtonElement, stop: () => void}}
 */
export function createPlayer({ label, pause, step, begin = () => true, more }) {
  let timer = 0;
  const stop = () => {
    clearInterval(timer);
    timer = 0;
    element.textContent = label;
  };
  const start = () => {
    if (!begin()) return;
    timer = window.setInterval(step, pause);
    element.textContent = "Pause";
  };
  const element = button(label, () => (timer ? stop() : start()), more);
  return { element, stop };
}
