// Puts the chosen colors on before anything is painted, and keeps the choice for every page that this browser opens.
(() => {
  const STORE = "backdrop colors";
  const kept = () => { try { return localStorage.getItem(STORE) || ""; } catch { return ""; } };
  const keep = (word) => { try { localStorage.setItem(STORE, word); } catch { /* this browser keeps nothing for files */ } };
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
