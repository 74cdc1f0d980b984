// The large view of one picture, with its instructions and results.

const large = document.getElementById("large");
let enlarged = null;

function openLarge(entry) {
  showLarge(entry);
  large.showModal();
  (large.querySelector(".handle") || document.getElementById("large-close")).focus();
}

function showLarge(entry) {
  enlarged = entry;
  nameInto(document.getElementById("large-name"), entry.name);
  document.getElementById("large-stage").replaceChildren(comparison(entry));
  document.getElementById("large-story").replaceChildren(...story(entry));
  document.getElementById("large-story").scrollTop = 0;
  showLargeStar();
  const all = shown.filter((one) => one.kind === "shot");
  const at = all.indexOf(entry);
  document.getElementById("large-where").textContent = at < 0 ? "" : `${at + 1} of ${all.length.toLocaleString("en")}`;
  document.getElementById("large-back").disabled = at <= 0;
  document.getElementById("large-on").disabled = at < 0 || at === all.length - 1;
}

function turn(step) {
  const all = shown.filter((one) => one.kind === "shot");
  const next = all[all.indexOf(enlarged) + step];
  if (next) showLarge(next);
}

function showLargeStar() {
  if (enlarged) showStar(document.getElementById("large-star"), enlarged);
}

function* story(entry) {
  const prompt = textual("p", "prompt", "");
  promptInto(prompt, entry);
  yield prompt;
  for (const warning of entry.warnings) yield textual("p", "warning", warning);
  yield textual("h3", "", "Instructions");
  for (const [origin, rows] of entry.asked) {
    yield pairs(rows);
    if (origin) yield textual("p", "origin", "from " + origin);
  }
  yield textual("h3", "", "Result");
  yield pairs(entry.facts);
  yield textual("h3", "", entry.files.length === 1 ? "File" : "Files");
  yield pairs(entry.files.map(([key, kind]) => [kind, key]));
}

function pairs(rows) {
  const list = document.createElement("dl");
  for (const [name, words] of rows) {
    const row = document.createElement("div");
    const value = textual("dd", "", words);
    value.dir = "auto";
    row.append(textual("dt", "", name), value);
    list.append(row);
  }
  return list;
}

document.getElementById("large-close").addEventListener("click", () => large.close());
document.getElementById("large-back").addEventListener("click", () => turn(-1));
document.getElementById("large-on").addEventListener("click", () => turn(1));
document.getElementById("large-star").addEventListener("click", () => starOrNot(enlarged));
large.addEventListener("click", (event) => { if (event.target === large) large.close(); });
large.addEventListener("close", () => {
  const back = cards.get(enlarged)?.querySelector(".open");
  if (back?.isConnected) back.focus();
});
starWatchers.push(showLargeStar);
