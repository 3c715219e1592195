// What the buttons under a figure do; web/sphinx/figures.py writes them.
"use strict";

{
  const folder = new URL(".", /** @type {HTMLScriptElement} */ (document.currentScript).src);

  /**
   * @template {keyof HTMLElementTagNameMap} Tag
   * @param {Tag} tag @param {Record<string, string>} [attributes] @param {...(Node | string)} children
   */
  const make = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  };

  // Enlarge: the picture over the whole window. Pinching works there as everywhere; so do buttons and + - 0.
  /** @param {Element} figure @param {string} title */
  function enlarge(figure, title) {
    const pictures = [...figure.querySelectorAll("img")].map((image) => {
      const copy = /** @type {HTMLImageElement} */ (image.cloneNode());
      copy.loading = "eager";
      copy.removeAttribute("data-wide");
      return copy;
    });
    const plane = make("div", {
      class: "ml-enlarged-plane",
      tabindex: "0",
      role: "group",
      "aria-label": `${title}, enlarged`,
    });
    plane.append(...pictures);
    const shown = make("output", {});
    const dialog = make("dialog", { class: "ml-enlarged", "aria-label": title });
    const [width, height] = ["width", "height"].map((name) => Number(pictures[0].getAttribute(name)));
    let zoom = 1;
    const draw = () => {
      const fit = Math.min(plane.clientWidth / width, plane.clientHeight / height);
      const middle = [
        (plane.scrollLeft + plane.clientWidth / 2) / plane.scrollWidth,
        (plane.scrollTop + plane.clientHeight / 2) / plane.scrollHeight,
      ];
      for (const picture of pictures) picture.style.width = `${Math.floor(width * fit * zoom)}px`;
      plane.scrollLeft = middle[0] * plane.scrollWidth - plane.clientWidth / 2;
      plane.scrollTop = middle[1] * plane.scrollHeight - plane.clientHeight / 2;
      shown.value = `${Math.round(100 * zoom)} %`;
    };
    const change = (/** @type {number} */ to) => {
      zoom = Math.max(1, Math.min(8, to));
      draw();
    };
    const button = (/** @type {string} */ text, /** @type {string} */ name, /** @type {() => void} */ act) => {
      const element = make("button", { type: "button", "aria-label": name }, text);
      element.addEventListener("click", act);
      return element;
    };
    dialog.append(
      make(
        "div",
        { class: "ml-enlarged-bar" },
        button("−", "Zoom out", () => change(zoom / 1.5)),
        shown,
        button("+", "Zoom in", () => change(zoom * 1.5)),
        button("Close", "Close", () => dialog.close()),
      ),
      plane,
    );
    dialog.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key === "+" || event.key === "=") change(zoom * 1.5);
      else if (event.key === "-") change(zoom / 1.5);
      else if (event.key === "0") change(1);
    });
    addEventListener("resize", draw);
    dialog.addEventListener("close", () => {
      removeEventListener("resize", draw);
      dialog.remove();
    });
    document.body.append(dialog);
    dialog.showModal(); // gives the focus back when it closes
    plane.focus();
    draw();
  }

  // Hear: the library that plays comes when somebody asks for it.
  /** @type {Promise<void> | undefined} */
  let player;
  const load = () =>
    (player ??= new Promise((resolve, reject) => {
      const script = make("script", { src: new URL("widgets/hear.js", folder).href });
      script.addEventListener("load", () => resolve());
      script.addEventListener("error", () => reject(new Error("hear.js did not load")));
      document.head.append(script);
    }));

  /** @param {HTMLButtonElement} button @param {HTMLElement} tools @param {string} title */
  async function hear(button, tools, title) {
    const open = tools.nextElementSibling;
    if (open?.matches(".ml-hear")) {
      open.dispatchEvent(new Event("close"));
      return;
    }
    const table = /** @type {HTMLTableElement} */ (
      document.getElementById(button.dataset.table ?? "")?.closest("table")
    );
    const panel = make("div", { class: "ml-hear", role: "group", "aria-label": `Hear ${title}` });
    tools.after(panel);
    button.setAttribute("aria-expanded", "true");
    panel.addEventListener("close", () => {
      panel.remove();
      button.setAttribute("aria-expanded", "false");
      button.focus();
    });
    try {
      await load();
      window.hearTable(panel, table, title);
    } catch {
      player = undefined;
      panel.replaceChildren(make("p", { role: "status" }, "The figure cannot be played. Its table has the numbers."));
    }
  }

  for (const tools of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll(".ml-figure-tools"))) {
    const figure = /** @type {Element} */ (tools.previousElementSibling);
    const number = figure.querySelector(".caption-number")?.textContent.trim();
    const caption = figure.querySelector(".caption-text")?.textContent.trim().replace(/\.$/, "") ?? "";
    const title = number ? `${number}: ${caption}` : caption;
    tools.addEventListener("click", (event) => {
      const button = /** @type {Element} */ (event.target).closest("button");
      if (button?.dataset.figure === "enlarge") enlarge(figure, title);
      if (button?.dataset.figure === "hear") hear(button, tools, title);
    });
  }
}
