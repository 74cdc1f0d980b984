// The card of a photo with several pictures: the original and all of its pictures, side by side.

function groupCard(entries) {
  const card = cloneTemplate("group-parts");
  renderName(card.querySelector(".name"), entries[0].name);
  card.querySelector(".file-count").textContent = countFiles(entries) + " files";
  renderImage(card.querySelector(".original .mat"), entries[0].before, "Before: " + entries[0].name, entries[0].no_before);
  card.querySelector(".side-by-side").append(...entries.map(imageBlock));
  return card;
}

/** Returns one picture of the group with all of its files. */
function imageBlock(entry) {
  const block = cloneTemplate("image-block-parts");
  block.dataset.image = entry.id;
  block.setAttribute("aria-label", labelOf(entry));
  block.style.setProperty("--files", entry.files.length);
  block.querySelector(".tiles").append(...entry.files.map((file) => tile(entry, file)));
  renderPrompt(block.querySelector(".prompt"), entry);
  // The captions of the files have the other tags, and the badges.
  const captions = entry.files.flatMap((file) => file.label.split(", "));
  renderTags(block.querySelector(".tags"), { ...entry, tags: entry.tags.filter((tag) => !captions.includes(tag)), files: [] });
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
  caption.append(createTextElement("span", "", file.label));
  if (file.certificate) caption.append(badge("span", file.certificate));
  return made;
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
