// The stars: stored in this browser per stack, and saved as the picks file.

const album = JSON.parse(document.getElementById("album").textContent);
const stars = new Set();
const starWatchers = [];
let areStarsRead = false, areStarsStored = true;

function readStoredStars() {
  try {
    const found = JSON.parse(localStorage.getItem(album.picks.store) || "[]");
    return Array.isArray(found) ? found : [];
  } catch {
    return [];
  }
}

function readStarsOnce() {
  if (areStarsRead) return;
  areStarsRead = true;
  for (const id of readStoredStars()) stars.add(id);
  if (stars.size) updateStars();
}

/**
 * Stores and shows the stars. Some browsers store nothing for pages that are opened from disk.
 *
 * Only a click may call this: a page that is being loaded may have read less than another page has just stored.
 */
function storeStars() {
  try {
    localStorage.setItem(album.picks.store, JSON.stringify([...stars]));
    areStarsStored = true;
  } catch {
    areStarsStored = false;
  }
  updateStars();
}

function isStarred(entry) {
  return stars.has(entry.id);
}

function toggleStar(entry) {
  const isRemoved = isStarred(entry);
  readStarsOnce();
  if (isRemoved) stars.delete(entry.id);
  else stars.add(entry.id);
  storeStars();
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
  const notStoredText = areStarsStored ? "" : "; this browser loses them when you close the page, so save them";
  document.getElementById("picks").hidden = count === 0;
  document.getElementById("starred").textContent = (count === 1 ? "1 picture starred" : count + " pictures starred") + notStoredText;
  for (const watcher of starWatchers) watcher();
}

/** Returns the picks file: CSV as in RFC 4180, with a byte order mark so that spreadsheets read it as UTF-8. */
function picksFile() {
  const rows = [album.picks.columns, ...starred().flatMap((entry) => entry.picks)];
  return "\ufeff" + rows.map((row) => row.map(cell).join(",") + "\r\n").join("");
}

/** Returns a cell; one that a spreadsheet would run as a formula begins with an apostrophe, as in all CSV files of Backdrop. */
function cell(text) {
  const shown = album.picks.escaped.some((start) => text.startsWith(start)) ? "'" + text : text;
  return /^[\w./-]*$/.test(shown) ? shown : '"' + shown.replaceAll('"', '""') + '"';
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
  storeStars();
  document.getElementById("pictures").focus();
});
// Another page of the stack has changed the stars. The key is null if all stored data was deleted.
addEventListener("storage", ({ key }) => {
  if (key !== null && key !== album.picks.store) return;
  stars.clear();
  for (const id of readStoredStars()) stars.add(id);
  updateStars();
});
