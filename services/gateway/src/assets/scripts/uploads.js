// Files that are chosen or dropped, sent one after the other.

import { ask, element, words } from "./page.js";
import { follow } from "./document.js";

const upload = document.getElementById("upload");
const uploads = document.getElementById("uploads");

async function send(file) {
  const state = element("span", { textContent: words.sending });
  const name = element("span", { textContent: file.name });
  const item = element("li", {}, name, " — ", state);
  uploads.prepend(item);
  const form = new FormData();
  form.append("file", file);
  try {
    const made = await ask("/api/v1/documents", { method: "POST", body: form });
    name.replaceWith(element("a", { href: `/documents/${made.id}`, textContent: made.title || file.name }));
    if (made.duplicate) item.append(` (${words.duplicate})`);
    follow(made.id, (said) => { state.textContent = said; });
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
      document.body.classList.add("over");
    });
  }
  document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) document.body.classList.remove("over"); });
  document.addEventListener("drop", (event) => {
    if (!event.dataTransfer.files.length) return;
    event.preventDefault();
    document.body.classList.remove("over");
    sendAll([...event.dataTransfer.files]);
  });
}
