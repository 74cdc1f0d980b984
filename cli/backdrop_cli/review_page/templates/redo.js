// Redo: another picture with a new prompt, at a price that the person sees and agrees to first.

const PRICE_DELAY_MS = 500;
let redone = null;
let quote = null;
let quoteTimer = 0;
let latestQuote = 0;

function openRedo() {
  if (byId("redo").disabled || byId("redo").hidden) return;
  redone = current;
  byId("redo-about").textContent = `${labelOfPicture(redone)}. What it cost stays paid.`;
  byId("redo-prompt").value = enlarged.prompt;
  showText(byId("redo-problem"), "");
  showQuote(null, "Change the prompt to see the price.");
  byId("redo-dialog").showModal();
  byId("redo-prompt").select();
}

/** Requests the price after a moment without changes. */
function scheduleQuote() {
  latestQuote += 1;
  clearTimeout(quoteTimer);
  showQuote(null, "Calculating the price …");
  showText(byId("redo-problem"), "");
  quoteTimer = setTimeout(requestQuote, PRICE_DELAY_MS);
}

async function requestQuote() {
  const number = ++latestQuote;
  const prompt = byId("redo-prompt").value;
  try {
    const answer = await requestJson("redo-price", { ...pictureOf(redone), prompt });
    if (number !== latestQuote) return;
    if (answer.ended) closeEnded(answer.ended);
    else showQuote({ ...answer, prompt }, [answer.words, answer.discarded].filter(Boolean).join(" "));
  } catch (error) {
    if (number !== latestQuote) return;
    showQuote(null, "");
    showText(byId("redo-problem"), error.message);
  }
}

function showQuote(answer, words) {
  quote = answer;
  byId("redo-price").textContent = words;
  byId("redo-send").disabled = !answer;
  byId("redo-send").textContent = answer ? `Redo for at most ${answer.price}` : "Redo";
}

async function sendRedo() {
  const { prompt, micro_usd, discarded } = quote;
  const entry = redone;
  showText(byId("redo-problem"), "");
  byId("redo-send").disabled = true;
  try {
    const answer = await requestJson("redo", { ...pictureOf(entry), prompt, micro_usd, discarded });
    if (answer.ended) {
      closeEnded(answer.ended);
      return;
    }
    byId("redo-dialog").close();
    showText(byId("first"), "");
    byId("outcome").textContent = `↻ Redone: ${labelOfPicture(entry)}. ${answer.outcome}`;
    for (const other of waiting.filter((one) => one.job_id === entry.job_id && one !== entry)) settle(other);
    settle(entry);
  } catch (error) {
    showText(byId("redo-problem"), error.message);
    scheduleQuoteAgain();
  }
}

/** After a refusal, the price, or what is discarded, may be another one. */
function scheduleQuoteAgain() {
  clearTimeout(quoteTimer);
  showQuote(null, "Calculating the price …");
  quoteTimer = setTimeout(requestQuote, PRICE_DELAY_MS);
}

function closeEnded(reason) {
  byId("redo-dialog").close();
  leave(redone, `Nothing was redone: ${reason}`);
}

byId("redo").addEventListener("click", openRedo);
byId("redo-prompt").addEventListener("input", scheduleQuote);
byId("redo-cancel").addEventListener("click", () => byId("redo-dialog").close());
byId("redo-dialog").addEventListener("close", () => { latestQuote += 1; clearTimeout(quoteTimer); });
byId("redo-form").addEventListener("submit", (event) => {
  event.preventDefault();
  if (quote && byId("redo-prompt").value === quote.prompt) sendRedo();
});
