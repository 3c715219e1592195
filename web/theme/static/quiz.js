// Shows the answer that belongs to the chosen option. The answers stand on the page already, below each question. The
// browser keeps the choice (kept.js), so that it is there when the reader comes back.
for (const question of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll(".ml-quiz-question"))) {
  const options = [...question.querySelectorAll("input")];
  const answers = question.querySelectorAll("li");
  const button = /** @type {HTMLButtonElement} */ (question.querySelector("button"));
  const result = /** @type {Element} */ (question.querySelector("[aria-live]"));
  const { key = "" } = question.dataset;

  /** Show the answer to the chosen option, if one is. */
  const show = () => {
    const chosen = options.findIndex((option) => option.checked);
    const answer = answers[chosen];
    result.className = answer ? answer.className : "";
    result.replaceChildren(...(answer ? answer.cloneNode(true).childNodes : ["Choose an answer first."]));
    return answer && { chosen: options[chosen].value, right: answer.matches(".ml-quiz-right") };
  };
  button.hidden = false;
  button.addEventListener("click", () => {
    const answer = show();
    const returns = answer && globalThis.kept?.answer(key, answer.chosen, answer.right);
    if (returns) kept.note(result, returns);
  });
  // What was said about one option must not stand beside another.
  question.addEventListener("change", () => {
    result.className = "";
    result.replaceChildren();
    question.querySelector(".ml-kept")?.remove();
  });
  const before = globalThis.kept?.load()?.answers[key];
  if (before && !question.closest(".ml-review")) {
    for (const option of options) option.checked = option.value === before.chosen;
    show();
  }
}
