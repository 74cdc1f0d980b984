// The list of cards that match the filters, shown in steps, so that thousands open as quickly as ten.

const PAGE_SIZE = 48;
const filters = { view: "all", provider: "", operation: "", order: "name", words: [] };
const ORDERS = {
  name: () => 0,
  new: (one, other) => (other.at || "").localeCompare(one.at || ""),
  cost: (one, other) => (other.usd || 0) - (one.usd || 0),
  fidelity: (one, other) => (one.fidelity?.score ?? 2) - (other.fidelity?.score ?? 2),
  slow: (one, other) => (other.seconds || 0) - (one.seconds || 0),
};
const VIEWS = {
  all: () => true,
  image: (entry) => entry.kind === "image",
  problem: (entry) => entry.kind === "problem",
  changed: (entry) => entry.fidelity?.verdict === "changed",
  starred: isStarred,
};
const byId = (id) => document.getElementById(id);
const normalizeText = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
let shown = [];
let groups = [];
let visibleLimit = PAGE_SIZE;

for (const entry of album.entries) {
  const instructionTexts = (entry.instructions || []).flatMap(([, rows]) => rows.map(([, words]) => words));
  const words = [entry.name, entry.prompt, entry.provider, entry.code, entry.message, entry.hint, entry.variant];
  const files = (entry.files || []).flatMap((file) => [file.label, file.alt]);
  entry.words = normalizeText([...words, ...files, ...instructionTexts, ...(entry.tags || []), ...(entry.warnings || []), entry.fidelity?.words, entry.fidelity?.reason].filter(Boolean).join("\n"));
}

function matchesFilters(entry) {
  if (!VIEWS[filters.view](entry)) return false;
  if (filters.provider && entry.provider !== filters.provider) return false;
  if (filters.operation && entry.operation !== filters.operation) return false;
  return filters.words.every((word) => entry.words.includes(word));
}

/** Applies the filters, and shows the first matching cards. */
function applyFilters() {
  const matching = album.entries.filter(matchesFilters).sort(ORDERS[filters.order]);
  const together = matching.filter((entry) => entry.together);
  const row = grouped(together);
  groups = grouped(matching.filter((entry) => !entry.together));
  shown = [...row, ...groups].flat();
  visibleLimit = PAGE_SIZE;
  byId("row").replaceChildren(...row.map(cardOf));
  byId("together").hidden = together.length === 0;
  byId("grid").replaceChildren(...groups.slice(0, visibleLimit).map(cardOf));
  updateListStatus();
}

/** Returns the images of each photo as one group, and each problem as a group of its own, in the same order. */
function grouped(entries) {
  const byPhoto = new Map();
  for (const entry of entries) {
    const key = entry.kind === "image" ? entry.photo : entry;
    if (!byPhoto.has(key)) byPhoto.set(key, []);
    byPhoto.get(key).push(entry);
  }
  return [...byPhoto.values()];
}

/** Shows the next cards. */
function showMore() {
  byId("grid").append(...groups.slice(visibleLimit, visibleLimit + PAGE_SIZE).map(cardOf));
  visibleLimit += PAGE_SIZE;
  updateListStatus();
}

function updateListStatus() {
  const total = countItems(album.entries);
  const count = countItems(shown).toLocaleString("en");
  byId("count").textContent = shown.length === album.entries.length ? "" : `${count} of ${total.toLocaleString("en")} shown`;
  byId("nothing").hidden = shown.length > 0;
  byId("why-nothing").textContent = explainEmptyList();
  byId("reset").hidden = total === 0;
  byId("further").hidden = visibleLimit >= groups.length;
  byId("more").textContent = `Show more (${Math.max(groups.length - visibleLimit, 0).toLocaleString("en")} left)`;
}

function explainEmptyList() {
  if (!album.entries.length) return "No pictures yet. Upload photos, and create this page again.";
  if (filters.view === "starred" && !starred().length) return "No picture is starred yet. To star one, click ☆.";
  return "No pictures match the filters.";
}

function updateCounts() {
  for (const place of document.querySelectorAll("[data-count]")) {
    place.textContent = countItems(album.entries.filter(VIEWS[place.dataset.count])).toLocaleString("en");
  }
}

/** Fills a select with the existing values, and shows it if there are several. */
function fillSelect(id, name, values, words) {
  if (values.length < 2) return;
  byId(id).append(...[["", name], ...values.map((value) => [value, words[value] || value])].map(([value, text]) => new Option(text, value)));
  byId(id).closest("label").hidden = false;
}

function valuesOf(field) {
  return [...new Set(album.entries.map((entry) => entry[field]).filter(Boolean))].sort();
}

function renderHeader() {
  byId("sums").replaceChildren(...album.sums.map((words) => createTextElement("span", "", words)));
  const notices = album.notices.map((words) => createTextElement("p", "notice", words));
  const waiting = album.waiting ? [createTextElement("p", "notice calm", album.waiting)] : [];
  byId("notices").replaceChildren(...album.stopped.map(pauseNotice), ...notices, ...waiting);
  byId("credits").querySelector("ul").append(...album.credits.map((words) => createTextElement("li", "", words)));
  byId("credits").hidden = album.credits.length === 0;
}

/** Returns the notice about a paused provider. */
function pauseNotice(entry) {
  const notice = createTextElement("p", "notice stopped", "");
  notice.append(createTextElement("strong", "", `${entry.name} is ${entry.status}. `), `${entry.message} ${entry.hint} `, createTextElement("code", "", entry.code));
  return notice;
}

function resetFilters() {
  byId("find").value = byId("provider").value = byId("operation").value = "";
  document.querySelector("[name=view][value=all]").checked = true;
  readFilters();
  applyFilters();
  remember("push");
  byId("find").focus();
}

/** Takes over what the filters show. */
function readFilters() {
  filters.words = normalizeText(byId("find").value).split(/\s+/).filter(Boolean);
  filters.view = document.querySelector("[name=view]:checked").value;
  for (const id of ["provider", "operation", "order"]) filters[id] = byId(id).value;
}

byId("find").addEventListener("input", () => { readFilters(); applyFilters(); remember("soon"); });
for (const control of document.querySelectorAll("#provider, #operation, #order, [name=view]")) {
  control.addEventListener("change", () => { readFilters(); applyFilters(); remember("push"); });
}
byId("reset").addEventListener("click", resetFilters);
byId("more").addEventListener("click", () => {
  const next = groups[visibleLimit];
  showMore();
  cardOf(next).querySelector("button, input")?.focus();
});
new IntersectionObserver((seen) => { if (seen.some((one) => one.isIntersecting) && visibleLimit < groups.length) showMore(); }, { rootMargin: "900px" })
  .observe(byId("further"));
starWatchers.push(updateCounts);
fillSelect("provider", "All providers", valuesOf("provider"), {});
fillSelect("operation", "All kinds", valuesOf("operation"), { replace: "New backgrounds", remove: "Cut-outs" });
byId("changed-view").hidden = !album.entries.some(VIEWS.changed);
byId("order").querySelector("[value=fidelity]").hidden = !album.entries.some((entry) => entry.fidelity?.map);
renderHeader();
updateStars();
whenStorageIsSafe(() => {
  readStarsOnce();
  if (filters.view === "starred") applyFilters();
});
