// The list of cards that match the filters, shown in steps, so that thousands open as quickly as ten.

const AT_A_TIME = 48;
const choice = { view: "all", provider: "", operation: "", order: "name", words: [] };
const ORDERS = {
  name: () => 0,
  new: (one, other) => (other.at || "").localeCompare(one.at || ""),
  cost: (one, other) => (other.usd || 0) - (one.usd || 0),
  slow: (one, other) => (other.seconds || 0) - (one.seconds || 0),
};
const byId = (id) => document.getElementById(id);
const plainly = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
let shown = [];
let groups = [];
let most = AT_A_TIME;

for (const entry of album.entries) {
  const asked = (entry.asked || []).flatMap(([, rows]) => rows.map(([, words]) => words));
  const words = [entry.name, entry.prompt, entry.provider, entry.code, entry.message, entry.hint, entry.variant];
  const files = (entry.files || []).flatMap((file) => [file.label, file.alt]);
  entry.words = plainly([...words, ...files, ...asked, ...(entry.tags || []), ...(entry.warnings || [])].filter(Boolean).join("\n"));
}

function fits(entry) {
  if (choice.view === "starred" ? !isStarred(entry) : choice.view !== "all" && entry.kind !== choice.view) return false;
  if (choice.provider && entry.provider !== choice.provider) return false;
  if (choice.operation && entry.operation !== choice.operation) return false;
  return choice.words.every((word) => entry.words.includes(word));
}

/** Applies the filters, and shows the first matching cards. */
function choose() {
  const fitting = album.entries.filter(fits).sort(ORDERS[choice.order]);
  const together = fitting.filter((entry) => entry.together);
  const row = grouped(together);
  groups = grouped(fitting.filter((entry) => !entry.together));
  shown = [...row, ...groups].flat();
  most = AT_A_TIME;
  byId("row").replaceChildren(...row.map(cardOf));
  byId("together").hidden = together.length === 0;
  byId("grid").replaceChildren(...groups.slice(0, most).map(cardOf));
  tellWhatIsShown();
}

/** Returns the images of each photo as one group, and each problem as a group of its own, in the same order. */
function grouped(entries) {
  const byPhoto = new Map();
  for (const entry of entries) {
    const key = entry.kind === "shot" ? entry.photo : entry;
    if (!byPhoto.has(key)) byPhoto.set(key, []);
    byPhoto.get(key).push(entry);
  }
  return [...byPhoto.values()];
}

/** Shows the next cards. */
function showMore() {
  byId("grid").append(...groups.slice(most, most + AT_A_TIME).map(cardOf));
  most += AT_A_TIME;
  tellWhatIsShown();
}

function tellWhatIsShown() {
  const all = album.entries.length;
  const many = shown.length.toLocaleString("en");
  byId("count").textContent = shown.length === all ? "" : `${many} of ${all.toLocaleString("en")} shown`;
  byId("nothing").hidden = shown.length > 0;
  byId("why-nothing").textContent = whyNothing();
  byId("reset").hidden = all === 0;
  byId("further").hidden = most >= groups.length;
  byId("more").textContent = `Show more (${Math.max(groups.length - most, 0).toLocaleString("en")} left)`;
}

function whyNothing() {
  if (!album.entries.length) return "No pictures yet. Upload photos, and create this page again.";
  if (choice.view === "starred" && !starred().length) return "No image is starred yet. To star one, click ☆ next to its name.";
  return "No images match the filters.";
}

function tellCounts() {
  const counts = { all: album.entries.length, starred: starred().length, shot: 0, trouble: 0 };
  for (const entry of album.entries) counts[entry.kind] += 1;
  for (const place of document.querySelectorAll("[data-count]")) {
    place.textContent = counts[place.dataset.count].toLocaleString("en");
  }
}

/** Fills a select with the existing values, and shows it if there are several. */
function offer(id, name, values, words) {
  if (values.length < 2) return;
  byId(id).append(...[["", name], ...values.map((value) => [value, words[value] || value])].map(([value, text]) => new Option(text, value)));
  byId(id).closest("label").hidden = false;
}

function valuesOf(field) {
  return [...new Set(album.entries.map((entry) => entry[field]).filter(Boolean))].sort();
}

function tellHead() {
  byId("sums").replaceChildren(...album.sums.map((words) => textual("span", "", words)));
  const notices = album.notices.map((words) => textual("p", "notice", words));
  const waiting = album.waiting ? [textual("p", "notice calm", album.waiting)] : [];
  byId("notices").replaceChildren(...album.stopped.map(stopped), ...notices, ...waiting);
  byId("credits").querySelector("ul").append(...album.credits.map((words) => textual("li", "", words)));
  byId("credits").hidden = album.credits.length === 0;
}

/** Returns the notice about a paused provider. */
function stopped(entry) {
  const notice = textual("p", "notice stopped", "");
  notice.append(textual("strong", "", `${entry.name} is ${entry.status}. `), `${entry.message} ${entry.hint} `, textual("code", "", entry.code));
  return notice;
}

function forgetChoices() {
  byId("find").value = byId("provider").value = byId("operation").value = "";
  document.querySelector("[name=view][value=all]").checked = true;
  readChoices();
  choose();
  remember("push");
  byId("find").focus();
}

/** Takes over what the filters show. */
function readChoices() {
  choice.words = plainly(byId("find").value).split(/\s+/).filter(Boolean);
  choice.view = document.querySelector("[name=view]:checked").value;
  for (const id of ["provider", "operation", "order"]) choice[id] = byId(id).value;
}

byId("find").addEventListener("input", () => { readChoices(); choose(); remember("soon"); });
for (const control of document.querySelectorAll("#provider, #operation, #order, [name=view]")) {
  control.addEventListener("change", () => { readChoices(); choose(); remember("push"); });
}
byId("reset").addEventListener("click", forgetChoices);
byId("more").addEventListener("click", () => {
  const next = groups[most];
  showMore();
  cardOf(next).querySelector("button, input")?.focus();
});
new IntersectionObserver((seen) => { if (seen.some((one) => one.isIntersecting) && most < groups.length) showMore(); }, { rootMargin: "900px" })
  .observe(byId("further"));
starWatchers.push(tellCounts);
offer("provider", "All providers", valuesOf("provider"), {});
offer("operation", "All kinds", valuesOf("operation"), { replace: "New backgrounds", remove: "Cut-outs" });
tellHead();
tellOfStars();
