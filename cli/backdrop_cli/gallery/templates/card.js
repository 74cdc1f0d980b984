// The cards: one for each picture and each problem.

const cards = new Map();
const openers = new Map();

/** Returns the card of a photo's pictures or of a problem, which is made when it is first shown. */
function cardOf(group) {
  const [first] = group;
  if (first.kind === "trouble") return keptCard(first, () => troubleCard(first));
  const all = picturesOf(first.photo);
  const card = keptCard(first.photo, () => (filesOf(all) === 1 ? shotCard(first) : groupCard(all)));
  for (const block of card.querySelectorAll("[data-picture]")) {
    block.hidden = !group.some((entry) => entry.id === block.dataset.picture);
  }
  return card;
}

function keptCard(key, make) {
  if (!cards.has(key)) cards.set(key, make());
  return cards.get(key);
}

/** Returns all pictures of a photo. */
function picturesOf(photo) {
  return album.entries.filter((entry) => entry.photo === photo);
}

function filesOf(pictures) {
  return pictures.reduce((sum, entry) => sum + entry.files.length, 0);
}

function shotCard(entry) {
  const card = parts("shot-parts");
  card.querySelector(".mat").append(comparison(entry));
  nameInto(card.querySelector(".name"), entry.name);
  promptInto(card.querySelector(".prompt"), entry);
  tagsInto(card.querySelector(".tags"), entry);
  factsInto(card.querySelector(".facts"), [entry.cost, entry.time, entry.maker]);
  controlsOf(card, entry);
  return card;
}

/** Connects the star and the Details button of a picture. */
function controlsOf(place, entry) {
  const star = place.querySelector(".star");
  star.addEventListener("click", () => starOrNot(entry));
  starWatchers.push(() => showStar(star, entry));
  showStar(star, entry);
  const open = place.querySelector(".open");
  open.setAttribute("aria-label", "Details of " + labelOf(entry));
  open.addEventListener("click", () => openLarge(entry));
  openers.set(entry, open);
}

function troubleCard(entry) {
  const card = parts("trouble-parts");
  nameInto(card.querySelector(".name"), entry.name);
  const mat = card.querySelector(".mat");
  if (entry.before) {
    const photo = document.createElement("img");
    Object.assign(photo, { alt: "The photo: " + entry.name, loading: "lazy", decoding: "async", src: sourceOf(entry.before) });
    mat.append(photo);
  } else {
    mat.append(textual("p", "", entry.no_before || "No photo to show."));
  }
  troubleInto(card, entry);
  return card;
}

function troubleInto(place, entry) {
  place.querySelector(".status").textContent = entry.variant ? `${entry.status} (variant ${entry.variant})` : entry.status;
  place.querySelector("code").textContent = entry.code;
  place.querySelector(".message").textContent = entry.message;
  place.querySelector(".hint").textContent = entry.hint;
  factsInto(place.querySelector(".facts"), [entry.money, entry.since]);
}

/** Shows a name with its folders in a lighter color. */
function nameInto(place, name) {
  const cut = name.lastIndexOf("/") + 1;
  place.replaceChildren();
  if (cut) place.append(textual("span", "folder", name.slice(0, cut)));
  place.append(name.slice(cut));
}

function promptInto(place, entry) {
  place.textContent = entry.prompt ? "“" + entry.prompt + "”" : "Background removed";
  place.classList.toggle("plainly", !entry.prompt);
}

function tagsInto(place, entry) {
  for (const tag of entry.tags) place.append(textual("li", "", tag));
  for (const file of entry.files) if (file.certificate) place.append(badge("li", file.certificate));
  for (const warning of entry.warnings) place.append(textual("li", "warning", warning));
  place.hidden = place.childElementCount === 0;
}

function factsInto(place, facts) {
  place.replaceChildren(...facts.filter(Boolean).map((fact) => textual("span", "", fact)));
}

/** Returns a marketplace's name with the verdict of a file's certificate. */
function badge(tag, certificate) {
  const made = textual(tag, "badge badge-" + certificate.verdict, "");
  const mark = textual("span", "", certificate.mark + " ");
  mark.setAttribute("aria-hidden", "true");
  made.append(mark, certificate.marketplace, textual("span", "unseen", ": " + certificate.words));
  return made;
}
