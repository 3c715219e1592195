// Keys for the page on which a person marks answers, the score while criteria are ticked, and earlier comments.
// Without it, the page is an ordinary form.

const form = document.querySelector("form.mark");
const keys = document.querySelector("#keys");

if (form instanceof HTMLFormElement) {
  const comment = form.elements.namedItem("comment");
  const boxes = [...form.querySelectorAll("input[type=checkbox]")];
  const read = () =>
    new URLSearchParams([...new FormData(form)].map(([key, value]) => [key, String(value)])).toString();
  const before = read();
  let sent = false;

  const show = () => {
    const values = [...boxes, form.querySelector("input[type=number]")].map((input) => {
      if (!(input instanceof HTMLInputElement)) return 0;
      if (input.type === "number") return Number(input.value);
      return input.checked ? Number(input.dataset.points) : 0;
    });
    const most = Number(form.dataset.points);
    const score = Math.min(
      Math.max(
        values.reduce((sum, value) => sum + value, 0),
        0,
      ),
      most,
    );
    const output = form.querySelector("output");
    if (output) output.textContent = `${score} of ${most} points`;
  };

  /** Press a button of the form. @param {string} action */
  const press = (action) => {
    const button = form.querySelector(`button[value=${action}]`);
    if (button instanceof HTMLElement) button.click();
  };

  /** Go to another answer; what was changed is saved on the way. @param {"next" | "previous"} where */
  const go = (where) => {
    if (read() !== before) return press(where);
    const link = document.querySelector(where === "next" ? "a[rel=next]" : "a[rel=prev]");
    if (link instanceof HTMLElement) link.click();
  };

  form.addEventListener("input", show);
  form.addEventListener("submit", () => (sent = true));
  addEventListener("beforeunload", (event) => {
    if (!sent && read() !== before) event.preventDefault();
  });
  for (const link of document.querySelectorAll("a[rel]")) {
    link.addEventListener("click", (event) => {
      if (read() === before) return;
      event.preventDefault();
      press(link.getAttribute("rel") === "next" ? "next" : "previous");
    });
  }
  show();

  for (const button of document.querySelectorAll("button[data-comment]")) {
    button.addEventListener("click", () => {
      if (!(button instanceof HTMLElement && comment instanceof HTMLTextAreaElement)) return;
      comment.value = [comment.value.trim(), button.dataset.comment].filter(Boolean).join("\n");
      comment.focus();
    });
  }

  document.addEventListener("keydown", (event) => {
    const target = event.target;
    const typing =
      target instanceof HTMLTextAreaElement || (target instanceof HTMLInputElement && target.type === "number");
    if (typing && event.key === "Escape") return target.blur();
    if (typing && event.key === "Enter" && event.ctrlKey) return press("next");
    if (typing || event.ctrlKey || event.altKey || event.metaKey) return;
    if (keys instanceof HTMLInputElement && !keys.checked) return;
    const box = /^[1-9]$/.test(event.key) ? boxes[Number(event.key) - 1] : undefined;
    /** @type {Record<string, () => unknown>} */
    const actions = {
      n: () => go("next"),
      ArrowRight: () => go("next"),
      p: () => go("previous"),
      ArrowLeft: () => go("previous"),
      u: () => press("undo"),
      c: () => comment instanceof HTMLElement && comment.focus(),
    };
    // On a button or a link, Enter does what it always does there.
    if (!(
      target instanceof HTMLButtonElement ||
      target instanceof HTMLAnchorElement ||
      target instanceof HTMLDetailsElement
    ))
      if (!(target instanceof HTMLElement && target.tagName === "SUMMARY")) actions.Enter = () => press("next");
    if (box instanceof HTMLElement) box.click();
    else if (actions[event.key]) actions[event.key]();
    else return;
    event.preventDefault();
  });
}

if (keys instanceof HTMLInputElement) {
  keys.checked = localStorage.getItem("keys") !== "off";
  keys.addEventListener("change", () => localStorage.setItem("keys", keys.checked ? "on" : "off"));
}
