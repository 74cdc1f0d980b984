// The card of a photo with several pictures: the original and all of its pictures, side by side.

function groupCard(entries) {
  const card = cloneTemplate("group-parts");
  renderName(card.querySelector(".name"), entries[0].name);
  card.querySelector(".file-count").textContent = countItems(entries) + " files";
  card.style.setProperty("--all-files", countItems(entries));
  renderImage(card.querySelector(".original .mat"), entries[0].before, "Before: " + entries[0].name, entries[0].no_before);
  card.querySelector(".images").append(...entries.map(imageBlock));
  return card;
}

/** Returns one picture of the group with all of its files. */
function imageBlock(entry) {
  const block = cloneTemplate("image-block-parts");
  block.dataset.image = entry.id;
  block.setAttribute("aria-label", labelOf(entry));
  block.style.setProperty("--files", entry.files.length);
  block.querySelector(".tiles").append(...entry.files.map((file) => tile(entry, file)));
  block.classList.toggle("several", entry.files.length > 1);
  block.querySelector(".image-name").textContent = entry.files.length > 1 ? entry.image : "";
  renderPrompt(block.querySelector(".prompt"), entry);
  // The image's name and the captions of its files have the other tags, and the marketplaces' badges.
  const captions = entry.files.flatMap((file) => file.label.split(", "));
  const files = entry.files.map((file) => ({ ...file, certificate: null }));
  renderTags(block.querySelector(".tags"), { ...entry, tags: entry.tags.filter((tag) => !captions.includes(tag)), files });
  renderFacts(block.querySelector(".facts"), [entry.cost, entry.time, entry.maker]);
  controlsOf(block, entry);
  return block;
}

function tile(entry, file) {
  const made = cloneTemplate("tile-parts");
  const button = made.querySelector("button");
  button.setAttribute("aria-label", "Enlarge " + labelOf(entry, file));
  button.addEventListener("click", () => openLarge(entry, file));
  button.classList.toggle("cut-out", file.cut);
  renderImage(button, file.after, file.alt || "After: " + labelOf(entry, file), file.no_after);
  const caption = made.querySelector("figcaption");
  renderLabel(caption, file, entry.files.length > 1 ? [file.output, ""] : [file.label, entry.image]);
  caption.append(createTextElement("span", "size", file.size));
  return made;
}

/** Shows a file's label and its badge, and only `withBadge` if the output has the marketplace's name. */
function renderLabel(place, file, [alone, withBadge]) {
  const words = file.output === file.certificate?.marketplace ? withBadge : alone;
  if (words) place.append(createTextElement("span", "", words));
  if (file.certificate) place.append(badge("span", file.certificate));
}

/** Shows a thumbnail, or why there is none. */
function renderImage(place, link, words, missing) {
  if (!link) {
    place.append(createTextElement("span", "missing", missing));
    return;
  }
  const shown = document.createElement("img");
  Object.assign(shown, { alt: words, loading: "lazy", decoding: "async", draggable: false, src: sourceOf(link) });
  place.append(shown);
}
