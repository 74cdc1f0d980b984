// The stars: kept by this browser for the stack that the page is of, and saved as the file of picks.

const album = JSON.parse(document.getElementById("album").textContent);
const stars = new Set(kept());
const starWatchers = [];

function kept() {
  try {
    const found = JSON.parse(localStorage.getItem(album.picks.store) || "[]");
    return Array.isArray(found) ? found : [];
  } catch {
    return [];
  }
}

/** Whether the browser took it; some keep nothing for pages that are opened from disk. */
function keep() {
  try {
    localStorage.setItem(album.picks.store, JSON.stringify([...stars]));
    return true;
  } catch {
    return false;
  }
}

function isStarred(entry) {
  return stars.has(entry.id);
}

function starOrNot(entry) {
  if (isStarred(entry)) stars.delete(entry.id);
  else stars.add(entry.id);
  tellOfStars();
}

/** Brings a star's button up to date with its entry. */
function showStar(button, entry) {
  button.setAttribute("aria-pressed", String(isStarred(entry)));
  button.setAttribute("aria-label", "Star " + labelOf(entry));
  button.firstElementChild.textContent = isStarred(entry) ? "★" : "☆";
}

function starred() {
  return album.entries.filter(isStarred);
}

function tellOfStars() {
  const many = starred().length;
  const unkept = keep() ? "" : "; this browser forgets stars when the page is closed, so save them";
  document.getElementById("picks").hidden = many === 0;
  document.getElementById("starred").textContent = (many === 1 ? "1 picture starred" : many + " pictures starred") + unkept;
  for (const watcher of starWatchers) watcher();
}

/** The file of picks, as the command reads it: RFC 4180, with a mark by which spreadsheets know UTF-8. */
function picksFile() {
  const rows = [album.picks.columns, ...starred().flatMap((entry) => entry.picks)];
  return "\ufeff" + rows.map((row) => row.map(cell).join(",") + "\r\n").join("");
}

function cell(text) {
  return /^[\w./-]*$/.test(text) ? text : '"' + text.replaceAll('"', '""') + '"';
}

document.getElementById("save").addEventListener("click", () => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([picksFile()], { type: "text/csv" }));
  link.download = album.picks.file;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
});
document.getElementById("clear").addEventListener("click", () => {
  for (const entry of starred()) stars.delete(entry.id);
  tellOfStars();
  document.getElementById("pictures").focus();
});
