"use strict";
// Moves the line of each comparison: by pointer anywhere on the picture, by keyboard through its range input.
for (const frame of document.querySelectorAll(".compare")) {
  const handle = frame.querySelector(".handle");
  const show = () => {
    frame.style.setProperty("--at", handle.value + "%");
    handle.setAttribute("aria-valuetext", handle.value + " percent before");
  };
  const follow = (event) => {
    const box = frame.getBoundingClientRect();
    const share = (event.clientX - box.left) / box.width;
    handle.value = String(Math.round(Math.min(1, Math.max(0, share)) * 100));
    show();
  };
  handle.addEventListener("input", show);
  frame.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    event.preventDefault();
    handle.focus({ preventScroll: true });
    frame.setPointerCapture(event.pointerId);
    follow(event);
  });
  frame.addEventListener("pointermove", (event) => {
    if (frame.hasPointerCapture(event.pointerId)) follow(event);
  });
  show();
}
