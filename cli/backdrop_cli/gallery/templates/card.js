// The cards: one for each picture and each problem.

const cards = new Map();

/** Returns an entry's card, which is made when it is first shown. */
function cardOf(entry) {
  if (!cards.has(entry)) cards.set(entry, entry.kind === "shot" ? shotCard(entry) : troubleCard(entry));
  return cards.get(entry);
}

function shotCard(entry) {
  const card = parts("shot-parts");
  card.querySelector(".mat").append(comparison(entry));
  nameInto(card.querySelector(".name"), entry.name);
  promptInto(card.querySelector(".prompt"), entry);
  tagsInto(card.querySelector(".tags"), entry);
  factsInto(card.querySelector(".facts"), [entry.cost, entry.time, entry.maker]);
  const star = card.querySelector(".star");
  star.addEventListener("click", () => starOrNot(entry));
  starWatchers.push(() => showStar(star, entry));
  showStar(star, entry);
  const open = card.querySelector(".open");
  open.setAttribute("aria-label", "Details of " + labelOf(entry));
  open.addEventListener("click", () => openLarge(entry));
  return card;
}

function troubleCard(entry) {
  const card = parts("trouble-parts");
  nameInto(card.querySelector(".name"), entry.name);
  const mat = card.querySelector(".mat");
  if (entry.before) {
    const photo = document.createElement("img");
    Object.assign(photo, { alt: "The photo: " + entry.name, loading: "lazy", decoding: "async", src: entry.before });
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
  for (const warning of entry.warnings) place.append(textual("li", "warning", warning));
  place.hidden = place.childElementCount === 0;
}

function factsInto(place, facts) {
  place.replaceChildren(...facts.filter(Boolean).map((fact) => textual("span", "", fact)));
}
