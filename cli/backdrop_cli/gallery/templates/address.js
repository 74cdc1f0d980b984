// The state of the page in its address: filters, and the open file with its zoom. Reload, Back, and a sent link restore it.

const LARGE_VIEW = "large view";
let laterWrite = 0;

function addressOf() {
  const values = {
    find: byId("find").value.trim(),
    show: filters.view === "all" ? "" : filters.view,
    provider: filters.provider,
    kind: filters.operation,
    order: filters.order === "name" ? "" : filters.order,
    open: large.open ? shownFile.key : "",
    changes: large.open && areChangesShown ? "shown" : "",
    zoom: large.open && view.zoom > 1 ? [view.zoom, view.x, view.y].map((one) => one.toFixed(4)).join() : "",
  };
  return "#" + new URLSearchParams(Object.entries(values).filter(([, value]) => value));
}

/**
 * Writes the state to the address: `replace` in place of the last one, `push` as a new step for Back, and `soon` in
 * place of the last one, once the person pauses, because browsers limit how often a page may write. `open` is a step for
 * Back too, except after another large view, so that Back always leads to the list.
 */
function remember(how) {
  clearTimeout(laterWrite);
  if (how === "soon") laterWrite = setTimeout(() => remember("replace"), 250);
  else if (how === "replace" || (how === "open" && history.state === LARGE_VIEW)) writeAddress("replaceState", history.state);
  else writeAddress("pushState", how === "open" ? LARGE_VIEW : null);
}

function writeAddress(method, state) {
  const address = addressOf();
  if (address === (location.hash || "#")) return;
  try {
    history[method](state, "", address);
  } catch { /* some previews of mail programs do not allow it; the page works without */ }
}

/** Shows the state that the address describes; leaves out what this page does not have. */
function restore() {
  clearTimeout(laterWrite);
  const state = new URLSearchParams(location.hash.slice(1));
  byId("find").value = state.get("find") || "";
  const views = [...document.querySelectorAll("[name=view]")];
  (views.find((one) => one.value === state.get("show")) || views[0]).checked = true;
  for (const [id, name] of [["provider", "provider"], ["operation", "kind"], ["order", "order"]]) {
    byId(id).value = state.get(name) || "";
    if (byId(id).selectedIndex < 0) byId(id).selectedIndex = 0;
  }
  readFilters();
  applyFilters();
  areChangesShown = state.get("changes") === "shown";
  restoreLarge(state.get("open"), (state.get("zoom") || "").split(",").map(Number));
}

function restoreLarge(key, [zoom, x, y]) {
  const entry = key && album.entries.find((one) => one.files?.some((file) => file.key === key));
  if (!entry) {
    large.close();
    return;
  }
  const place = [zoom, x, y].every(Number.isFinite) ? { zoom, x, y } : { zoom: 1, x: 0.5, y: 0.5 };
  const wasOpen = large.open;
  showLarge(entry, entry.files.find((file) => file.key === key), place);
  if (!wasOpen) (large.querySelector(".handle") || byId("large-close")).focus();
}

document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  byId("pictures").focus();
});
viewWatchers.push(remember);
window.addEventListener("popstate", restore);
restore();
