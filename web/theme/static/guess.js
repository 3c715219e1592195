// Takes the reader's guess, then opens the answer and says how far off it was. Answer and explanation stand in the page
// already, in a fold below the question; nothing is stored or sent.

/** The number that somebody typed, with a comma for thousands or for decimals; NaN for anything else. */
function read(text) {
  const plain = text.replace(/[\s%]/g, "").replace("−", "-");
  const grouped = /^-?[1-9]\d{0,2}(,\d{3})+(\.\d*)?$/.test(plain);
  const number = grouped ? plain.replaceAll(",", "") : plain.replace(",", ".");
  return /^-?(\d+\.?\d*|\.\d+)$/.test(number) ? Number(number) : NaN;
}

const say = (number, digits, least = 0) =>
  number.toLocaleString("en-US", { maximumFractionDigits: digits, minimumFractionDigits: least });

/** How a guess compares with what was measured, at the digits that are shown of it. */
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

for (const form of document.querySelectorAll(".ml-guess")) {
  const { measured, unit = "" } = form.dataset;
  const inputs = [...form.querySelectorAll("input")];
  const button = form.querySelector(".ml-guess-act button");
  const result = form.querySelector("[role=status]");
  const fold = form.querySelector("details");

  const show = (committed, ...parts) => {
    form.classList.toggle("ml-guess-done", committed);
    for (const input of inputs) input.disabled = committed;
    button.textContent = committed ? "Guess again" : "Commit to it";
    fold.open = committed;
    result.replaceChildren(...parts);
  };
  const commit = () => {
    const answer = () => [...form.querySelector(".ml-guess-answer").cloneNode(true).childNodes];
    if (measured === undefined) {
      const chosen = inputs.find((input) => input.checked);
      if (!chosen) return show(false, "Choose an answer first.");
      return show(true, `You guessed ${chosen.value}. `, ...answer());
    }
    const guess = read(inputs[0].value);
    if (Number.isNaN(guess)) return show(false, "Type a number first.");
    const yours = `You guessed ${say(guess, 10)} ${unit}`.trim();
    return show(true, `${yours}. `, ...answer(), ` ${compare(guess, measured, unit)}`);
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (form.classList.contains("ml-guess-done")) {
      show(false);
      (inputs.find((input) => input.checked) ?? inputs[0]).focus();
    } else commit();
  });
  form.querySelector(".ml-guess-act").hidden = false;
}
