// Results while one types, drawn by the server as without scripts; the keys; the last searches.

import { element, words } from "./page.js";

const search = document.getElementById("search");
const results = document.getElementById("results");
const said = document.getElementById("said");
const RECENT = "dossier.recent";
const KEYS = "dossier.keys";
const SHOWN = 6;

function stored(name, otherwise) {
  try { return JSON.parse(localStorage.getItem(name)) ?? otherwise; } catch { return otherwise; }
}

function store(name, value) {
  try { localStorage.setItem(name, JSON.stringify(value)); } catch { /* Then it is not remembered. */ }
}

/* The last searches, in this browser only */

const recent = document.getElementById("recent");

function remember(q) {
  if (!q.trim()) return;
  store(RECENT, [q.trim(), ...stored(RECENT, []).filter((one) => one !== q.trim())].slice(0, SHOWN));
}

if (recent) {
  const list = recent.querySelector("ul");
  for (const q of stored(RECENT, [])) {
    list.append(element("li", {}, element("a", { href: `/?q=${encodeURIComponent(q)}`, textContent: q })));
  }
  recent.hidden = list.children.length === 0;
  recent.querySelector("button").addEventListener("click", () => {
    store(RECENT, []);
    recent.hidden = true;
    search?.elements.q.focus();
  });
}

/* Results while one types */

let asked = 0;
const before = results ? [...results.childNodes] : [];
const started = search?.elements.q.value ?? "";

async function find() {
  const mine = ++asked;
  const query = new URLSearchParams([...new FormData(search)].filter(([, value]) => value.trim()));
  history.replaceState(null, "", query.size > 0 ? `/?${query}` : "/");
  if (query.size === 0 && !started) return results.replaceChildren(...before);
  query.set("only_results", "true");
  try {
    const response = await fetch(`/?${query}`, { headers: { accept: "text/html" } });
    const text = await response.text();
    if (mine !== asked) return;
    // It comes from our own server, which leaves no markup in what documents say.
    const found = new DOMParser().parseFromString(text, "text/html");
    results.replaceChildren(...(found.querySelector("main") ?? found.body).childNodes);
    said.textContent = document.getElementById("count")?.textContent ?? "";
  } catch {
    if (mine !== asked) return;
    results.replaceChildren(element("p", { className: "notice", textContent: words.line_broke }));
  }
}

if (search && results) {
  let waiting = 0;
  search.elements.q.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(find, 120);
  });
  search.addEventListener("submit", (event) => {
    event.preventDefault();
    clearTimeout(waiting);
    remember(search.elements.q.value);
    find();
  });
  results.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-rank]");
    if (!link) return;
    remember(search.elements.q.value);
    const body = JSON.stringify({ document_id: link.dataset.document, rank: Number(link.dataset.rank) });
    const path = `/api/v1/search/${encodeURIComponent(link.closest("[data-query]").dataset.query)}/click`;
    fetch(path, { method: "POST", body, headers: { "content-type": "application/json" }, keepalive: true }).catch(() => {});
  });
  if (started) remember(started);
}

/* Keys */

const help = document.getElementById("keys");
const single = document.getElementById("keys-on");
const typing = (target) => target.closest?.("input, textarea, select, [contenteditable]");

function move(step) {
  const links = [...results.querySelectorAll("a[data-rank]")];
  if (links.length === 0) return false;
  const at = links.indexOf(document.activeElement);
  if (at < 0 && step < 0) return false;
  if (at === 0 && step < 0) search.elements.q.focus();
  else links[Math.min(at + step, links.length - 1)].focus();
  return true;
}

if (single) {
  single.checked = stored(KEYS, true);
  single.addEventListener("change", () => store(KEYS, single.checked));
}
document.querySelector("[data-keys]")?.addEventListener("click", () => help.showModal());

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || help?.open) return;
  const field = search?.elements.q;
  const ours = event.target === field || results?.contains(event.target);
  if (ours && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
    if (move(event.key === "ArrowDown" ? 1 : -1)) event.preventDefault();
  } else if (ours && event.key === "Escape") {
    event.preventDefault();
    if (event.target === field && field.value) {
      field.value = "";
      find();
    }
    field.focus();
  } else if (single?.checked && !typing(event.target)) {
    if (event.key === "/") {
      event.preventDefault();
      if (field) field.select();
      else location.assign("/");
    } else if (event.key === "?") {
      event.preventDefault();
      help.showModal();
    }
  }
});

/* Something to paste elsewhere */

for (const button of document.querySelectorAll("[data-copy]")) {
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
    button.textContent = words.copied;
  });
}
