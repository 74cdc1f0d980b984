// Applies the stored color theme before the first paint, and stores the choice for all pages of this browser.
(() => {
  const STORAGE_KEY = "backdrop colors";
  const readTheme = () => { try { return localStorage.getItem(STORAGE_KEY) || ""; } catch { return ""; } };
  const storeTheme = (name) => { try { localStorage.setItem(STORAGE_KEY, name); } catch { /* this browser stores nothing for files */ } };
  const applyTheme = (name) => {
    if (name) document.documentElement.dataset.theme = name;
    else delete document.documentElement.dataset.theme;
  };
  applyTheme(readTheme());
  document.addEventListener("DOMContentLoaded", () => {
    for (const choice of document.querySelectorAll(".theme input")) {
      choice.checked = choice.value === readTheme();
      choice.addEventListener("change", () => { applyTheme(choice.value); storeTheme(choice.value); });
    }
  });
})();
