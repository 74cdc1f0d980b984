// The card of a photo with several pictures: the original and all of its pictures, side by side.

function groupCard(entries) {
  const card = parts("group-parts");
  nameInto(card.querySelector(".name"), entries[0].name);
  card.querySelector(".many").textContent = filesOf(entries) + " files";
  imageInto(card.querySelector(".original .mat"), entries[0].before, "Before: " + entries[0].name, entries[0].no_before);
  card.querySelector(".side-by-side").append(...entries.map(pictureBlock));
  return card;
}

/** Returns one picture of the group with all of its files. */
function pictureBlock(entry) {
  const block = parts("picture-parts");
  block.dataset.picture = entry.id;
  block.setAttribute("aria-label", labelOf(entry));
  block.style.setProperty("--files", entry.files.length);
  block.querySelector(".tiles").append(...entry.files.map((file) => tile(entry, file)));
  promptInto(block.querySelector(".prompt"), entry);
  // The captions of the files have the other tags, and the badges.
  const captions = entry.files.flatMap((file) => file.label.split(", "));
  tagsInto(block.querySelector(".tags"), { ...entry, tags: entry.tags.filter((tag) => !captions.includes(tag)), files: [] });
  factsInto(block.querySelector(".facts"), [entry.cost, entry.time, entry.maker]);
  controlsOf(block, entry);
  return block;
}

function tile(entry, file) {
  const made = parts("tile-parts");
  const button = made.querySelector("button");
  button.setAttribute("aria-label", "Enlarge " + labelOf(entry, file));
  button.addEventListener("click", () => openLarge(entry, file));
  button.classList.toggle("cut-out", file.cut);
  imageInto(button, file.after, file.alt || "After: " + labelOf(entry, file), file.no_after);
  const caption = made.querySelector("figcaption");
  caption.append(textual("span", "", file.label));
  if (file.certificate) caption.append(badge("span", file.certificate));
  return made;
}

/** Shows a thumbnail, or why there is none. */
function imageInto(place, link, words, missing) {
  if (!link) {
    place.append(textual("span", "missing", missing));
    return;
  }
  const shown = document.createElement("img");
  Object.assign(shown, { alt: words, loading: "lazy", decoding: "async", draggable: false, src: sourceOf(link) });
  place.append(shown);
}
