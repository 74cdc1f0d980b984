// Zooms and pans the large view. The photo and the picture move together, so that the line divides the same place.

const view = { zoom: 1, x: 0.5, y: 0.5 };
const STEP = 1.5;
const MAX_SCREEN_PIXELS = 4;
const LINE_WIDTH = 48;
const pointers = new Map();

/** Returns the width in CSS pixels at which the whole picture fits. */
function fitWidth() {
  const box = stage.getBoundingClientRect();
  return Math.min(box.width, box.height * shownFile.ratio) || 1;
}

/** Returns the zoom at which a pixel of the file is a pixel of the screen. */
function actualZoom() {
  return shownFile.width / devicePixelRatio / fitWidth();
}

function between(low, value, high) {
  return Math.min(high, Math.max(low, value));
}

function limitZoom(zoom) {
  return between(1, zoom, Math.max(MAX_SCREEN_PIXELS, MAX_SCREEN_PIXELS * actualZoom()));
}

/** Shows a file at a zoom, 1 for the whole picture, with this point in the middle; x and y are shares of its sides. */
function setView(zoom, x, y) {
  const box = stage.getBoundingClientRect();
  const width = fitWidth();
  view.zoom = limitZoom(zoom);
  view.x = limitCenter(x, box.width, width * view.zoom);
  view.y = limitCenter(y, box.height, (width / shownFile.ratio) * view.zoom);
  const frame = stage.querySelector(".compare");
  for (const [name, value] of Object.entries(view)) frame.style.setProperty("--" + name, value);
  stage.classList.toggle("zoomed", view.zoom > 1);
  updateZoomControls();
}

/** Returns the middle closest to the given one at which no space beyond the picture is shown. */
function limitCenter(at, visible, whole) {
  const half = Math.min(1, visible / whole) / 2;
  return between(half, at, 1 - half);
}

function updateZoomControls() {
  const whole = view.zoom === 1;
  document.getElementById("zoom-status").textContent = Math.round((100 * view.zoom) / actualZoom()) + " %";
  document.getElementById("zoom-fit").textContent = !whole ? "Whole picture" : actualZoom() > 1 ? "Actual pixels" : "Enlarge";
  document.getElementById("zoom-out").disabled = whole;
  document.getElementById("zoom-in").disabled = view.zoom === limitZoom(Infinity);
}

/** Zooms, and keeps the place below the pointer where it is. */
function zoomAt(zoom, { clientX, clientY }) {
  const box = stage.getBoundingClientRect();
  const width = fitWidth();
  const right = (clientX - box.left - box.width / 2) / width;
  const down = ((clientY - box.top - box.height / 2) / width) * shownFile.ratio;
  const change = 1 / view.zoom - 1 / limitZoom(zoom);
  setView(zoom, view.x + right * change, view.y + down * change);
  announceView("soon");
}

function zoomBy(factor) {
  setView(view.zoom * factor, view.x, view.y);
  announceView("soon");
}

/** Moves the picture by a distance in CSS pixels. */
function pan(right, down) {
  const width = fitWidth() * view.zoom;
  setView(view.zoom, view.x - right / width, view.y - (down / width) * shownFile.ratio);
  announceView("soon");
}

function toggleZoom() {
  if (view.zoom > 1) setView(1, 0.5, 0.5);
  else setView(Math.max(actualZoom(), STEP), 0.5, 0.5);
  announceView("soon");
}

function isOnLine(event) {
  const line = stage.querySelector(".line")?.getBoundingClientRect();
  return Boolean(line) && Math.abs(event.clientX - line.left) < LINE_WIDTH / 2;
}

/** Zooms by the change of the distance between two fingers. */
function pinch(from, to) {
  const [other] = [...pointers.values()].filter((one) => one.pointerId !== to.pointerId);
  const distance = (one) => Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY) || 1;
  const middle = { clientX: (to.clientX + other.clientX) / 2, clientY: (to.clientY + other.clientY) / 2 };
  zoomAt((view.zoom * distance(to)) / distance(from), middle);
}

stage.addEventListener("pointerdown", (event) => {
  if (event.button !== 0) return;
  pointers.set(event.pointerId, event);
  if (pointers.size < 2 && (view.zoom === 1 || isOnLine(event))) return;
  event.preventDefault();
  event.stopPropagation();
  stage.setPointerCapture(event.pointerId);
}, true);
stage.addEventListener("pointermove", (event) => {
  const from = pointers.get(event.pointerId);
  if (!from) return;
  pointers.set(event.pointerId, event);
  if (pointers.size > 1) {
    event.stopPropagation();
    pinch(from, event);
  } else if (stage.hasPointerCapture(event.pointerId)) {
    pan(event.clientX - from.clientX, event.clientY - from.clientY);
  }
}, true);
for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) {
  stage.addEventListener(end, (event) => pointers.delete(event.pointerId), true);
}
stage.addEventListener("wheel", (event) => {
  event.preventDefault();
  const pixels = event.deltaY * (event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1);
  zoomAt(view.zoom * Math.exp(-pixels * (event.ctrlKey ? 0.01 : 0.002)), event);
}, { passive: false });
stage.addEventListener("dblclick", (event) => {
  if (view.zoom > 1) toggleZoom();
  else zoomAt(Math.max(actualZoom(), STEP), event);
});
new ResizeObserver(() => { if (stage.isConnected && stage.querySelector(".compare")) setView(view.zoom, view.x, view.y); }).observe(stage);
document.getElementById("zoom-in").addEventListener("click", () => zoomBy(STEP));
document.getElementById("zoom-out").addEventListener("click", () => zoomBy(1 / STEP));
document.getElementById("zoom-fit").addEventListener("click", toggleZoom);

const PAN_STEP = 80;
Object.assign(stageKeys, {
  "+": () => zoomBy(STEP),
  "=": () => zoomBy(STEP),
  "-": () => zoomBy(1 / STEP),
  0: () => { setView(1, 0.5, 0.5); announceView("soon"); },
  "Shift+ArrowLeft": () => pan(PAN_STEP, 0),
  "Shift+ArrowRight": () => pan(-PAN_STEP, 0),
  "Shift+ArrowUp": () => pan(0, PAN_STEP),
  "Shift+ArrowDown": () => pan(0, -PAN_STEP),
});
