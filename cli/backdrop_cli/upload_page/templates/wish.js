// What is wanted: a ready background or one's own words, a style, a folder.

const KINDS = {
  replace: "",
  remove: "The photos come back cut out, on a transparent background.",
  folder: "The folder's defaults apply, and instructions that the photos have in the bucket already.",
};

function picked(name) {
  return document.querySelector(`[name=${name}]:checked`).value;
}

function wishNow() {
  return {
    kind: picked("kind"),
    prompt: byId("prompt").value,
    style: picked("style"),
    provider: byId("provider").value,
    folder: byId("folder").value,
    answer: document.querySelector("[name=answer]:checked")?.value || "",
  };
}

function showWish() {
  const kind = picked("kind");
  byId("for-replace").hidden = kind !== "replace";
  tell(byId("about-kind"), KINDS[kind]);
  for (const idea of document.querySelectorAll(".idea")) {
    idea.setAttribute("aria-pressed", String(idea.dataset.prompt === byId("prompt").value));
  }
}

function offerFolders() {
  byId("folder").value = about.folder;
  byId("known-folders").replaceChildren(...about.folders.map((name) => new Option(name, name)));
}

function offerProviders() {
  const usual = new Option(`as the stack says (${about.default_provider})`, "");
  byId("provider").replaceChildren(usual, ...about.providers.map((name) => new Option(name, name)));
  byId("who").hidden = about.providers.length < 2;
}

for (const idea of document.querySelectorAll(".idea")) {
  idea.addEventListener("click", () => { byId("prompt").value = idea.dataset.prompt; showWish(); price(); });
}
byId("all-styles").addEventListener("click", () => {
  const open = byId("style-grid").classList.toggle("open");
  byId("all-styles").setAttribute("aria-expanded", String(open));
  byId("all-styles").textContent = open ? "Fewer styles" : "All styles";
});
byId("wish").addEventListener("input", () => { showWish(); price(); });
byId("styles").hidden = !about.styles;
offerFolders();
offerProviders();
showWish();
