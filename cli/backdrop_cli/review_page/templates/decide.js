// Decisions: each names the file that the person saw. The first decision about a picture counts.

const OUTCOMES = { approved: "✓ Approved", rejected: "✗ Rejected" };
let deciding = false;

function mayDecide(decision) {
  return Boolean(current) && !deciding && (isSeen || (isMissing && decision === "rejected"));
}

function showDecisions() {
  byId("approve").disabled = !mayDecide("approved");
  byId("reject").disabled = !mayDecide("rejected");
  byId("redo").disabled = !(isSeen || isMissing);
  byId("redo").hidden = !enlarged?.can_redo;
}

async function decide(decision) {
  if (!mayDecide(decision)) return;
  const entry = current;
  const hadFocus = byId("table").contains(document.activeElement);
  deciding = true;
  showDecisions();
  showText(byId("first"), "");
  try {
    const answer = await requestJson("decide", { ...pictureOf(entry), decision });
    deciding = false;
    showText(byId("missing"), "");
    if (answer.ended) {
      byId("outcome").textContent = "";
      leave(entry, `Your decision was not recorded: ${answer.ended}`);
    } else {
      settledCount += 1;
      byId("outcome").textContent = describeOutcome(entry, decision, answer.left);
      settle(entry);
    }
    if (hadFocus && current && document.activeElement === document.body) byId("name").focus({ preventScroll: true });
  } catch (error) {
    deciding = false;
    showText(byId("missing"), `The decision was not confirmed: ${error.message.replace(/\.$/, "")}. The picture is still here: decide again. A decision that did arrive counts only once.`);
    showDecisions();
  }
}

function describeOutcome(entry, decision, left) {
  const rest = left ? ` ${formatCount(left, "picture")} bought with it must still be decided before the photo is delivered.` : "";
  return `${OUTCOMES[decision]}: ${labelOfPicture(entry)}.${rest}`;
}

byId("approve").addEventListener("click", () => decide("approved"));
byId("reject").addEventListener("click", () => decide("rejected"));
byId("reviewer").textContent = about.reviewer;
