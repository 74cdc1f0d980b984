// One picture on the stage, with everything that a person needs to decide about it.

let fullSizesRequested = false;

/** Shows what the list has of a picture, until everything is loaded. */
function showOutline(entry) {
  renderName(byId("name"), entry.name);
  showTags(entry);
  showText(byId("missing"), "");
  byId("facts").replaceChildren();
  clearStage(createTextElement("p", "loading", "Loading the picture …"));
}

/** Shows something else than a picture on the stage, which then cannot be zoomed. */
function clearStage(content) {
  stage.replaceChildren(content);
  stage.inert = true;
  document.querySelector(".zoom").inert = true;
  enlarged = null;
}

/** Shows a picture. Calls `seen` once people can see it, or `unseen` with the reason if they cannot. */
function showPicture(entry, seen, unseen) {
  const [file] = entry.files;
  areChangesShown = entry.fidelity?.verdict === "changed";
  fullSizesRequested = false;
  stage.inert = false;
  document.querySelector(".zoom").inert = false;
  showOnStage(entry, file, { zoom: 1, x: 0.5, y: 0.5 });
  showTags(entry);
  byId("facts").replaceChildren(...describePicture(entry, file));
  const image = stage.querySelector(".after");
  const fail = () => {
    if (image?.isConnected) showWithout(stage.querySelector(".compare"), ".after", "No preview of the picture is available.");
    unseen(file.no_after || "The picture cannot be shown.");
  };
  if (file.no_after) fail();
  else if (image.complete && image.naturalWidth) seen();
  else {
    image.addEventListener("load", seen, { once: true });
    image.addEventListener("error", fail, { once: true });
  }
}

function showTags(entry) {
  const verdict = entry.fidelity ? [fidelityBadge("li", entry.fidelity)] : [];
  byId("tags").replaceChildren(...verdict, ...entry.tags.map((tag) => createTextElement("li", "", tag)));
}

function* describePicture(entry, file) {
  const prompt = createTextElement("p", "prompt", "");
  prompt.dir = "auto";
  renderPrompt(prompt, entry);
  yield prompt;
  const remarks = entry.fidelity ? [entry.fidelity.reason, entry.fidelity.no_map].filter(Boolean) : [];
  for (const words of remarks) yield createTextElement("p", "reason", words);
  for (const warning of entry.warnings) yield createTextElement("p", "warning", warning);
  yield pairs([["waiting", `for ${entry.waits}, ${entry.since}`], ...(entry.fidelity?.facts || []), ...entry.facts]);
  const open = createTextElement("a", "open-file", "Open the file in a new tab");
  Object.assign(open, { href: file.open, target: "_blank", rel: "noopener" });
  yield open;
  yield* describeInstructions(entry);
}

// The small pictures suffice until the person zooms in.
viewWatchers.push(() => {
  if (fullSizesRequested || !enlarged || view.zoom === 1) return;
  fullSizesRequested = true;
  showFullSizes();
});
