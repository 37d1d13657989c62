// The index while it is being rebuilt.

import { ask, say, words } from "./page.js";

const EVERY = 1000;

const rebuild = document.getElementById("rebuild");

/** Shows how far it is, until there is nothing more to show. */
async function look() {
  const index = await ask("/api/v1/index").catch(() => null);
  if (index && !index.rebuild) {
    location.reload();
    return;
  }
  const bar = document.getElementById("rebuild-bar");
  if (index?.rebuild.started_at && !bar) {
    location.reload();
    return;
  }
  if (index && bar) {
    const { documents_done: done, documents_total: total } = index.rebuild;
    bar.max = Math.max(total, 1);
    bar.value = done;
    document.getElementById("rebuild-words").textContent = say(words.rebuilt, { done, total });
  }
  setTimeout(look, EVERY);
}

if (rebuild) setTimeout(look, EVERY);
