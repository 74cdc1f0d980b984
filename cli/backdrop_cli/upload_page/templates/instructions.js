// The instructions: a prompt of one's own or a suggested one, a style, and a folder.

const KINDS = {
  replace: "",
  remove: "The photos come back cut out, on a transparent background.",
  folder: "The folder's defaults apply, and instructions that are already in the bucket.",
};

function picked(name) {
  return document.querySelector(`[name=${name}]:checked`).value;
}

/** Returns the fields under "Size and format" that are filled in, by their options of the command line. */
function readOptions() {
  const fields = [...document.querySelectorAll("[data-option]")];
  const texts = fields.map((field) => [field.dataset.option, field.type === "checkbox" ? (field.checked ? "yes" : "") : field.value.trim()]);
  return Object.fromEntries(texts.filter(([, text]) => text));
}

function readInstructions() {
  return {
    kind: picked("kind"),
    prompt: byId("prompt").value,
    style: picked("style"),
    provider: byId("provider").value,
    options: readOptions(),
    folder: byId("folder").value,
    answer: document.querySelector("[name=answer]:checked")?.value || "",
  };
}

function showInstructions() {
  const kind = picked("kind");
  byId("for-replace").hidden = kind !== "replace";
  byId("finish").hidden = kind === "folder";
  showText(byId("about-kind"), KINDS[kind]);
  for (const idea of document.querySelectorAll(".idea")) {
    idea.setAttribute("aria-pressed", String(idea.dataset.prompt === byId("prompt").value));
  }
}

function offerFolders() {
  byId("folder").value = about.folder;
  byId("known-folders").replaceChildren(...about.folders.map((name) => new Option(name, name)));
}

function offerProviders() {
  const usual = new Option(`stack default (${about.default_provider})`, "");
  byId("provider").replaceChildren(usual, ...about.providers.map((name) => new Option(name, name)));
  byId("who").hidden = about.providers.length < 2;
}

for (const idea of document.querySelectorAll(".idea")) {
  idea.addEventListener("click", () => { byId("prompt").value = idea.dataset.prompt; showInstructions(); price(); });
}
byId("all-styles").addEventListener("click", () => {
  const open = byId("style-grid").classList.toggle("open");
  byId("all-styles").setAttribute("aria-expanded", String(open));
  byId("all-styles").textContent = open ? "Fewer styles" : "All styles";
});
byId("instructions").addEventListener("input", () => { showInstructions(); price(); });
byId("styles").hidden = !about.styles;
offerFolders();
offerProviders();
showInstructions();
