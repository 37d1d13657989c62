// Files and folders that are chosen, or dropped anywhere: a few are sent at a time, each with its
// progress, until they are searchable.

import { Refused, count, element, say, words } from "./page.js";
import { follow } from "./document.js";

/** So many are on their way at once. */
const AT_ONCE = 3;

const tray = document.getElementById("tray");
const upload = document.getElementById("upload");
const list = document.getElementById("uploads");

const queue = [];
const all = [];
let sending = 0;
let paused = false;

/** A key that makes sending the same file again safe. */
function key() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

class Upload {
  constructor(file) {
    this.file = file;
    this.key = key();
    this.collection = upload?.elements.collection_id?.value ?? document.querySelector("main [data-collection]")?.dataset.collection ?? "";
    this.name = element("span", { textContent: file.webkitRelativePath || file.path || file.name });
    this.state = element("span", { className: "quiet" });
    this.bar = element("progress", { max: 1, value: 0 });
    this.bar.setAttribute("aria-label", this.file.name);
    this.cancel = this.button(words.cancel, () => this.stop());
    this.again = this.button(words.retry, () => this.enqueue());
    this.item = element("li", {}, this.name, " — ", this.state, " ", this.cancel, this.again, this.bar);
    list.prepend(this.item);
    all.push(this);
    this.enqueue();
  }

  button(said, act) {
    const made = element("button", { type: "button", className: "link", textContent: said });
    made.setAttribute("aria-label", `${said}: ${this.file.name}`);
    made.addEventListener("click", act);
    return made;
  }

  show(phase, said, bad = false) {
    this.phase = phase;
    this.state.textContent = said;
    this.state.className = bad ? "bad" : "quiet";
    this.cancel.hidden = phase !== "waiting" && phase !== "sending";
    this.again.hidden = phase !== "failed";
    this.bar.hidden = phase === "failed" || phase === "done" || phase === "cancelled";
    summarise();
  }

  enqueue() {
    this.show("waiting", paused ? words.paused : words.waiting);
    queue.push(this);
    next();
  }

  stop() {
    const waiting = queue.indexOf(this);
    if (waiting >= 0) queue.splice(waiting, 1);
    this.request?.abort();
    this.show("cancelled", words.cancelled);
  }

  send() {
    return new Promise((done) => {
      const request = this.request = new XMLHttpRequest();
      request.open("POST", "/api/v1/documents");
      request.responseType = "json";
      request.setRequestHeader("accept", "application/json");
      request.setRequestHeader("idempotency-key", this.key);
      request.upload.onprogress = ({ loaded, total }) => {
        this.bar.value = total ? loaded / total : 0;
        this.state.textContent = say(words.sending_part, { percent: total ? Math.floor((loaded / total) * 100) : 0 });
      };
      request.onload = () => {
        if (request.status < 300) this.arrived(request.response);
        else this.refuse(new Refused(request.status, request.response).message);
      };
      request.onerror = () => this.refuse(words.line_broke);
      request.onloadend = () => done();
      const form = new FormData();
      if (this.collection) form.append("collection_id", this.collection);
      form.append("file", this.file, this.file.name);
      this.show("sending", words.sending);
      request.send(form);
    });
  }

  refuse(said) {
    this.show("failed", said, true);
  }

  arrived(made) {
    const link = element("a", { href: `/documents/${made.id}`, textContent: made.title || this.file.name });
    this.name.replaceWith(link);
    this.name = link;
    if (made.duplicate) {
      this.item.append(element("span", { className: "badge busy", textContent: words.duplicate }));
      this.show("done", words.nothing_added);
      return;
    }
    // How long reading takes is not known.
    this.bar.removeAttribute("value");
    this.show("reading", words.received);
    follow(made.id, (said, stage) => {
      const over = stage === "ready" || stage === "failed";
      this.show(over ? "done" : "reading", said, stage === "failed");
    });
  }
}

async function next() {
  while (!paused && sending < AT_ONCE && queue.length > 0) {
    sending += 1;
    queue.shift().send().then(() => { sending -= 1; next(); });
  }
}

function summarise() {
  const of = (...phases) => all.filter((one) => phases.includes(one.phase)).length;
  const left = of("waiting", "sending");
  tray.hidden = all.length === 0;
  tray.querySelector("[data-retry]").hidden = of("failed") === 0;
  document.getElementById("tray-said").textContent = left > 0 ? count("left", left) : of("reading") > 0 ? words.all_sent : words.all_done;
}

function add(files) {
  for (const file of files) new Upload(file);
}

/** All files below something that was dropped. */
async function below(entry, path = "") {
  if (entry.isFile) {
    const file = await new Promise((done, fail) => entry.file(done, fail));
    file.path = path + file.name;
    return [file];
  }
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    // It answers a hundred at a time.
    const some = await new Promise((done, fail) => reader.readEntries(done, fail));
    if (some.length === 0) break;
    for (const one of some) found.push(...await below(one, `${path}${entry.name}/`));
  }
  return found;
}

if (tray) {
  tray.querySelector("[data-pause]").addEventListener("click", (event) => {
    paused = !paused;
    event.target.setAttribute("aria-pressed", String(paused));
    event.target.textContent = paused ? words.go_on : words.pause;
    for (const one of queue) one.show("waiting", paused ? words.paused : words.waiting);
    next();
  });
  tray.querySelector("[data-retry]").addEventListener("click", () => {
    for (const one of all) if (one.phase === "failed") one.enqueue();
  });
  tray.querySelector("[data-clear]").addEventListener("click", () => {
    const over = (one) => one.phase === "done" || one.phase === "cancelled";
    for (const one of all.filter(over)) one.item.remove();
    all.splice(0, all.length, ...all.filter((one) => !over(one)));
    summarise();
  });
  for (const kind of ["dragenter", "dragover"]) {
    document.addEventListener(kind, (event) => {
      if (![...event.dataTransfer.types].includes("Files")) return;
      event.preventDefault();
      document.body.classList.add("over");
    });
  }
  document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) document.body.classList.remove("over"); });
  document.addEventListener("drop", async (event) => {
    const dropped = [...event.dataTransfer.items].filter((item) => item.kind === "file");
    if (dropped.length === 0) return;
    event.preventDefault();
    document.body.classList.remove("over");
    // Entries and files can be asked for only now, before anything is awaited.
    const found = dropped.map((item) => item.webkitGetAsEntry?.() ?? item.getAsFile());
    for (const one of found) add(one instanceof File ? [one] : await below(one));
  });
  addEventListener("beforeunload", (event) => {
    if (all.some((one) => one.phase === "sending" || one.phase === "waiting")) event.preventDefault();
  });
}

if (tray && upload) {
  const { file, folder } = upload.elements;
  file.multiple = true;
  file.required = false;
  for (const field of [file, folder]) {
    field.addEventListener("change", () => {
      add([...field.files]);
      field.value = "";
    });
  }
  upload.querySelector("[data-folder]").addEventListener("click", () => folder.click());
  upload.addEventListener("submit", (event) => event.preventDefault());
}
