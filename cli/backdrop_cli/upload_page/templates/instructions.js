// The instructions: a prompt of one's own or a suggested one, a style, and a folder.

const KIND_TEXTS = {
  replace: "",
  remove: "The photos come back without their background.",
  folder: "The folder's defaults apply, and instructions that are already in the bucket.",
};

function readRadio(name) {
  return document.querySelector(`[name=${name}]:checked`).value;
}

/** Returns the visible fields about the pictures that are filled in, by their options of the command line. */
function readOptions() {
  const options = {};
  for (const field of document.querySelectorAll("[data-option]")) {
    const text = field.type === "checkbox" && !field.checked ? "" : field.value.trim();
    if (!text || field.closest("[data-operation][hidden]")) continue;
    const flag = field.dataset.option;
    options[flag] = flag in options ? `${options[flag]}\n${text}` : text;
  }
  return options;
}

function readInstructions() {
  return {
    kind: readRadio("kind"),
    prompt: byId("prompt").value,
    style: readRadio("style"),
    provider: byId("provider").value,
    options: readOptions(),
    folder: byId("folder").value,
    answer: document.querySelector("[name=answer]:checked")?.value || "",
  };
}

function showInstructions() {
  const kind = readRadio("kind");
  byId("for-replace").hidden = kind !== "replace";
  byId("finish").hidden = kind === "folder";
  for (const field of document.querySelectorAll("[data-operation]")) field.hidden = field.dataset.operation !== kind;
  showText(byId("about-kind"), KIND_TEXTS[kind]);
  for (const idea of document.querySelectorAll(".idea")) {
    idea.setAttribute("aria-pressed", String(idea.dataset.prompt === byId("prompt").value));
  }
}

function offerFolders() {
  byId("folder").value = about.folder;
  byId("known-folders").replaceChildren(...about.folders.map((name) => new Option(name, name)));
}

function offerLogos() {
  byId("choices-logo").replaceChildren(...about.logos.map((key) => new Option("", key)));
}

function offerProviders() {
  const usual = new Option(`stack default (${about.default_provider})`, "");
  byId("provider").replaceChildren(usual, ...about.providers.map((name) => new Option(name, name)));
  byId("who").hidden = about.providers.length < 2;
}

for (const idea of document.querySelectorAll(".idea")) {
  idea.addEventListener("click", () => { byId("prompt").value = idea.dataset.prompt; showInstructions(); schedulePrice(); });
}
byId("all-styles").addEventListener("click", () => {
  const open = byId("style-grid").classList.toggle("open");
  byId("all-styles").setAttribute("aria-expanded", String(open));
  byId("all-styles").textContent = open ? "Fewer styles" : "All styles";
});
byId("instructions").addEventListener("input", () => { showInstructions(); schedulePrice(); });
byId("styles").hidden = !about.styles;
offerFolders();
offerLogos();
offerProviders();
showInstructions();
const sums = [`Stack ${about.stack}`, `pictures by ${about.default_provider}`];
byId("sums").replaceChildren(...sums.map((words) => createTextElement("span", "", words)));
