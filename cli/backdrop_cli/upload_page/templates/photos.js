// The photos on the page: dragged in or chosen, identified by their bytes, without duplicates.

const HEAD_BYTES = 4096;
const MAX_CONCURRENT_FILES = 4;
const CHECK_BATCH_SIZE = 100;
const INITIAL_ROW_COUNT = 24;
const STRIP_ROWS = 256;
const MAX_CANVAS_WIDTH = 16384;
const OWN_PICTURE = new RegExp(about.own_picture);
const photos = new Map();
let reading = 0;
let showAll = false;
let duplicateCount = 0;

/** Adds files, with the names of their folders. */
async function addFiles(files) {
  const fresh = [];
  for (const [name, file] of files) {
    const known = photos.get(name);
    if (known && known.file.size === file.size && known.file.lastModified === file.lastModified) duplicateCount += 1;
    else fresh.push({ name, file, sha256: "", problem: "", link: "" });
  }
  reading += fresh.length;
  describeChosen();
  const read = [];
  await runConcurrently(fresh, MAX_CONCURRENT_FILES, async (photo) => {
    await identify(photo);
    addPhoto(photo);
    if (photo.sha256) read.push(photo);
    reading -= 1;
    describeChosen();
  });
  for (let at = 0; at < read.length; at += CHECK_BATCH_SIZE) await checkFiles(read.slice(at, at + CHECK_BATCH_SIZE));
  showChosen();
  schedulePrice();
}

/** Reads a photo once, for its hash, its first bytes, and what they do not show. */
async function identify(photo) {
  try {
    const bytes = await photo.file.arrayBuffer();
    const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
    photo.sha256 = [...hash].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    photo.head = btoa(String.fromCharCode(...new Uint8Array(bytes.slice(0, HEAD_BYTES))));
    photo.is_own = OWN_PICTURE.test(new TextDecoder("latin1").decode(bytes));
    const isJpeg = photo.head.startsWith(btoa("\xff\xd8\xff"));
    photo.shows_nothing = !isJpeg && await showsNothing(photo.file);
  } catch {
    photo.problem = "The file can no longer be read; add it again.";
  }
}

/** Returns whether almost every pixel is transparent. If this browser cannot tell, Backdrop does, before it buys anything. */
async function showsNothing(file) {
  const bitmap = await createImageBitmap(file).catch(() => null);
  if (!bitmap || bitmap.width > MAX_CANVAS_WIDTH || !window.OffscreenCanvas) return false;
  const canvas = new OffscreenCanvas(bitmap.width, Math.min(STRIP_ROWS, bitmap.height));
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const sumShown = (top) => {
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.drawImage(bitmap, 0, -top);
    const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
    let sum = 0;
    for (let at = 3; at < data.length; at += 4) sum += Math.max(data[at] + 1 - about.min_visible_alpha, 0);
    return sum;
  };
  let missing = bitmap.width * bitmap.height * (256 - about.min_visible_alpha) * about.min_shown_share;
  for (let top = 0; top < bitmap.height && missing > 0; top += STRIP_ROWS) missing -= sumShown(top);
  bitmap.close();
  return missing > 0;
}

/** Adds a photo, unless one with the same name and bytes is already there. */
function addPhoto(photo) {
  const known = photos.get(photo.name);
  if (known && known.sha256 && known.sha256 === photo.sha256) duplicateCount += 1;
  else photos.set(photo.name, photo);
}

/** Requests which files are no photos to buy pictures of. */
async function checkFiles(some) {
  try {
    const files = some.map(({ file, sha256, head, is_own, shows_nothing }) => ({ size: file.size, sha256, head, is_own, shows_nothing }));
    const { objections } = await requestJson("look", { files });
    for (const photo of some) photo.problem = objections[photo.sha256]?.message || photo.problem;
  } catch (error) {
    showText(byId("price-error"), error.message);
  }
}

function removePhoto(photo) {
  if (photo.link) URL.revokeObjectURL(photo.link);
  photos.delete(photo.name);
}

function describeChosen() {
  const words = [];
  if (reading) words.push(`reading ${formatCount(reading, "file")} …`);
  else if (photos.size) words.push(`${formatCount(photos.size, "file")} chosen`);
  if (duplicateCount) words.push(`${formatCount(duplicateCount, "duplicate")} skipped`);
  byId("chosen-status").textContent = words.join("; ");
}

function showChosen() {
  const all = [...photos.values()];
  byId("chosen").replaceChildren(...(showAll ? all : all.slice(0, INITIAL_ROW_COUNT)).map(chosenRow));
  byId("chosen-more").hidden = showAll || all.length <= INITIAL_ROW_COUNT;
  byId("chosen-more").firstElementChild.textContent = `Show all ${all.length.toLocaleString("en")}`;
  byId("zone").classList.toggle("small", all.length > 0);
  describeChosen();
}

function chosenRow(photo) {
  const row = cloneTemplate("chosen-parts");
  renderName(row.querySelector(".photo-name"), photo.name);
  row.querySelector(".photo-note").textContent = photo.problem || photo.note || "";
  row.classList.toggle("has-problem", Boolean(photo.problem));
  row.querySelector(".thumb").append(...thumb(photo));
  const removeButton = row.querySelector("button");
  removeButton.setAttribute("aria-label", "Remove " + photo.name);
  removeButton.addEventListener("click", () => {
    removePhoto(photo);
    showChosen();
    (byId("chosen").querySelector("button") || byId("choose")).focus();
    schedulePrice();
  });
  return row;
}

/** Returns a thumbnail if this browser can show the photo. */
function thumb(photo) {
  if (photo.problem) return [];
  photo.link ||= URL.createObjectURL(photo.file);
  const picture = document.createElement("img");
  Object.assign(picture, { alt: "", loading: "lazy", decoding: "async", src: photo.link });
  picture.addEventListener("error", () => showPreview(photo, picture), { once: true });
  return [picture];
}

/** Shows a thumbnail from the command, made once, for a photo that this browser cannot show, such as HEIC. */
async function showPreview(photo, picture) {
  photo.preview ||= preview(photo.file);
  const link = await photo.preview;
  if (!link) {
    picture.remove();
    return;
  }
  picture.addEventListener("error", () => picture.remove(), { once: true });
  if (photo.link !== link) URL.revokeObjectURL(photo.link);
  photo.link = link;
  picture.src = link;
}

async function preview(file) {
  try {
    const made = await fetch("preview", { method: "POST", headers: { "Content-Type": "application/octet-stream" }, body: file });
    return made.ok ? URL.createObjectURL(await made.blob()) : "";
  } catch {
    return "";
  }
}

/** Returns all files that were dropped, including those in folders. */
async function listDroppedFiles(transfer) {
  const roots = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!roots.length) return [...transfer.files].map((file) => [file.name, file]);
  const found = [];
  for (const root of roots) await collectFiles(root, "", found);
  return found;
}

async function collectFiles(entry, folder, found) {
  if (entry.isFile) {
    const file = await new Promise((done) => entry.file(done, () => done(null)));
    if (file) found.push([folder + entry.name, file]);
    return;
  }
  const reader = entry.createReader();
  for (;;) {
    const some = await new Promise((done) => reader.readEntries(done, () => done([])));
    if (!some.length) return;
    for (const one of some) await collectFiles(one, `${folder}${entry.name}/`, found);
  }
}

for (const kind of ["dragenter", "dragover"]) {
  document.addEventListener(kind, (event) => { event.preventDefault(); byId("zone").classList.add("over"); });
}
document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) byId("zone").classList.remove("over"); });
document.addEventListener("drop", async (event) => {
  event.preventDefault();
  byId("zone").classList.remove("over");
  addFiles(await listDroppedFiles(event.dataTransfer));
});
byId("choose").addEventListener("click", () => byId("files").click());
byId("choose-folder").addEventListener("click", () => byId("folders").click());
for (const id of ["files", "folders"]) {
  byId(id).addEventListener("change", () => {
    addFiles([...byId(id).files].map((file) => [file.webkitRelativePath || file.name, file]));
    byId(id).value = "";
  });
}
byId("chosen-more").firstElementChild.addEventListener("click", () => { showAll = true; showChosen(); byId("chosen").querySelectorAll("button")[INITIAL_ROW_COUNT]?.focus(); });
