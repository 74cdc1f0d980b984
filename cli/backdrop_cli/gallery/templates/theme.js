/**
 * Runs an action at once or, on a page from disk, shortly after the page has been loaded.
 *
 * Chromium 156 often keeps nothing that a page from disk stores if the page used its storage while it was being loaded.
 */
function whenStorageIsSafe(action) {
  const runSoon = () => setTimeout(action, 100);
  if (location.protocol !== "file:") action();
  else if (document.readyState === "complete") runSoon();
  else addEventListener("load", runSoon);
}

// Applies the stored color theme, before the first paint if it can, and stores the choice for all pages of this browser.
(() => {
  const STORAGE_KEY = "backdrop colors";
  const readTheme = () => { try { return localStorage.getItem(STORAGE_KEY) || ""; } catch { return ""; } };
  const storeTheme = (name) => { try { localStorage.setItem(STORAGE_KEY, name); } catch { /* this browser stores nothing for files */ } };
  const applyTheme = (name) => {
    if (name) document.documentElement.dataset.theme = name;
    else delete document.documentElement.dataset.theme;
    for (const choice of document.querySelectorAll(".theme input")) choice.checked = choice.value === name;
  };
  let theme = "";
  whenStorageIsSafe(() => applyTheme(theme = readTheme()));
  document.addEventListener("DOMContentLoaded", () => {
    applyTheme(theme);
    for (const choice of document.querySelectorAll(".theme input")) {
      choice.addEventListener("change", () => { applyTheme(choice.value); storeTheme(choice.value); });
    }
  });
})();

// Shows controls of the writing direction (UAX #9) as the command line does, such as \u202e: in a name or a prompt, they
// would show other words than it has. Text is replaced where it is displayed; what the page sends stays as it is.
(() => {
  const CONTROLS = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
  const ATTRIBUTES = ["title", "alt", "aria-label"];
  const escapeControls = (words) => words.replace(CONTROLS, (sign) => "\\u" + sign.charCodeAt(0).toString(16).padStart(4, "0"));
  function showText(node) {
    const shown = escapeControls(node.data);
    if (shown !== node.data) node.data = shown;
  }
  function showAttributes(element) {
    for (const name of ATTRIBUTES) {
      const words = element.getAttribute(name) || "";
      if (escapeControls(words) !== words) element.setAttribute(name, escapeControls(words));
    }
  }
  function showAll(root) {
    if (root.nodeType === Node.TEXT_NODE) return showText(root);
    if (root.nodeType !== Node.ELEMENT_NODE || root.matches("script, style")) return undefined;
    const nodes = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    while (nodes.nextNode()) if (!nodes.currentNode.parentElement.matches("script, style")) showText(nodes.currentNode);
    return [root, ...root.querySelectorAll(ATTRIBUTES.map((name) => `[${name}]`).join())].forEach(showAttributes);
  }
  new MutationObserver((changes) => {
    for (const { type, target, addedNodes } of changes) {
      if (type === "childList") addedNodes.forEach(showAll);
      else if (type === "attributes") showAttributes(target);
      else showText(target);
    }
  }).observe(document.documentElement, { subtree: true, childList: true, characterData: true, attributeFilter: ATTRIBUTES });
})();
