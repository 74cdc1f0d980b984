// The cards: one for each picture and each problem.

const cards = new Map();
const openers = new Map();

/** Returns the card of a photo's pictures or of a problem, which is made when it is first shown. */
function cardOf(group) {
  const [first] = group;
  if (first.kind === "problem") return getCard(first, () => problemCard(first));
  const all = imagesOf(first.photo);
  const card = getCard(first.photo, () => (countItems(all) === 1 ? imageCard(first) : groupCard(all)));
  for (const block of card.querySelectorAll("[data-image]")) {
    block.hidden = !group.some((entry) => entry.id === block.dataset.image);
  }
  return card;
}

function getCard(key, make) {
  if (!cards.has(key)) cards.set(key, make());
  return cards.get(key);
}

/** Returns all pictures of a photo. */
function imagesOf(photo) {
  return album.entries.filter((entry) => entry.photo === photo);
}

/** Returns the number of pictures and problems. */
function countItems(entries) {
  return entries.reduce((sum, entry) => sum + (entry.files?.length ?? 1), 0);
}

function imageCard(entry) {
  const card = cloneTemplate("image-parts");
  card.querySelector(".mat").append(comparison(entry));
  renderName(card.querySelector(".name"), entry.name);
  renderPrompt(card.querySelector(".prompt"), entry);
  renderTags(card.querySelector(".tags"), entry);
  renderFacts(card.querySelector(".facts"), [entry.cost, entry.time, entry.maker]);
  controlsOf(card, entry);
  return card;
}

/** Connects the star and the Details button of a picture. */
function controlsOf(place, entry) {
  const star = place.querySelector(".star");
  star.addEventListener("click", () => toggleStar(entry));
  starWatchers.push(() => showStar(star, entry));
  showStar(star, entry);
  const open = place.querySelector(".open");
  open.setAttribute("aria-label", "Details of " + labelOf(entry));
  open.addEventListener("click", () => openLarge(entry));
  openers.set(entry, open);
}

function problemCard(entry) {
  const card = cloneTemplate("problem-parts");
  renderName(card.querySelector(".name"), entry.name);
  const mat = card.querySelector(".mat");
  if (entry.before) {
    const photo = document.createElement("img");
    Object.assign(photo, { alt: "The photo: " + entry.name, loading: "lazy", decoding: "async", src: sourceOf(entry.before) });
    mat.append(photo);
  } else {
    mat.append(createTextElement("p", "", entry.no_before || "No photo to show."));
  }
  renderProblem(card, entry);
  return card;
}

function renderProblem(place, entry) {
  place.querySelector(".status").textContent = entry.variant ? `${entry.status} (variant ${entry.variant})` : entry.status;
  const code = place.querySelector("code");
  code.textContent = entry.code;
  code.hidden = entry.code === entry.status;
  place.querySelector(".message").textContent = entry.message;
  place.querySelector(".hint").textContent = entry.hint;
  renderFacts(place.querySelector(".facts"), [entry.money, entry.since]);
}

/** Shows a name with its folders in a lighter color. */
function renderName(place, name) {
  const cut = name.lastIndexOf("/") + 1;
  place.replaceChildren();
  if (cut) place.append(createTextElement("span", "folder", name.slice(0, cut)));
  place.append(name.slice(cut));
}

function renderPrompt(place, entry) {
  place.textContent = entry.prompt ? "“" + entry.prompt + "”" : "Background removed";
  place.classList.toggle("no-prompt", !entry.prompt);
}

function renderTags(place, entry) {
  for (const tag of entry.tags) place.append(createTextElement("li", "", tag));
  // Most photos have no mask, and a badge on each of their pictures would say nothing new.
  if (entry.fidelity?.has_mask) place.append(fidelityBadge("li", entry.fidelity));
  for (const file of entry.files) if (file.certificate) place.append(badge("li", file.certificate));
  if (entry.files.some((file) => file.signed)) place.append(signedBadge("li"));
  for (const warning of entry.warnings) place.append(createTextElement("li", "warning", warning));
  place.hidden = place.childElementCount === 0;
}

function renderFacts(place, facts) {
  place.replaceChildren(...facts.filter(Boolean).map((fact) => createTextElement("span", "", fact)));
}

/** Returns a marketplace's name with the verdict of a file's certificate. */
function badge(tag, certificate) {
  const made = markedBadge(tag, certificate, certificate.marketplace);
  made.append(createTextElement("span", "unseen", ": " + certificate.words));
  made.title = certificate.words;
  return made;
}

/** Returns the verdict on whether the picture shows the photo's product. */
function fidelityBadge(tag, fidelity) {
  const made = markedBadge(tag, fidelity, fidelity.words);
  made.title = fidelity.reason;
  return made;
}

/** Returns the mark of a file that was delivered with Content Credentials. The page does not verify them. */
function signedBadge(tag) {
  const made = markedBadge(tag, { verdict: "passed", mark: "✓" }, "Content Credentials");
  made.title = "Signed when it was delivered. To check a file, run: backdrop verify FILE";
  return made;
}

function markedBadge(tag, { verdict, mark }, words) {
  const made = createTextElement(tag, "badge badge-" + verdict, "");
  const shownMark = createTextElement("span", "", mark + " ");
  shownMark.setAttribute("aria-hidden", "true");
  made.append(shownMark, words);
  return made;
}
