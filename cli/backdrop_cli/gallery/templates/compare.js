// A comparison's line: moved by pointer anywhere on the picture, by keyboard through its range input.

/** A photo above its picture, of which a movable line shows as much as somebody likes. */
function comparison(entry) {
  const frame = parts("compare-parts");
  frame.classList.toggle("cut-out", entry.cut);
  frame.style.setProperty("--ratio", entry.ratio);
  const handle = frame.querySelector(".handle");
  handle.setAttribute("aria-label", "How much of the photo before to show: " + labelOf(entry));
  follow(frame, handle);
  image(frame, ".after", entry.after, "After: " + labelOf(entry), entry.no_after);
  image(frame, ".before", entry.before, "Before: " + labelOf(entry), entry.no_before);
  return frame;
}

function image(frame, which, link, words, missing) {
  if (!link) {
    without(frame, which, missing);
    return;
  }
  const shown = frame.querySelector(which);
  shown.alt = words;
  shown.loading = "lazy";
  shown.decoding = "async";
  shown.src = link;
}

/** With one of the two missing there is nothing to compare: the other is shown whole, and a note says why. */
function without(frame, which, words) {
  for (const part of frame.querySelectorAll(`.line, .handle, ${which}, ${which}-label`)) part.remove();
  frame.classList.add(which === ".before" ? "after-alone" : "before-alone");
  if (!frame.querySelector(".notes")) frame.append(textual("div", "notes", ""));
  frame.querySelector(".notes").append(textual("p", "", words));
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
    if (event.button !== 0 || !handle.isConnected) return;
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
