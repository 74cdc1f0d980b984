// The keys. They can be switched off, because programs for speech input may press them by accident.

const KEYS_STORAGE = "backdrop review keys";
const KEYS = {
  a: () => decide("approved"),
  r: () => decide("rejected"),
  p: openRedo,
  j: () => move(1),
  k: () => move(-1),
  ArrowRight: () => move(1),
  ArrowLeft: () => move(-1),
  b: showBefore,
};
let dividerBefore = null;

function showBefore() {
  const handle = stage.querySelector(".handle");
  if (!handle || dividerBefore !== null) return;
  dividerBefore = handle.value;
  moveDivider(handle, 100);
}

function showAfterAgain() {
  if (dividerBefore === null) return;
  moveDivider(stage.querySelector(".handle"), dividerBefore);
  dividerBefore = null;
}

function openKeys() {
  byId("keys-dialog").showModal();
  byId("keys-close").focus();
}

/** Returns whether the element with the focus uses this key itself. */
function isTaken({ key, target }) {
  return key.startsWith("Arrow") && target.matches("input");
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (event.key === "?") {
    event.preventDefault();
    openKeys();
  } else if (byId("keys-on").checked && !isTaken(event)) {
    pressKey(event);
  }
});

function pressKey(event) {
  const action = !event.shiftKey && KEYS[event.key];
  if (!action) {
    if (enlarged) pressStageKey(event);
    return;
  }
  event.preventDefault();
  // A key that is held down must not decide about the next pictures too.
  if (!event.repeat) action();
}

document.addEventListener("keyup", (event) => { if (event.key === "b") showAfterAgain(); });
addEventListener("blur", showAfterAgain);
changesButton.append(createTextElement("kbd", "", "c"));
changesButton.lastElementChild.setAttribute("aria-hidden", "true");
byId("keys").addEventListener("click", openKeys);
byId("keys-close").addEventListener("click", () => byId("keys-dialog").close());
byId("keys-on").checked = localStorage.getItem(KEYS_STORAGE) !== "off";
byId("keys-on").addEventListener("change", () => localStorage.setItem(KEYS_STORAGE, byId("keys-on").checked ? "on" : "off"));
poll();
