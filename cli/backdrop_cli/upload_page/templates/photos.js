// The photos on the page: dragged in or chosen, identified by their bytes, without duplicates.

const HEAD_BYTES = 4096;
const AT_ONCE = 4;
const CHECKED_AT_A_TIME = 100;
const SHOWN_AT_FIRST = 24;
const photos = new Map();
let reading = 0;
let showAll = false;
let doubles = 0;

/** Adds files, with the names of their folders. */
async function take(files) {
  const fresh = [];
  for (const [name, file] of files) {
    const known = photos.get(name);
    if (known && known.file.size === file.size && known.file.lastModified === file.lastModified) doubles += 1;
    else fresh.push({ name, file, sha256: "", problem: "", link: "" });
  }
  reading += fresh.length;
  describeChosen();
  const read = [];
  await sideBySide(fresh, AT_ONCE, async (photo) => {
    await identify(photo);
    keep(photo);
    if (photo.sha256) read.push(photo);
    reading -= 1;
    describeChosen();
  });
  for (let at = 0; at < read.length; at += CHECKED_AT_A_TIME) await checkFiles(read.slice(at, at + CHECKED_AT_A_TIME));
  showChosen();
  price();
}

/** Reads a photo once, for its hash and its first bytes. */
async function identify(photo) {
  try {
    const bytes = await photo.file.arrayBuffer();
    const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
    photo.sha256 = [...hash].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    photo.head = btoa(String.fromCharCode(...new Uint8Array(bytes.slice(0, HEAD_BYTES))));
  } catch {
    photo.problem = "The file can no longer be read; add it again.";
  }
}

/** Adds a photo, unless one with the same name and bytes is already there. */
function keep(photo) {
  const known = photos.get(photo.name);
  if (known && known.sha256 && known.sha256 === photo.sha256) doubles += 1;
  else photos.set(photo.name, photo);
}

/** Requests which files are not photos, judging by their first bytes. */
async function checkFiles(some) {
  try {
    const files = some.map(({ file, sha256, head }) => ({ size: file.size, sha256, head }));
    const { objections } = await ask("look", { files });
    for (const photo of some) photo.problem = objections[photo.sha256]?.message || photo.problem;
  } catch (error) {
    showText(byId("price-error"), error.message);
  }
}

function forget(photo) {
  if (photo.link) URL.revokeObjectURL(photo.link);
  photos.delete(photo.name);
}

function describeChosen() {
  const words = [];
  if (reading) words.push(`reading ${several(reading, "file")} …`);
  else if (photos.size) words.push(`${several(photos.size, "file")} chosen`);
  if (doubles) words.push(`${several(doubles, "duplicate")} skipped`);
  byId("chosen-status").textContent = words.join("; ");
}

function showChosen() {
  const all = [...photos.values()];
  byId("chosen").replaceChildren(...(showAll ? all : all.slice(0, SHOWN_AT_FIRST)).map(chosenRow));
  byId("chosen-more").hidden = showAll || all.length <= SHOWN_AT_FIRST;
  byId("chosen-more").firstElementChild.textContent = `Show all ${all.length.toLocaleString("en")}`;
  byId("zone").classList.toggle("small", all.length > 0);
  describeChosen();
}

function chosenRow(photo) {
  const row = parts("chosen-parts");
  nameInto(row.querySelector(".photo-name"), photo.name);
  row.querySelector(".photo-note").textContent = photo.problem || photo.note || "";
  row.classList.toggle("in-trouble", Boolean(photo.problem));
  row.querySelector(".thumb").append(...thumb(photo));
  const away = row.querySelector("button");
  away.setAttribute("aria-label", "Remove " + photo.name);
  away.addEventListener("click", () => {
    forget(photo);
    showChosen();
    (byId("chosen").querySelector("button") || byId("choose")).focus();
    price();
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
async function dropped(transfer) {
  const roots = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!roots.length) return [...transfer.files].map((file) => [file.name, file]);
  const found = [];
  for (const root of roots) await below(root, "", found);
  return found;
}

async function below(entry, folder, found) {
  if (entry.isFile) {
    const file = await new Promise((done) => entry.file(done, () => done(null)));
    if (file) found.push([folder + entry.name, file]);
    return;
  }
  const reader = entry.createReader();
  for (;;) {
    const some = await new Promise((done) => reader.readEntries(done, () => done([])));
    if (!some.length) return;
    for (const one of some) await below(one, `${folder}${entry.name}/`, found);
  }
}

for (const kind of ["dragenter", "dragover"]) {
  document.addEventListener(kind, (event) => { event.preventDefault(); byId("zone").classList.add("over"); });
}
document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) byId("zone").classList.remove("over"); });
document.addEventListener("drop", async (event) => {
  event.preventDefault();
  byId("zone").classList.remove("over");
  take(await dropped(event.dataTransfer));
});
byId("choose").addEventListener("click", () => byId("files").click());
byId("choose-folder").addEventListener("click", () => byId("folders").click());
for (const id of ["files", "folders"]) {
  byId(id).addEventListener("change", () => {
    take([...byId(id).files].map((file) => [file.webkitRelativePath || file.name, file]));
    byId(id).value = "";
  });
}
byId("chosen-more").firstElementChild.addEventListener("click", () => { showAll = true; showChosen(); byId("chosen").querySelectorAll("button")[SHOWN_AT_FIRST]?.focus(); });
