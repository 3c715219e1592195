// Code can be copied, where the browser allows it, and its lines wrapped. Loaded by pages that show code.
"use strict";

{
  const root = document.documentElement;
  const said = document.createElement("p");
  said.className = "ml-sr";
  said.setAttribute("role", "status");
  document.body.append(said);

  /** @type {HTMLButtonElement[]} */
  const switches = [];
  const showWrap = () => {
    for (const button of switches) button.setAttribute("aria-pressed", String("wrap" in root.dataset));
  };
  const wrap = () => {
    if ("wrap" in root.dataset) delete root.dataset.wrap;
    else root.dataset.wrap = "on";
    preferences.set("wrap", root.dataset.wrap ?? "");
    showWrap();
    dispatchEvent(new Event("resize")); // what no longer scrolls needs no stop for the keyboard
  };

  /** @type {HTMLButtonElement[]} */
  const copies = [];
  /** @type {ReturnType<typeof setTimeout>} */
  let waiting;
  const forget = () => {
    clearTimeout(waiting);
    for (const button of copies) button.textContent = "Copy";
    said.textContent = "";
  };

  /** @param {HTMLButtonElement} button @param {string} code */
  async function copy(button, code) {
    const copied = await navigator.clipboard.writeText(code).then(
      () => true,
      () => false,
    );
    forget(); // or the end of an earlier message would take this one away
    button.textContent = copied ? "Copied" : "Failed";
    said.textContent = copied ? "Code copied" : "The browser does not let this page copy";
    waiting = setTimeout(forget, 2000);
  }

  for (const block of document.querySelectorAll(".cell_input .highlight, div[class*='highlight-'] > .highlight")) {
    if (block.closest(".cell_output") || block.querySelector(".copy")) continue;
    const make = (/** @type {string} */ text, /** @type {string} */ kind) =>
      Object.assign(document.createElement("button"), { className: kind, type: "button", textContent: text });
    const wrapping = make("Wrap", "copy wrap");
    wrapping.addEventListener("click", wrap);
    switches.push(wrapping);
    block.append(wrapping);
    if (!navigator.clipboard) continue;
    const copying = make("Copy", "copy");
    copies.push(copying);
    copying.addEventListener("click", () => copy(copying, block.querySelector("pre")?.textContent ?? ""));
    block.append(copying);
  }
  showWrap();
}
