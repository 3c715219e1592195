// Shows the answer that belongs to the chosen option. The answers stand on the page already, below each question.
for (const question of document.querySelectorAll(".ml-quiz-question")) {
  const options = [...question.querySelectorAll("input")];
  const answers = question.querySelectorAll("li");
  const button = /** @type {HTMLButtonElement} */ (question.querySelector("button"));
  const result = /** @type {Element} */ (question.querySelector("[aria-live]"));

  button.hidden = false;
  button.addEventListener("click", () => {
    const chosen = options.findIndex((option) => option.checked);
    const answer = answers[chosen];
    result.className = answer ? answer.className : "";
    result.replaceChildren(...(answer ? answer.cloneNode(true).childNodes : ["Choose an answer first."]));
  });
  // What was said about one option must not stand beside another.
  question.addEventListener("change", () => {
    result.className = "";
    result.replaceChildren();
  });
}
