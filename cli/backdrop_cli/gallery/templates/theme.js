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
