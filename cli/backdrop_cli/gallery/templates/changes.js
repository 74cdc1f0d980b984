// The map of changes in the large view: a layer over the photo and the picture that shows where the product differs.

const changesButton = document.getElementById("show-changes");
const MAX_SHAPE_DIFFERENCE = 0.02;
let areChangesShown = false;

/** Offers the map of the shown picture, and lays it over both sides if it is switched on. */
function renderChanges() {
  const map = enlarged.fidelity?.map;
  changesButton.hidden = !map;
  changesButton.setAttribute("aria-pressed", String(areChangesShown));
  for (const layer of stage.querySelectorAll(".changes")) layer.remove();
  if (!map || !areChangesShown) return;
  const before = stage.querySelector(".before");
  const layer = changesLayer(map);
  layer.addEventListener("load", () => layPictureChanges(layer, map));
  if (before) before.after(layer);
  else stage.querySelector(".compare").append(layer);
}

/** The map has the photo's shape. A picture of another shape shows another part, so only its photo has the layer. */
function layPictureChanges(layer, map) {
  const difference = Math.abs(layer.naturalWidth / layer.naturalHeight / shownFile.ratio - 1);
  const after = layer.isConnected && stage.querySelector(".after");
  if (!after) return;
  if (difference <= MAX_SHAPE_DIFFERENCE) after.after(changesLayer(map, ""));
  else moveDivider(stage.querySelector(".handle"), 100);
}

function changesLayer(map, alt = "Bright where the product differs from the photo's") {
  const layer = new Image();
  Object.assign(layer, { className: "changes", alt, draggable: false, src: sourceOf(map) });
  return layer;
}

function toggleChanges() {
  if (changesButton.hidden) return;
  areChangesShown = !areChangesShown;
  renderChanges();
  announceView("replace");
}

changesButton.addEventListener("click", toggleChanges);
stageKeys.c = toggleChanges;
