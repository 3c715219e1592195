// What the reader of a widget can try for.

import { h } from "./page.js";

/**
 * A goal, and whether it is reached: once it is, it stays so.
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
  return { element, check };
}

/** The goal of a sheet to draw on: that each of the ten digits is read from it once. */
export function createTenDigits() {
  const seen = new Set();
  const { element, check } = createGoal("draw until all ten digits have been read.");
  const progress = () => (seen.size ? `So far: ${[...seen].sort().join(" ")}.` : "");
  let timer = 0;
  /** An answer counts once the drawing has stood for a second. @param {number | null} digit @param {(text: string) => void} say */
  const note = (digit, say) => {
    clearTimeout(timer);
    if (digit === null || seen.has(digit)) return;
    timer = window.setTimeout(() => {
      seen.add(digit);
      const news = check(seen.size === 10, "all ten have been read.", progress());
      if (news) say(news);
    }, 1000);
  };
  check(false, "");
  return { element, note };
}
