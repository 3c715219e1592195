// Takes the reader's guess, then opens the answer and says how far off it was. Answer and explanation stand in the page
// already, in a fold below the question. The browser keeps the guess (kept.js), and nothing is sent.

/** The number that somebody typed, with a comma for thousands or for decimals; NaN for anything else. @param {string} text */
function read(text) {
  const plain = text.replace(/[\s%]/g, "").replace("−", "-");
  const grouped = /^-?[1-9]\d{0,2}(,\d{3})+(\.\d*)?$/.test(plain);
  const number = grouped ? plain.replaceAll(",", "") : plain.replace(",", ".");
  return /^-?(\d+\.?\d*|\.\d+)$/.test(number) ? Number(number) : NaN;
}

/** A number in words of the page. @param {number} number @param {number} digits @param {number} [least] */
const say = (number, digits, least = 0) =>
  number.toLocaleString("en-US", { maximumFractionDigits: digits, minimumFractionDigits: least });

/**
 * How a guess compares with what was measured, at the digits that are shown of it.
 * @param {number} guess
 * @param {string} shown
 * @param {string} unit
 */
function compare(guess, shown, unit) {
  const digits = (shown.split(".")[1] ?? "").length;
  const measured = Number(shown);
  if (guess.toFixed(digits) === measured.toFixed(digits)) return "Your guess is the same.";
  const high = guess > measured;
  const how = `Your guess is too ${high ? "high" : "low"}`;
  const ratio = Math.max(guess / measured, measured / guess);
  if (unit !== "%" && Math.min(guess, measured) > 0 && ratio >= 2) {
    const times = `about ${say(ratio, ratio < 10 ? 1 : 0)} times`;
    return `${how}: ${high ? `${times} the measured value` : `the measured value is ${times} as large`}.`;
  }
  const off = say(Math.abs(guess - measured), digits, digits);
  const points = `percentage point${off === "1" ? "" : "s"}`;
  return `${how} by ${off} ${unit === "%" ? points : unit}`.trim() + ".";
}

for (const form of /** @type {NodeListOf<HTMLFormElement>} */ (document.querySelectorAll(".ml-guess"))) {
  const { key = "", measured, unit = "" } = form.dataset;
  const inputs = [...form.querySelectorAll("input")];
  const controls = /** @type {HTMLElement} */ (form.querySelector(".ml-guess-act"));
  const button = /** @type {HTMLButtonElement} */ (controls.querySelector("button"));
  const result = /** @type {Element} */ (form.querySelector("[role=status]"));
  const fold = /** @type {HTMLDetailsElement} */ (form.querySelector("details"));
  const answer = /** @type {Element} */ (form.querySelector(".ml-guess-answer"));

  /** Put the form into one of its two states, and say something. @param {boolean} committed @param {(string | Node)[]} parts */
  const show = (committed, ...parts) => {
    form.classList.toggle("ml-guess-done", committed);
    for (const input of inputs) input.disabled = committed;
    button.textContent = committed ? "Guess again" : "Commit to it";
    fold.open = committed;
    result.replaceChildren(...parts);
    form.querySelector(".ml-kept")?.remove();
  };
  /** Say how good the guess is; returns it, if there is one. */
  const commit = () => {
    const said = answer.cloneNode(true).childNodes;
    if (measured === undefined) {
      const chosen = inputs.find((input) => input.checked);
      if (chosen) show(true, `You guessed ${chosen.value}. `, ...said);
      else show(false, "Choose an answer first.");
      return chosen?.value;
    }
    const guess = read(inputs[0].value);
    if (Number.isNaN(guess)) return void show(false, "Type a number first.");
    const yours = `You guessed ${say(guess, 10)} ${unit}`.trim();
    show(true, `${yours}. `, ...said, ` ${compare(guess, measured, unit)}`);
    return inputs[0].value;
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (form.classList.contains("ml-guess-done")) {
      show(false);
      (inputs.find((input) => input.checked) ?? inputs[0]).focus();
    } else {
      const guess = commit();
      if (guess && globalThis.kept?.guess(key, guess)) kept.note(result, "");
    }
  });
  controls.hidden = false;
  const before = globalThis.kept?.load()?.guesses[key]?.guess;
  if (before !== undefined) {
    for (const input of inputs) {
      if (measured === undefined) input.checked = input.value === before;
      else input.value = before;
    }
    commit();
  }
}
