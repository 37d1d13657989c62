// Documents that are still being read.

import { words } from "./page.js";

const STAGES = {
  received: words.received, started: words.started, extracted: words.extracted, indexed: words.indexed,
  ready: words.ready, retrying: words.retrying, failed: words.unreadable,
};

/** Stages that may take long, and what is said then. */
const LONG = { received: words.long_received, started: words.long_started, retrying: words.long_started };
const LONG_AFTER = 10_000;

/** A browser opens few connections to one server: so many may wait for events. */
const AT_ONCE = 2;
const waiting = [];
let watched = 0;

/** Follows what happens to a document until it is ready or failed. */
export function follow(id, show) {
  waiting.push({ id, show, stage: "received", seen: -1 });
  next();
}

function next() {
  if (watched >= AT_ONCE || waiting.length === 0) return;
  watched += 1;
  const one = waiting.shift();
  const events = new EventSource(`/api/v1/documents/${encodeURIComponent(one.id)}/events`);
  let over = false;
  let late = 0;
  const end = () => {
    if (over) return;
    over = true;
    clearTimeout(late);
    events.close();
    watched -= 1;
    next();
  };
  for (const [stage, said] of Object.entries(STAGES)) {
    events.addEventListener(stage, (event) => {
      // What happened before is told again to whoever comes back.
      if (Number(event.lastEventId) <= one.seen) return;
      Object.assign(one, { stage, seen: Number(event.lastEventId) });
      one.show(said, stage);
      clearTimeout(late);
      if (stage === "ready" || stage === "failed") end();
      else late = setTimeout(long, LONG_AFTER);
    });
  }
  const long = () => {
    if (LONG[one.stage]) one.show(LONG[one.stage], one.stage);
    if (waiting.length === 0) return;
    // The others do not wait for a slow one.
    waiting.push(one);
    end();
  };
  late = setTimeout(long, LONG_AFTER);
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
