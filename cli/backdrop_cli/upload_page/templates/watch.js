// The progress of all uploads: polled while anything is in progress, and shown again when the page is reloaded.

const EVERY = 1500;
const STAGES = [
  ["uploaded", ["dropped"], "uploaded"],
  ["queued", ["queued", "waiting"], "in the queue"],
  ["rendering", ["rendering"], "at the provider"],
  ["delivering", ["delivering"], "being delivered"],
  ["stored", ["stored"], "delivered"],
  ["bad", ["refused", "failed"], "refused or failed"],
];
const known = new Map();
const cardsOfDrops = new Map();
let waiting = 0;
let polling = false;
let pollAgain = false;
const advice = new Map();
let fileCount = 0;
let troubles = 0;

/** Polls the progress. Polls again if an upload ends while an earlier request is in flight. */
async function watch() {
  clearTimeout(waiting);
  pollAgain = polling;
  if (polling) return;
  polling = true;
  let further = sending.size > 0;
  try {
    const { drops } = await ask("state", { drops: [...known].map(([drop, many]) => ({ drop, known: many })) });
    for (const drop of drops) {
      showDrop(drop);
      known.set(drop.number, drop.known);
      for (const entry of drop.results) showResult(entry);
      further ||= !drop.over;
    }
    byId("under-way").hidden = drops.length === 0;
    showText(byId("trouble"), "");
    describeResults();
  } catch (error) {
    showText(byId("trouble"), error.message);
    further = true;
  }
  polling = false;
  if (further || pollAgain) waiting = setTimeout(watch, EVERY);
}

function leftHere(drop) {
  return drop.rows.filter((row) => row.stage === "here" && !sending.has(`${drop.number} ${row.key}`));
}

function showDrop(drop) {
  if (!cardsOfDrops.has(drop.number)) {
    const made = parts("drop-parts");
    made.querySelector(".left-here button").addEventListener("click", () => tryAgain(drop.number));
    cardsOfDrops.set(drop.number, made);
    byId("drops").prepend(made);
  }
  const card = cardsOfDrops.get(drop.number);
  card.querySelector("h3").textContent = `${several(drop.photos, "photo")} into ${drop.folder || "the bucket's root"}`;
  const remaining = drop.over ? "finished" : drop.to_go;
  factsInto(card.querySelector(".facts"), [`${drop.cost} so far`, drop.earlier, remaining]);
  showBar(card, drop);
  showLeft(card, drop);
  const rows = drop.rows.map((row) => stageRow(drop, row));
  if (card.querySelector("details").open || drop.photos <= 200) card.querySelector(".stage-list").replaceChildren(...rows);
}

function showBar(card, drop) {
  const stages = card.querySelector(".stages");
  const chips = [];
  const here = drop.photos - drop.uploaded;
  if (here) chips.push(textual("li", "stage-here", `${here.toLocaleString("en")} still to upload`));
  for (const [name, stages_, words] of STAGES) {
    const many = stages_.reduce((sum, stage) => sum + (drop.counts[stage] || 0), 0);
    card.querySelector(".bar-" + name).style.setProperty("width", `${(100 * many) / Math.max(drop.photos, 1)}%`);
    if (many) chips.push(textual("li", "stage-" + name, `${many.toLocaleString("en")} ${words}`));
  }
  stages.replaceChildren(...chips);
  const bar = card.querySelector(".bar");
  bar.setAttribute("aria-valuenow", String(Math.round((100 * drop.ended) / Math.max(drop.photos, 1))));
  bar.setAttribute("aria-label", `Progress of ${several(drop.photos, "photo")}`);
}

/** Shows photos that are not in the bucket because their upload failed, or the page was closed before it. */
function showLeft(card, drop) {
  const left = leftHere(drop);
  const again = left.filter((row) => failed.has(`${drop.number} ${row.key}`));
  const why = again.length ? failed.get(`${drop.number} ${again[0].key}`).problem : "The page was closed before the upload; add them again.";
  const place = card.querySelector(".left-here");
  place.hidden = left.length === 0;
  place.firstElementChild.textContent = `${several(left.length, "photo")} not uploaded. ${why}`;
  place.querySelector("button").hidden = again.length === 0;
}

function stageRow(drop, row) {
  const item = textual("li", "", "");
  const problem = failed.get(`${drop.number} ${row.key}`)?.problem;
  const here = sending.has(`${drop.number} ${row.key}`) ? "uploading" : problem || "not uploaded";
  const name = textual("span", "stage-name", row.name);
  name.dir = "auto";
  item.append(name, textual("span", "stage-word", [row.words || here, row.note].filter(Boolean).join(": ")));
  return item;
}

function showResult(entry) {
  byId("grid").prepend(entry.kind === "shot" ? resultCard(entry) : problemCard(entry));
  if (entry.kind === "shot") fileCount += entry.files.length;
  else troubles += 1;
}

function resultCard(entry) {
  const card = parts("result-parts");
  card.querySelector(".mat").append(comparison(entry));
  for (const [which, words] of [[".before", "No preview of the photo is available."], [".after", "No preview of the picture is available."]]) {
    const image = card.querySelector(which);
    image?.addEventListener("error", () => without(card.querySelector(".compare"), which, words), { once: true });
  }
  nameInto(card.querySelector(".name"), entry.name);
  promptInto(card.querySelector(".prompt"), entry);
  const isOneFile = entry.files.length === 1;
  // Below the card, each of several files has its own badge.
  tagsInto(card.querySelector(".tags"), isOneFile ? entry : { ...entry, files: [] });
  factsInto(card.querySelector(".facts"), [entry.cost, entry.time, entry.maker]);
  const open = card.querySelector(".open");
  if (isOneFile) {
    linkTo(open, entry, entry.files[0]);
  } else {
    open.remove();
    card.querySelector(".files").append(...entry.files.map((file) => fileRow(entry, file)));
  }
  return card;
}

/** Returns one of several files of a picture: small, described, and with a link. */
function fileRow(entry, file) {
  const row = parts("file-parts");
  if (file.after) {
    const image = document.createElement("img");
    Object.assign(image, { alt: "", loading: "lazy", decoding: "async", src: sourceOf(file.after) });
    row.querySelector(".file-image").append(image);
  }
  row.querySelector(".file-label").textContent = file.label;
  row.querySelector(".file-about").textContent = file.about;
  if (file.certificate) row.querySelector(".file-label").after(badge("span", file.certificate));
  linkTo(row.querySelector(".open"), entry, file);
  return row;
}

function linkTo(link, entry, file) {
  link.href = file.full;
  link.setAttribute("aria-label", "Open the picture of " + labelOf(entry, file) + " in a new tab");
}

function problemCard(entry) {
  const card = troubleCard(entry);
  card.querySelector(".hint").remove();
  advise(entry);
  const photo = card.querySelector(".mat img");
  photo?.addEventListener("error", () => photo.replaceWith(textual("p", "", "No preview of the photo is available.")), { once: true });
  return card;
}

/** Shows each hint once, with the number of its problems. */
function advise({ code, hint }) {
  if (!hint) return;
  const failure = `${code} ${hint}`;
  if (!advice.has(failure)) {
    const line = textual("li", "", "");
    line.append(textual("code", "", code), textual("span", "advice-many", ""), textual("span", "advice-hint", hint));
    byId("advice").append(line);
    advice.set(failure, { line, many: 0 });
  }
  const found = advice.get(failure);
  found.many += 1;
  found.line.querySelector(".advice-many").textContent = several(found.many, "problem");
}

function describeResults() {
  const words = [several(fileCount, "file"), ...(troubles ? [several(troubles, "problem")] : [])];
  byId("results-status").textContent = fileCount + troubles ? words.join(", ") : "Nothing yet.";
}

price();
watch();
