// Results while one types.

import { ask, count, element, say, words } from "./page.js";

const search = document.getElementById("search");
const results = document.getElementById("results");

/** The snippet with its ranges marked; ranges count characters, not UTF-16 units. */
function marked(text, ranges) {
  const characters = [...text];
  const parts = [];
  let at = 0;
  for (const [start, end] of ranges) {
    parts.push(characters.slice(at, start).join(""));
    parts.push(element("mark", { textContent: characters.slice(start, end).join("") }));
    at = end;
  }
  parts.push(characters.slice(at).join(""));
  return parts;
}

function hit(found, rank, queryId) {
  const link = element("a", {
    href: `/documents/${encodeURIComponent(found.document_id)}?page=${found.page}`, textContent: found.title,
  });
  link.addEventListener("click", () => {
    const body = JSON.stringify({ document_id: found.document_id, rank });
    const headers = { "content-type": "application/json" };
    fetch(`/api/v1/search/${encodeURIComponent(queryId)}/click`, { method: "POST", body, headers, keepalive: true }).catch(() => {});
  });
  const place = say(words.page_of, { page: found.page, of: found.page_count });
  const page = element("span", { className: "quiet", textContent: ` ${place}` });
  return element("li", {}, link, page, element("p", {}, ...marked(found.snippet, found.ranges)));
}

let asked = 0;

async function find(q) {
  const mine = ++asked;
  if (!q.trim()) return results.replaceChildren();
  try {
    const found = await ask(`/api/v1/search?q=${encodeURIComponent(q)}`);
    if (mine !== asked) return;
    const total = found.estimated_total;
    const note = found.degraded ? ` ${words.degraded}` : "";
    const said = (total === 0 ? words.nothing : count("found", total)) + note;
    const head = element("p", { className: "quiet", textContent: said });
    const hits = found.hits.map((one, index) => hit(one, index + 1, found.query_id));
    results.replaceChildren(head, element("ol", { className: "hits" }, ...hits));
  } catch (error) {
    if (mine !== asked) return;
    results.replaceChildren(element("p", { className: "notice", textContent: error.message }));
  }
}

if (search && results) {
  let waiting = 0;
  search.elements.q.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => find(search.elements.q.value), 120);
  });
  search.addEventListener("submit", (event) => {
    event.preventDefault();
    history.replaceState(null, "", `/?q=${encodeURIComponent(search.elements.q.value)}`);
    find(search.elements.q.value);
  });
}
