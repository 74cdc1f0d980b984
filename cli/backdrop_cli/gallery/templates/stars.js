// The stars: stored in this browser per stack, and saved as the picks file.

const album = JSON.parse(document.getElementById("album").textContent);
const stars = new Set(readStoredStars());
const starWatchers = [];

function readStoredStars() {
  try {
    const found = JSON.parse(localStorage.getItem(album.picks.store) || "[]");
    return Array.isArray(found) ? found : [];
  } catch {
    return [];
  }
}

/** Returns whether the browser stored the stars; some store nothing for pages that are opened from disk. */
function storeStars() {
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

function toggleStar(entry) {
  if (isStarred(entry)) stars.delete(entry.id);
  else stars.add(entry.id);
  updateStars();
}

/** Updates a star's button. */
function showStar(button, entry) {
  button.setAttribute("aria-pressed", String(isStarred(entry)));
  button.setAttribute("aria-label", "Star " + labelOf(entry));
  button.firstElementChild.textContent = isStarred(entry) ? "★" : "☆";
}

function starred() {
  return album.entries.filter(isStarred);
}

function updateStars() {
  const count = countItems(starred());
  const notStoredText = storeStars() ? "" : "; this browser loses them when you close the page, so save them";
  document.getElementById("picks").hidden = count === 0;
  document.getElementById("starred").textContent = (count === 1 ? "1 picture starred" : count + " pictures starred") + notStoredText;
  for (const watcher of starWatchers) watcher();
}

/** Returns the picks file: CSV as in RFC 4180, with a byte order mark so that spreadsheets read it as UTF-8. */
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
  updateStars();
  document.getElementById("pictures").focus();
});
