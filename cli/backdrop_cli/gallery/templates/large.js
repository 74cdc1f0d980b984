// The large view of one file of a picture, with the picture's instructions and results.

const large = document.getElementById("large");

/** Opens the large view. Returning to the list with Back closes it. */
function openLarge(entry, file = entry.files[0]) {
  showLarge(entry, file);
  (large.querySelector(".handle") || document.getElementById("large-close")).focus();
  remember("open");
}

/** Shows a file, at the same place as before if it belongs to the same photo. */
function showLarge(entry, file, at = entry.photo === enlarged?.photo ? { ...view } : { zoom: 1, x: 0.5, y: 0.5 }) {
  if (!large.open) large.showModal();
  renderName(document.getElementById("large-name"), entry.name);
  showOnStage(entry, file, at);
  showFullSizes();
  renderStrip(document.getElementById("large-strip"), entry, file);
  document.getElementById("large-story").replaceChildren(...describeFile(entry, file));
  document.getElementById("large-story").scrollTop = 0;
  showLargeStar();
  const all = listShownPictures();
  const place = all.findIndex((one) => one.file === file);
  document.getElementById("large-where").textContent = place < 0 ? "" : `${place + 1} of ${all.length.toLocaleString("en")}`;
  document.getElementById("large-previous").disabled = place <= 0;
  document.getElementById("large-next").disabled = place < 0 || place === all.length - 1;
}

/** Shows a button for each file of the photo, if there are several. */
function renderStrip(place, entry, file) {
  const buttons = imagesOf(entry.photo).flatMap((one) => one.files.map((other) => stripButton(one, other, other === file)));
  place.replaceChildren(...buttons);
  place.hidden = buttons.length < 2;
  place.querySelector("[aria-current]").scrollIntoView({ block: "nearest", inline: "center" });
}

function stripButton(entry, file, isShown) {
  const item = document.createElement("li");
  const button = createTextElement("button", "strip-button", "");
  button.type = "button";
  if (isShown) button.setAttribute("aria-current", "true");
  renderImage(button, file.after, "", file.no_after);
  renderLabel(button, file, imagesOf(entry.photo).length > 1 ? [file.label, entry.image] : [file.output, ""]);
  button.addEventListener("click", () => {
    showLarge(entry, file);
    document.querySelector("#large-strip [aria-current]").focus();
    remember("replace");
  });
  item.append(button);
  return item;
}

/** Returns the pictures of the list in its order, each with its entry. */
function listShownPictures() {
  return shown.filter((one) => one.kind === "image").flatMap((entry) => entry.files.map((file) => ({ entry, file })));
}

function stepThroughPictures(step) {
  const all = listShownPictures();
  const next = all[all.findIndex((one) => one.file === shownFile) + step];
  if (!next) return;
  showLarge(next.entry, next.file);
  remember("replace");
}

function showLargeStar() {
  if (enlarged) showStar(document.getElementById("large-star"), enlarged);
}

function* describeFile(entry, file) {
  const prompt = createTextElement("p", "prompt", "");
  renderPrompt(prompt, entry);
  yield prompt;
  for (const warning of entry.warnings) yield createTextElement("p", "warning", warning);
  yield createTextElement("h3", "", countItems(imagesOf(entry.photo)) > 1 ? file.label : "File");
  yield filesList([[file.about, file]]);
  if (file.certificate) {
    const heading = createTextElement("h3", "", "Rules of ");
    heading.append(badge("span", file.certificate));
    yield heading;
    yield pairs(file.certificate.checks);
  }
  if (file.signed) {
    const heading = createTextElement("h3", "", "Provenance ");
    heading.append(signedBadge("span"));
    yield heading;
  }
  if (entry.fidelity) yield* describeFidelity(entry.fidelity);
  yield* describeInstructions(entry);
  yield createTextElement("h3", "", "Result");
  yield pairs(entry.facts);
  const others = entry.files.filter((one) => one !== file);
  if (!others.length) return;
  yield createTextElement("h3", "", "Other files of this image");
  yield filesList(others.map((one) => [`${one.output}: ${one.about}`, one]));
}

function* describeFidelity(fidelity) {
  const heading = createTextElement("h3", "", "Compared with the photo ");
  heading.append(fidelityBadge("span", fidelity));
  yield heading;
  if (fidelity.facts.length) yield pairs(fidelity.facts);
  for (const words of [fidelity.reason, fidelity.no_map].filter(Boolean)) yield createTextElement("p", "reason", words);
}

/** Returns what each file is, with its key, as a link if the page has the file. */
function filesList(rows) {
  const list = pairs(rows.map(([words, file]) => [words, file.key]));
  list.className = "files";
  rows.forEach(([, file], n) => {
    if (!file.full) return;
    const value = list.children[n].querySelector("dd");
    const link = createTextElement("a", "", file.key);
    Object.assign(link, { href: file.full, target: "_blank", rel: "noopener" });
    value.replaceChildren(link);
  });
  return list;
}

document.getElementById("large-close").addEventListener("click", () => large.close());
document.getElementById("large-previous").addEventListener("click", () => stepThroughPictures(-1));
document.getElementById("large-next").addEventListener("click", () => stepThroughPictures(1));
document.getElementById("large-star").addEventListener("click", () => toggleStar(enlarged));
large.addEventListener("keydown", pressStageKey);
large.addEventListener("click", (event) => { if (event.target === large) large.close(); });
large.addEventListener("close", () => {
  remember("replace");
  const back = openers.get(enlarged);
  if (back?.isConnected) back.focus();
});
starWatchers.push(showLargeStar);
