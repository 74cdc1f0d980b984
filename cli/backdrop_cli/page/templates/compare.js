// A comparison's line: moved by pointer anywhere on the picture, by keyboard through its range input.

/** A photo above its picture, of which a movable line shows as much as somebody likes. */
function comparison(entry) {
  const frame = parts("compare-parts");
  frame.classList.toggle("cut-out", entry.cut);
  frame.style.setProperty("--ratio", entry.ratio);
  image(frame, ".after", entry.after, "After: " + labelOf(entry), "The picture cannot be shown.");
  image(frame, ".before", entry.before, "Before: " + labelOf(entry), "The photo is not there any more.");
  const handle = frame.querySelector(".handle");
  handle.setAttribute("aria-label", "How much of the photo before to show: " + labelOf(entry));
  follow(frame, handle);
  return frame;
}

function image(frame, which, link, words, gone) {
  const shown = frame.querySelector(which);
  if (link) {
    shown.alt = words;
    shown.loading = "lazy";
    shown.decoding = "async";
    shown.src = link;
  } else {
    shown.replaceWith(textual("p", "gone", gone));
  }
}

function follow(frame, handle) {
  const show = () => {
    frame.style.setProperty("--at", handle.value + "%");
    handle.setAttribute("aria-valuetext", handle.value + " percent before");
  };
  const point = (event) => {
    const box = frame.getBoundingClientRect();
    const share = (event.clientX - box.left) / box.width;
    handle.value = String(Math.round(Math.min(1, Math.max(0, share)) * 100));
    show();
  };
  handle.addEventListener("input", show);
  frame.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    event.preventDefault();
    handle.focus({ preventScroll: true });
    frame.setPointerCapture(event.pointerId);
    point(event);
  });
  frame.addEventListener("pointermove", (event) => {
    if (frame.hasPointerCapture(event.pointerId)) point(event);
  });
  show();
}

/** A copy of what stands in a template. */
function parts(id) {
  return document.getElementById(id).content.firstElementChild.cloneNode(true);
}

/** An element that holds a text; no text of the album ever becomes markup. */
function textual(tag, name, words) {
  const made = document.createElement(tag);
  if (name) made.className = name;
  made.textContent = words;
  return made;
}

/** How an entry is spoken of where two may have the same name. */
function labelOf(entry) {
  return [entry.name, ...(entry.tags || [])].join(", ");
}
