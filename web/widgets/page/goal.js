// What the reader of a widget can try for.

import { h } from "./page.js";

/**
 * A goal, and whether it is reached: once it is, it stays so until `reset`.
 * @param {string} text
 */
export function createGoal(text) {
  const state = h("span");
  const element = h("p", { class: "ml-goal" }, h("strong", {}, "Goal: "), text, " ", state);
  let reached = false;
  /**
   * @param {boolean} now  whether it is reached @param {string} how  what to say then
   * @param {string} [progress]  what to show before
   * @returns {string} what to speak, the first time that it is reached
   */
  const check = (now, how, progress = "") => {
    if (reached) return "";
    reached = now;
    state.textContent = now ? `✓ Reached: ${how}` : progress;
    element.classList.toggle("ml-reached", now);
    return now ? `Goal reached: ${how} ` : "";
  };
  const reset = () => {
    reached = false;
    state.textContent = "";
    element.classList.remove("ml-reached");
  };
  return { element, check, reset };
}

const TEN = "get all ten digits read.";
const DONE = "all ten have been read.";

/**
 * The goal of a sheet to draw on. @param {(news: string) => void} onchange  called when one more has been read; news: what
 * to speak, the first time that the goal is reached
 */
export function createTenDigits(onchange) {
  const seen = new Set();
  const { element, check } = createGoal(TEN);
  const soFar = () => (seen.size ? `So far: ${[...seen].sort().join(" ")}.` : "");
  let timer = 0;
  /** An answer counts once the drawing has stood for a second. @param {number | null} digit */
  const note = (digit) => {
    clearTimeout(timer);
    if (digit === null || seen.has(digit)) return;
    timer = window.setTimeout(() => {
      seen.add(digit);
      onchange(check(seen.size === 10, DONE, soFar()));
    }, 1000);
  };
  /** The same in a sentence, where there is no room for a line of its own. */
  const text = () => (seen.size === 10 ? `Goal reached: ${DONE}` : `Goal: ${TEN} ${soFar()}`);
  return { element, note, text, reached: () => seen.size === 10 };
}
