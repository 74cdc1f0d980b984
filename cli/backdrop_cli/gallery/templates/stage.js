// The stage: a photo and its picture in large. zoom.js enlarges them, and changes.js lays the map of changes over them.

const stage = document.getElementById("large-stage");
const stageKeys = {};
const viewWatchers = [];
let enlarged = null;
let shownFile = null;

/** Shows a file of an entry at a place: with the same divider as before if it belongs to the same photo. */
function showOnStage(entry, file, { zoom, x, y }) {
  const divider = entry.photo === enlarged?.photo && stage.querySelector(".handle")?.value;
  enlarged = entry;
  shownFile = file;
  stage.replaceChildren(comparison(entry, file));
  if (divider) moveDivider(stage.querySelector(".handle"), divider);
  setView(zoom, x, y);
  renderChanges();
}

/** Shows the files themselves in place of their thumbnails. */
function showFullSizes() {
  showFullSize(stage.querySelector(".after"), shownFile.full);
  showFullSize(stage.querySelector(".before"), enlarged.before_full);
}

/** Shows a file in place of its thumbnail once it is decoded. Without the file, the thumbnail stays. */
async function showFullSize(shown, link) {
  if (!shown || !link) return;
  const full = new Image();
  full.src = link;
  try {
    await full.decode();
  } catch {
    return;
  }
  shown.src = link;
}

function moveDivider(handle, value) {
  if (!handle) return;
  handle.value = value;
  handle.dispatchEvent(new Event("input"));
}

/** Reports that the zoom or the map changed: `soon` while it may still be changing, else `replace`. */
function announceView(how) {
  for (const watch of viewWatchers) watch(how);
}

/** Does what a key means on the stage. Returns whether it means anything. */
function pressStageKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return false;
  const action = (event.shiftKey && stageKeys["Shift+" + event.key]) || stageKeys[event.key];
  if (!action) return false;
  event.preventDefault();
  action();
  return true;
}
