// The pictures that wait, the worst verdict first: polled, and shown one after the other.

const POLL_INTERVAL_MS = 15_000;
const STRIP_BEFORE = 2;
const STRIP_LENGTH = 12;
// What was decided here. The list may still have it for a moment, because its index lags.
const settled = new Set();
let waiting = [];
let current = null;
let isSeen = false;
let isMissing = false;
let pollTimer = 0;
let settledCount = 0;

const idOf = ({ job_id, n, sha256 }) => `${job_id} ${n} ${sha256}`;
const pictureOf = ({ job_id, n, sha256 }) => ({ job_id, n, sha256 });
const labelOfPicture = (entry) => [entry.name, ...entry.tags].join(", ");
const placeOf = (entry) => waiting.findIndex((one) => idOf(one) === idOf(entry));

async function poll() {
  clearTimeout(pollTimer);
  if (!document.hidden) {
    try {
      const { pictures } = await requestJson("waiting", {});
      showText(byId("trouble"), "");
      update(pictures);
    } catch (error) {
      showText(byId("trouble"), `The list of pictures is not up to date: ${error.message}`);
    }
  }
  pollTimer = setTimeout(poll, POLL_INTERVAL_MS);
}

/** Takes over the list. A picture that another person decided meanwhile is shown with that decision. */
function update(pictures) {
  const listed = new Set(pictures.map(idOf));
  for (const id of settled) if (!listed.has(id)) settled.delete(id);
  const place = current ? placeOf(current) : -1;
  waiting = pictures.filter((one) => !settled.has(idOf(one)));
  if (!current) {
    if (waiting.length) showText(byId("first"), "");
    show(waiting[0]);
  } else if (placeOf(current) >= 0) {
    showPlace();
  } else {
    // The picture keeps its place until it is known what became of it: perhaps the decision that is being sent.
    waiting.splice(Math.max(place, 0), 0, current);
    if (!deciding) checkCurrent();
  }
}

/** Asks what became of a picture that the list no longer has. */
async function checkCurrent() {
  const entry = current;
  try {
    const { ended } = await requestJson("show", pictureOf(entry));
    if (ended) leave(entry, ended);
    else if (entry === current) showPlace();
  } catch (error) {
    showText(byId("trouble"), error.message);
  }
}

/** Shows a picture, or that none waits. */
async function show(entry) {
  current = entry || null;
  isSeen = false;
  isMissing = false;
  showPlace();
  if (!entry) return;
  showOutline(entry);
  let answer;
  try {
    answer = await requestJson("show", pictureOf(entry));
  } catch (error) {
    if (entry === current) showLoadProblem(entry, error.message);
    return;
  }
  if (entry !== current) return;
  if (answer.ended) {
    leave(entry, answer.ended);
    return;
  }
  const whileCurrent = (action) => (...words) => { if (entry === current) action(...words); };
  showPicture(answer.picture, whileCurrent(() => { isSeen = true; showDecisions(); preload(); }), whileCurrent((reason) => {
    isMissing = true;
    showText(byId("missing"), `${reason} Therefore it cannot be approved here. Reject it, or redo it.`);
    showDecisions();
  }));
}

function showLoadProblem(entry, message) {
  const again = createTextElement("button", "plain", "Try again");
  again.type = "button";
  again.addEventListener("click", () => show(entry));
  showText(byId("missing"), `The picture cannot be loaded: ${message}`);
  clearStage("");
  byId("facts").replaceChildren(again);
}

/** Loads the next picture, so that it appears at once after the decision about this one. */
function preload() {
  const next = waiting[placeOf(current) + 1];
  if (next) new Image().src = next.after;
}

/** Shows the next picture instead of one that no longer waits, with the reason. */
function leave(entry, reason) {
  showText(byId("first"), reason);
  settle(entry);
}

/** Takes a picture out of the list. If it is shown, shows the next one. */
function settle(entry) {
  settled.add(idOf(entry));
  const place = Math.max(placeOf(entry), 0);
  waiting = waiting.filter((one) => idOf(one) !== idOf(entry));
  if (entry === current) show(waiting[place] || waiting[0]);
  else showPlace();
}

function move(step) {
  const next = current && waiting[placeOf(current) + step];
  if (!next) return;
  showText(byId("first"), "");
  show(next);
}

function showPlace() {
  byId("table").hidden = !current;
  byId("nothing").hidden = Boolean(current);
  if (!current) {
    document.querySelector("#nothing svg").toggleAttribute("hidden", false);
    byId("nothing-title").textContent = "No picture waits for approval";
    const reports = [byId("first"), byId("outcome")].map((one) => one.textContent);
    const count = settledCount ? `You decided about ${formatCount(settledCount, "picture")}.` : "";
    const words = [...reports, count, "New pictures appear here by themselves."].filter(Boolean).join(" ");
    // A screen reader reads each change aloud.
    if (byId("nothing-words").textContent !== words) byId("nothing-words").textContent = words;
    return;
  }
  const place = placeOf(current);
  byId("place").textContent = (place + 1).toLocaleString("en");
  byId("total").textContent = `of ${waiting.length.toLocaleString("en")} waiting`;
  byId("previous").disabled = place <= 0;
  byId("next").disabled = place === waiting.length - 1;
  showStrip(place);
  showDecisions();
}

/** Shows small pictures around the current one; thousands of others are not loaded. */
function showStrip(place) {
  const start = Math.max(0, Math.min(place - STRIP_BEFORE, waiting.length - STRIP_LENGTH));
  const hadFocus = byId("strip").contains(document.activeElement);
  byId("strip").replaceChildren(...waiting.slice(start, start + STRIP_LENGTH).map(stripButton));
  byId("strip").hidden = waiting.length < 2;
  const shown = byId("strip").querySelector("[aria-current]");
  if (shown) centerInStrip(shown);
  if (hadFocus) shown?.focus({ preventScroll: true });
}

/** Scrolls only the strip. `scrollIntoView` would scroll the page too, if the strip is below the window. */
function centerInStrip(button) {
  const strip = byId("strip");
  const [outer, inner] = [strip, button].map((one) => one.getBoundingClientRect());
  strip.scrollLeft += inner.left + inner.width / 2 - outer.left - outer.width / 2;
}

function stripButton(entry) {
  const item = document.createElement("li");
  const button = createTextElement("button", "strip-button", "");
  button.type = "button";
  if (entry === current || idOf(entry) === idOf(current)) button.setAttribute("aria-current", "true");
  const image = document.createElement("img");
  Object.assign(image, { alt: "", loading: "lazy", decoding: "async", src: entry.after });
  image.addEventListener("error", () => image.replaceWith(createTextElement("span", "no-image", "")), { once: true });
  const name = createTextElement("span", "strip-name", "");
  if (entry.fidelity) {
    const mark = createTextElement("span", "mark mark-" + entry.fidelity.verdict, entry.fidelity.mark);
    mark.setAttribute("aria-hidden", "true");
    name.append(mark, " ");
  }
  name.append(entry.name.slice(entry.name.lastIndexOf("/") + 1));
  button.append(image, name);
  button.setAttribute("aria-label", [labelOfPicture(entry), entry.fidelity?.words].filter(Boolean).join(", "));
  button.addEventListener("click", () => { showText(byId("first"), ""); show(entry); });
  item.append(button);
  return item;
}

byId("previous").addEventListener("click", () => move(-1));
byId("next").addEventListener("click", () => move(1));
document.addEventListener("visibilitychange", () => { if (!document.hidden) poll(); });
