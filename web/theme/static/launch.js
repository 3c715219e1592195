// A chapter on a JupyterHub: which one, the reader says. Its address stays in this browser, for the next chapter.
"use strict";

{
  const hub = /** @type {HTMLInputElement} */ (document.getElementById("hub"));
  const form = /** @type {HTMLFormElement} */ (hub.form);
  const link = /** @type {HTMLAnchorElement} */ (form.querySelector("a"));
  const offer = () => {
    link.hidden = !hub.value || !hub.validity.valid;
    if (link.hidden) return;
    // What is copied from a page of the hub is longer than the hub's own address.
    const home = hub.value.replace(/\/(hub|user)\/.*$|[?#].*$|\/*$/, "/");
    link.href = new URL(hub.dataset.path ?? "", home).href;
  };
  hub.value = preferences.get("hub") ?? "";
  offer();
  hub.addEventListener("input", offer);
  // Lighthouse takes a link that listens and leads nowhere yet for one that search engines cannot follow.
  form.addEventListener("click", ({ target }) => target === link && preferences.set("hub", hub.value));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    link.click();
  });
  /** @type {HTMLElement} */ (form.parentElement).hidden = false;
}
