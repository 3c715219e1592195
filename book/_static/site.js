// Conveniences; every page can be read and followed without them.
"use strict";

// Light or dark: the system's choice, until the reader makes one.
const theme = document.getElementById("theme");
const system = matchMedia("(prefers-color-scheme: dark)");
const root = document.documentElement;
const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
const showTheme = () => theme.setAttribute("aria-pressed", String(isDark()));
theme.addEventListener("click", () => {
  root.dataset.theme = isDark() ? "light" : "dark";
  try {
    localStorage.setItem("theme", root.dataset.theme);
  } catch {
    // No storage here: the choice holds for this page.
  }
  showTheme();
});
system.addEventListener("change", showTheme);
showTheme();
theme.hidden = false;

// The drawer closes when one of its links leads to a place on this page.
const contents = document.getElementById("contents");
contents.addEventListener("click", (event) => {
  if (event.target.closest("a") && contents.matches(":popover-open")) contents.hidePopover();
});
contents.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest" });

// Code can be copied, where the browser allows it.
if (navigator.clipboard) {
  for (const block of document.querySelectorAll(".cell_input .highlight, div[class*='highlight-'] > .highlight")) {
    if (block.closest(".cell_output") || block.querySelector(".copy")) continue;
    const button = Object.assign(document.createElement("button"), { className: "copy", type: "button", textContent: "Copy" });
    button.setAttribute("aria-label", "Copy this code");
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(block.querySelector("pre").textContent);
      button.textContent = "Copied";
      setTimeout(() => (button.textContent = "Copy"), 2000);
    });
    block.append(button);
  }
}

// What is wider than the page scrolls, by keyboard too.
const wide = document.querySelectorAll("pre, .text_html, .pst-scrollable-table-container, .formula");
const mark = () => {
  const scrolls = [...wide].map((element) => element.scrollWidth > element.clientWidth); // measured at once, then marked
  for (const [index, element] of wide.entries()) {
    if (scrolls[index]) {
      element.tabIndex = 0;
      element.setAttribute("role", "group");
      const caption = element.querySelector("caption")?.textContent.trim();
      element.setAttribute("aria-label", caption || (element.matches("pre") ? "Code, scrolls sideways" : "Scrolls sideways"));
    } else {
      for (const name of ["tabindex", "role", "aria-label"]) element.removeAttribute(name);
    }
  }
};
mark();
addEventListener("resize", mark);
document.addEventListener("toggle", mark, true);
