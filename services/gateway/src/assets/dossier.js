// Makes the pages livelier. Everything here also works without it, by plain forms.

/** An element with properties and children; text is always text, never markup. */
function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

async function ask(path, options) {
  const response = await fetch(path, { headers: { accept: "application/json" }, ...options });
  const body = response.status === 204 ? null : await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(body?.detail || `The server answered ${response.status}.`);
  return body;
}

const STAGES = {
  received: "received", started: "being read…", extracted: "read; found by words already",
  indexed: "indexed", ready: "ready", retrying: "trying again…", failed: "could not be read",
};

/** Follows what happens to a document until it is ready or failed. */
function follow(id, show) {
  const events = new EventSource(`/api/v1/documents/${encodeURIComponent(id)}/events`);
  let last = "";
  for (const [stage, words] of Object.entries(STAGES)) {
    events.addEventListener(stage, (event) => {
      const detail = JSON.parse(event.data).detail;
      last = stage;
      show(detail && stage === "failed" ? `${words}: ${detail}` : words, stage);
    });
  }
  events.onerror = () => {
    // The server closes the stream when there is nothing more to come.
    if (last === "ready" || last === "failed") events.close();
  };
}

/* Uploads */

const upload = document.getElementById("upload");
const uploads = document.getElementById("uploads");

async function send(file) {
  const state = element("span", { textContent: "sending…" });
  const name = element("span", { textContent: file.name });
  const item = element("li", {}, name, " — ", state);
  uploads.prepend(item);
  const form = new FormData();
  form.append("file", file);
  try {
    const made = await ask("/api/v1/documents", { method: "POST", body: form });
    name.replaceWith(element("a", { href: `/documents/${made.id}`, textContent: made.title || file.name }));
    if (made.duplicate) item.append(" (it was here already)");
    follow(made.id, (words) => { state.textContent = words; });
  } catch (error) {
    state.textContent = error.message;
    state.className = "notice";
  }
}

async function sendAll(files) {
  for (const file of files) await send(file);
}

if (upload && uploads) {
  upload.addEventListener("submit", (event) => {
    event.preventDefault();
    const files = [...upload.elements.file.files];
    upload.reset();
    sendAll(files);
  });
  upload.elements.file.multiple = true;
  upload.elements.file.addEventListener("change", () => upload.requestSubmit());
  for (const kind of ["dragenter", "dragover"]) {
    document.addEventListener(kind, (event) => {
      if (![...event.dataTransfer.types].includes("Files")) return;
      event.preventDefault();
      upload.classList.add("over");
    });
  }
  document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) upload.classList.remove("over"); });
  document.addEventListener("drop", (event) => {
    if (!event.dataTransfer.files.length) return;
    event.preventDefault();
    upload.classList.remove("over");
    sendAll([...event.dataTransfer.files]);
  });
}

/* Search while typing */

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
  const page = element("span", { className: "quiet", textContent: ` page ${found.page} of ${found.page_count}` });
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
    const words = total === 0 ? "Nothing found." : total === 1 ? "One document." : `About ${total} documents.`;
    const note = found.degraded ? " The search engine is away; these come from the database." : "";
    const head = element("p", { className: "quiet", textContent: words + note });
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

/* A document that is still being read */

const state = document.getElementById("state");
if (state && !["ready", "failed"].includes(state.dataset.status)) {
  follow(state.dataset.document, (words, stage) => {
    state.textContent = words;
    if (stage === "ready" || stage === "failed") location.reload();
  });
}
