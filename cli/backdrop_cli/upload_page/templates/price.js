// The price, updated whenever photos or instructions change. Nothing is uploaded until the user presses the button.

const PRICE_DELAY_MS = 350;
let plan = null;
let latestRequest = 0;
let priceTimer = 0;

/** Requests the price after a moment without changes. */
function schedulePrice() {
  plan = null;
  byId("send").disabled = true;
  clearTimeout(priceTimer);
  priceTimer = setTimeout(requestPrice, PRICE_DELAY_MS);
}

async function requestPrice() {
  const requestNumber = ++latestRequest;
  const files = [...photos.values()].filter((photo) => photo.sha256).map(({ name, file, sha256 }) => ({ name, size: file.size, sha256 }));
  showText(byId("price-error"), "");
  const instructions = readInstructions();
  if (!files.length || (instructions.kind === "replace" && !instructions.prompt.trim() && !instructions.options["--variants"])) {
    showPlan(null, files.length ? "Describe the new background, or choose one." : "Add photos to see the price.");
    return;
  }
  byId("price-status").textContent = "Calculating the price …";
  try {
    const answer = await requestJson("plan", { ...instructions, files });
    if (requestNumber === latestRequest && !reading) showPlan(answer, "");
  } catch (error) {
    if (requestNumber !== latestRequest) return;
    showPlan(null, "");
    showText(byId("price-error"), error.message);
  }
}

function showPlan(answer, words) {
  plan = answer;
  byId("price-status").replaceChildren(...(answer ? priceWords(answer) : [words]));
  byId("price-warnings").replaceChildren(...(answer ? warnings(answer) : []).map((one) => createTextElement("li", "", one)));
  byId("send").disabled = !answer?.photos || answer.undecided;
  byId("send").textContent = answer?.photos ? `Send ${formatCount(answer.photos, "photo")}` : "Send";
  if (answer) showChoice(answer.choice);
  for (const row of answer?.rows || []) showRowNotes(row);
  for (const name of answer?.passed_over || []) Object.assign(photos.get(name) || {}, { note: "skipped: not a photo by its name" });
  showChosen();
}

/** Shows the question about instructions that a person wrote, with the price of each answer; clears an old answer. */
function showChoice(choice) {
  byId("choice").hidden = !choice;
  if (!choice) {
    for (const radio of document.querySelectorAll("[name=answer]")) radio.checked = false;
    return;
  }
  byId("choice-words").textContent = `A person wrote other instructions for ${formatCount(choice.photos, "photo")}`;
  byId("choice-replace").textContent = `Replace them: ${choice.replace}`;
  byId("choice-keep").textContent = `Keep them: ${choice.keep}`;
}

function priceWords(answer) {
  if (answer.undecided) return ["Choose whether to replace or keep those instructions."];
  if (!answer.photos) return [answer.there ? "All photos are already in the bucket, and nothing would change." : "None of these files can be sent."];
  const time = answer.time ? ", " + answer.time : "";
  if (!answer.images) return [createTextElement("strong", "", "Nothing is bought ($0.00)"), ` for ${formatCount(answer.photos, "photo")}${time}`];
  return [createTextElement("strong", "", `At most ${answer.price}`), ` for ${formatCount(answer.images, "image")} of ${formatCount(answer.photos, "photo")}${time}`];
}

function warnings(answer) {
  const words = [...answer.warnings];
  if (answer.there) words.push(`${formatCount(answer.there, "photo")} already in the bucket: not uploaded again, but shown with the rest.`);
  if (answer.already_bought) words.push(`${formatCount(answer.already_bought, "image")} already bought for the same photo under another name: $0.00.`);
  if (answer.kept) words.push(`${formatCount(answer.kept, "photo")} ${answer.kept === 1 ? "keeps" : "keep"} the instructions already in the bucket.`);
  if (answer.refused) words.push(`${formatCount(answer.refused, "photo")} would be refused and will not be sent. The reason is next to each photo.`);
  for (const [hint, count] of hintsOf(answer.rows)) words.push(`${count > 1 ? "Each of " : ""}${formatCount(count, "photo")}: ${hint}`);
  if (answer.passed_over.length) words.push(`${formatCount(answer.passed_over.length, "file")} skipped, not named like photos: ${answer.passed_over.slice(0, 3).join(", ")}${answer.passed_over.length > 3 ? " …" : ""}`);
  return words;
}

/** Returns each hint for photos that cannot be sent, with their number. */
function hintsOf(rows) {
  const found = new Map();
  for (const { problems: [problem] } of rows) if (problem?.hint) found.set(problem.hint, (found.get(problem.hint) || 0) + 1);
  return found;
}

/** Shows a photo's price, note, and problem from the plan. */
function showRowNotes(row) {
  const photo = photos.get(row.name);
  if (!photo) return;
  const [problem] = row.problems;
  photo.problem = problem ? problem.message : "";
  photo.note = [row.price, row.note, ...row.warnings].filter(Boolean).join("; ");
}

byId("instructions").addEventListener("submit", (event) => {
  event.preventDefault();
  if (!plan?.photos || plan.undecided) return;
  if (!plan.asks) { send(false); return; }
  byId("ask-words").textContent = `Send ${formatCount(plan.photos, "photo")} and spend up to ${plan.price}?`;
  byId("ask").showModal();
  byId("ask-no").focus();
});
byId("ask-no").addEventListener("click", () => byId("ask").close());
byId("ask-yes").addEventListener("click", () => { byId("ask").close(); send(true); });
