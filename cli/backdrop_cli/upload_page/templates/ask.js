// How the page speaks with the command that serves it.

const about = JSON.parse(document.getElementById("about").textContent);
const byId = (id) => document.getElementById(id);
const SILENT = "The command that served this page does not answer; it was ended, or this machine slept. Start `backdrop page` again.";

/** What the command answers at one of its doors; an Error with its own sentence where it refuses. */
async function ask(door, words) {
  let answer;
  try {
    const sent = await fetch(door, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(words) });
    answer = sent.headers.get("Content-Type") === "application/json" ? await sent.json() : { error: SILENT };
  } catch {
    throw new Error(SILENT);
  }
  if (answer.error) throw new Error(answer.error);
  return answer;
}

function several(number, noun) {
  return `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
}

/** Shows a sentence, or takes it away. */
function tell(place, words) {
  place.textContent = words;
  place.hidden = !words;
}

/** Does the same for all things, some at a time. */
async function sideBySide(things, atOnce, work) {
  const left = [...things];
  const lanes = Array.from({ length: Math.min(atOnce, left.length) }, async () => {
    while (left.length) await work(left.shift());
  });
  await Promise.all(lanes);
}

const sums = [`Stack ${about.stack}`, `pictures by ${about.default_provider}`];
byId("sums").replaceChildren(...sums.map((words) => textual("span", "", words)));
if (about.standins.length) {
  tell(byId("standins"), "A stand-in on this machine paints the pictures of this stack. They are not what the provider would make, and its prices are list prices: nothing is paid.");
}
