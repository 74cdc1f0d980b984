// The progress of all uploads: polled while anything is in progress, and shown again when the page is reloaded.

const POLL_INTERVAL_MS = 1500;
// People take longer than providers.
const REVIEW_POLL_INTERVAL_MS = 15_000;
const STAGES = [
  ["uploaded", ["dropped"], "uploaded"],
  ["queued", ["queued", "waiting"], "in the queue"],
  ["rendering", ["rendering"], "at the provider"],
  ["delivering", ["delivering"], "being delivered"],
  ["review", ["in_review"], "awaiting approval"],
  ["stored", ["stored"], "delivered"],
  ["partly", ["partly"], "delivered in part"],
  ["rejected", ["rejected"], "rejected"],
  ["bad", ["replaced"], "replaced by a later upload"],
  ["bad", ["refused", "failed"], "refused or failed"],
];
const known = new Map();
const cardsOfDrops = new Map();
let pollTimer = 0;
let polling = false;
let pollAgain = false;
const advice = new Map();
let fileCount = 0;
let problemCount = 0;

/** Polls the progress. Polls again if an upload ends while an earlier request is in flight. */
async function watch() {
  clearTimeout(pollTimer);
  pollAgain = polling;
  if (polling) return;
  polling = true;
  let continuesPolling = sending.size > 0;
  let followsReviews = false;
  try {
    const { drops } = await requestJson("state", { drops: [...known].map(([drop, count]) => ({ drop, known: count })) });
    for (const drop of drops) {
      showDrop(drop);
      known.set(drop.number, drop.known);
      for (const entry of drop.results) showResult(entry);
      continuesPolling ||= !drop.over;
      followsReviews ||= drop.in_review > 0;
    }
    byId("under-way").hidden = drops.length === 0;
    showText(byId("problem"), "");
    describeResults();
  } catch (error) {
    showText(byId("problem"), error.message);
    continuesPolling = true;
  }
  polling = false;
  if (continuesPolling || pollAgain) pollTimer = setTimeout(watch, POLL_INTERVAL_MS);
  else if (followsReviews) pollTimer = setTimeout(watch, REVIEW_POLL_INTERVAL_MS);
}

function listNotUploaded(drop) {
  return drop.rows.filter((row) => row.stage === "here" && !sending.has(`${drop.number} ${row.key}`));
}

function showDrop(drop) {
  if (!cardsOfDrops.has(drop.number)) {
    const made = cloneTemplate("drop-parts");
    made.querySelector(".left-here button").addEventListener("click", () => retryUploads(drop.number));
    cardsOfDrops.set(drop.number, made);
    byId("drops").prepend(made);
  }
  const card = cardsOfDrops.get(drop.number);
  card.querySelector("h3").textContent = `${formatCount(drop.photos, "photo")} into ${drop.folder || "the bucket's root"}`;
  const remaining = drop.over ? (drop.in_review ? "" : "finished") : drop.to_go;
  renderFacts(card.querySelector(".facts"), [`${drop.cost} so far`, drop.earlier, remaining]);
  showBar(card, drop);
  showNotUploaded(card, drop);
  card.querySelector(".to-review").hidden = drop.in_review === 0;
  card.querySelector(".to-review-count").textContent = `${formatCount(drop.in_review, "photo")} ${drop.in_review === 1 ? "waits" : "wait"} for your approval.`;
  const rows = drop.rows.map((row) => stageRow(drop, row));
  if (card.querySelector("details").open || drop.photos <= 200) card.querySelector(".stage-list").replaceChildren(...rows);
}

function showBar(card, drop) {
  const stages = card.querySelector(".stages");
  const chips = [];
  const here = drop.photos - drop.uploaded;
  if (here) chips.push(createTextElement("li", "stage-here", `${here.toLocaleString("en")} still to upload`));
  for (const [name, stageNames, words] of STAGES) {
    const count = stageNames.reduce((sum, stage) => sum + (drop.counts[stage] || 0), 0);
    card.querySelector(".bar-" + name).style.setProperty("width", `${(100 * count) / Math.max(drop.photos, 1)}%`);
    if (count) chips.push(createTextElement("li", "stage-" + name, `${count.toLocaleString("en")} ${words}`));
  }
  stages.replaceChildren(...chips);
  const bar = card.querySelector(".bar");
  bar.setAttribute("aria-valuenow", String(Math.round((100 * drop.ended) / Math.max(drop.photos, 1))));
  bar.setAttribute("aria-label", `Progress of ${formatCount(drop.photos, "photo")}`);
}

/** Shows photos that are not in the bucket because their upload failed, or the page was closed before it. */
function showNotUploaded(card, drop) {
  const left = listNotUploaded(drop);
  const again = left.filter((row) => failed.has(`${drop.number} ${row.key}`));
  const why = again.length ? failed.get(`${drop.number} ${again[0].key}`).problem : "The page was closed before the upload; add them again.";
  const place = card.querySelector(".left-here");
  place.hidden = left.length === 0;
  place.firstElementChild.textContent = `${formatCount(left.length, "photo")} not uploaded. ${why}`;
  place.querySelector("button").hidden = again.length === 0;
}

function stageRow(drop, row) {
  const item = createTextElement("li", "", "");
  const problem = failed.get(`${drop.number} ${row.key}`)?.problem;
  const here = sending.has(`${drop.number} ${row.key}`) ? "uploading" : problem || "not uploaded";
  const name = createTextElement("span", "stage-name", row.name);
  name.dir = "auto";
  item.append(name, createTextElement("span", "stage-word", [row.words || here, row.note].filter(Boolean).join(": ")));
  return item;
}

function showResult(entry) {
  byId("grid").prepend(entry.kind === "image" ? uploadResultCard(entry) : uploadProblemCard(entry));
  if (entry.kind === "image") fileCount += entry.files.length;
  else problemCount += 1;
}

function uploadResultCard(entry) {
  const card = cloneTemplate("result-parts");
  card.querySelector(".mat").append(comparison(entry));
  for (const [which, words] of [[".before", "No preview of the photo is available."], [".after", "No preview of the picture is available."]]) {
    const image = card.querySelector(which);
    image?.addEventListener("error", () => showWithout(card.querySelector(".compare"), which, words), { once: true });
  }
  renderName(card.querySelector(".name"), entry.name);
  renderPrompt(card.querySelector(".prompt"), entry);
  const isOneFile = entry.files.length === 1;
  // Below the card's text, each of several files has its own badge.
  renderTags(card.querySelector(".tags"), isOneFile ? entry : { ...entry, files: [] });
  renderFacts(card.querySelector(".facts"), [entry.cost, entry.time, entry.maker]);
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
  const row = cloneTemplate("file-parts");
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

function uploadProblemCard(entry) {
  const card = problemCard(entry);
  card.querySelector(".hint").remove();
  showAdvice(entry);
  const photo = card.querySelector(".mat img");
  photo?.addEventListener("error", () => photo.replaceWith(createTextElement("p", "", "No preview of the photo is available.")), { once: true });
  return card;
}

/** Shows each hint once, with the number of its problems. */
function showAdvice({ code, hint }) {
  if (!hint) return;
  const failure = `${code} ${hint}`;
  if (!advice.has(failure)) {
    const line = createTextElement("li", "", "");
    line.append(createTextElement("code", "", code), createTextElement("span", "advice-count", ""), createTextElement("span", "advice-hint", hint));
    byId("advice").append(line);
    advice.set(failure, { line, count: 0 });
  }
  const found = advice.get(failure);
  found.count += 1;
  found.line.querySelector(".advice-count").textContent = formatCount(found.count, "problem");
}

function describeResults() {
  const words = [formatCount(fileCount, "file"), ...(problemCount ? [formatCount(problemCount, "problem")] : [])];
  byId("results-status").textContent = fileCount + problemCount ? words.join(", ") : "Nothing yet.";
}

// A person comes back from the review page: what they decided has changed the progress.
document.addEventListener("visibilitychange", () => { if (!document.hidden) watch(); });
schedulePrice();
watch();
