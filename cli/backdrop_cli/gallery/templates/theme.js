// Applies the stored color theme before the first paint, and stores the choice for all pages of this browser.
(() => {
  const STORE = "backdrop colors";
  const kept = () => { try { return localStorage.getItem(STORE) || ""; } catch { return ""; } };
  const keep = (word) => { try { localStorage.setItem(STORE, word); } catch { /* this browser stores nothing for files */ } };
  const put = (word) => {
    if (word) document.documentElement.dataset.theme = word;
    else delete document.documentElement.dataset.theme;
  };
  put(kept());
  document.addEventListener("DOMContentLoaded", () => {
    for (const choice of document.querySelectorAll(".theme input")) {
      choice.checked = choice.value === kept();
      choice.addEventListener("change", () => { put(choice.value); keep(choice.value); });
    }
  });
})();
