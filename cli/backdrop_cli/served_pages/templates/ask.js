// Requests to the command that serves this page.

const about = JSON.parse(document.getElementById("about").textContent);
const byId = (id) => document.getElementById(id);
const NO_RESPONSE_TEXT = "The command that serves this page does not respond: it was stopped, or this machine was asleep. Run `backdrop page` again.";

/** Returns the command's answer to a request. Throws an Error with the command's message if it refuses. */
async function requestJson(path, request) {
  let answer;
  try {
    const sent = await fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(request) });
    answer = sent.headers.get("Content-Type") === "application/json" ? await sent.json() : { error: NO_RESPONSE_TEXT };
  } catch {
    throw new Error(NO_RESPONSE_TEXT);
  }
  if (answer.error) throw new Error(answer.error);
  return answer;
}

function formatCount(number, noun) {
  return `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
}

/** Shows a text, or hides its element if it is empty. */
function showText(place, words) {
  place.textContent = words;
  place.hidden = !words;
}

/** Runs the work for all items, some at a time. */
async function runConcurrently(things, maxConcurrent, work) {
  const left = [...things];
  const workers = Array.from({ length: Math.min(maxConcurrent, left.length) }, async () => {
    while (left.length) await work(left.shift());
  });
  await Promise.all(workers);
}

if (about.standins.length) {
  showText(byId("standins"), "A stand-in on this machine makes the pictures of this stack. U²-Net-p, a free model that is softer than a provider's, cuts the products out. The prices are list prices; nothing is charged.");
}
