// The before/after comparison: its line is moved with the pointer, or with the keyboard through its range input.

// The thumbnails of a page in one file are part of the page.
const embedded = JSON.parse(document.getElementById("embedded")?.textContent || "{}");

function sourceOf(link) {
  return embedded[link] || link;
}

/** Returns the photo over one file of its picture, divided by a movable line. */
function comparison(entry, file = entry.files[0]) {
  const frame = cloneTemplate("compare-parts");
  frame.classList.toggle("cut-out", file.cut);
  frame.style.setProperty("--ratio", file.ratio);
  const handle = frame.querySelector(".handle");
  handle.setAttribute("aria-label", "Share of the original photo to show: " + labelOf(entry, file));
  connectHandle(frame, handle);
  showImage(frame, ".after", file.after, file.alt || "After: " + labelOf(entry, file), file.no_after);
  showImage(frame, ".before", entry.before, "Before: " + labelOf(entry, file), entry.no_before);
  return frame;
}

function showImage(frame, which, link, words, missing) {
  if (!link) {
    showWithout(frame, which, missing);
    return;
  }
  const shown = frame.querySelector(which);
  shown.alt = words;
  shown.loading = "lazy";
  shown.decoding = "async";
  shown.src = sourceOf(link);
}

/** Without one of the two, shows the other in full, and a note with the reason. */
function showWithout(frame, which, words) {
  for (const part of frame.querySelectorAll(`.line, .handle, ${which}, ${which}-label`)) part.remove();
  frame.classList.add(which === ".before" ? "after-alone" : "before-alone");
  if (!frame.querySelector(".notes")) frame.append(createTextElement("div", "notes", ""));
  frame.querySelector(".notes").append(createTextElement("p", "", words));
}

function connectHandle(frame, handle) {
  const show = () => {
    frame.style.setProperty("--at", handle.value + "%");
    handle.setAttribute("aria-valuetext", handle.value + " percent original");
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

/** Returns a copy of a template's content. */
function cloneTemplate(id) {
  return document.getElementById(id).content.firstElementChild.cloneNode(true);
}

/** Returns an element with a text; no text of the album is ever parsed as markup. */
function createTextElement(tag, name, words) {
  const made = document.createElement(tag);
  if (name) made.className = name;
  made.textContent = words;
  return made;
}

/** Returns a label that also tells entries with the same name apart, and the files of a picture if one is given. */
function labelOf(entry, file) {
  const output = file && entry.files.length > 1 ? [file.label] : [];
  return [...new Set([entry.name, ...(entry.tags || []), ...output])].join(", ");
}
