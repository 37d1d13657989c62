// A document that is still being read.

import { words } from "./page.js";

const STAGES = {
  received: words.received, started: words.started, extracted: words.extracted, indexed: words.indexed,
  ready: words.ready, retrying: words.retrying, failed: words.unreadable,
};

/** Follows what happens to a document until it is ready or failed. */
export function follow(id, show) {
  const events = new EventSource(`/api/v1/documents/${encodeURIComponent(id)}/events`);
  let last = "";
  for (const [stage, said] of Object.entries(STAGES)) {
    events.addEventListener(stage, () => {
      last = stage;
      show(said, stage);
    });
  }
  events.onerror = () => {
    // The server closes the stream when there is nothing more to come.
    if (last === "ready" || last === "failed") events.close();
  };
}

const state = document.getElementById("state");
if (state && !["ready", "failed"].includes(state.dataset.status)) {
  follow(state.dataset.document, (said, stage) => {
    state.textContent = said;
    if (stage === "ready" || stage === "failed") location.reload();
  });
}
