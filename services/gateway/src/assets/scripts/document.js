// Documents that are still being read.

import { words } from "./page.js";

const STAGES = {
  received: words.received, started: words.started, extracted: words.extracted, indexed: words.indexed,
  ready: words.ready, retrying: words.retrying, failed: words.unreadable,
};

/** A browser opens few connections to one server: so many may wait for events. */
const AT_ONCE = 2;
const waiting = [];
let watched = 0;

/** Follows what happens to a document until it is ready or failed. */
export function follow(id, show) {
  waiting.push([id, show]);
  next();
}

function next() {
  if (watched >= AT_ONCE || waiting.length === 0) return;
  watched += 1;
  const [id, show] = waiting.shift();
  const events = new EventSource(`/api/v1/documents/${encodeURIComponent(id)}/events`);
  let over = false;
  const end = () => {
    if (over) return;
    over = true;
    events.close();
    watched -= 1;
    next();
  };
  for (const [stage, said] of Object.entries(STAGES)) {
    events.addEventListener(stage, () => {
      show(said, stage);
      if (stage === "ready" || stage === "failed") end();
    });
  }
  // It comes back by itself unless the server says that there is nothing to follow.
  events.onerror = () => { if (events.readyState === EventSource.CLOSED) end(); };
}

const state = document.getElementById("state");
if (state && !["ready", "failed"].includes(state.dataset.status)) {
  follow(state.dataset.document, (said, stage) => {
    state.textContent = said;
    if (stage === "ready" || stage === "failed") location.reload();
  });
}

// Pictures of pages that cannot be drawn leave room for a drawing of a sheet.
function gone(picture) {
  picture.closest(".thumb, .look")?.classList.add("gone");
}
for (const picture of document.images) if (picture.complete && picture.naturalWidth === 0) gone(picture);
document.addEventListener("error", (event) => { if (event.target instanceof HTMLImageElement) gone(event.target); }, true);

// All at once.
const everything = document.getElementById("select-all");
if (everything) {
  const boxes = [...document.querySelectorAll("input[name=ids]")];
  const bar = document.getElementById("bulk");
  const show = () => {
    const chosen = boxes.filter((box) => box.checked).length;
    everything.checked = chosen === boxes.length && chosen > 0;
    everything.indeterminate = chosen > 0 && chosen < boxes.length;
    bar.classList.toggle("active", chosen > 0);
  };
  everything.addEventListener("change", () => { for (const box of boxes) box.checked = everything.checked; show(); });
  for (const box of boxes) box.addEventListener("change", show);
  show();
}
