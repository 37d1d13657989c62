// The inbox and the contacts: a list that follows what is typed, all that can be chosen at once, and a
// message that is read when it is opened.

import { ask } from "./page.js";

/* A form that names where its results are shown finds them while one types. */

for (const form of document.querySelectorAll("form[data-results]")) {
  const results = document.getElementById(form.dataset.results);
  let waiting = 0;
  let asked = 0;

  const find = async () => {
    const mine = ++asked;
    const address = `${form.action}?${new URLSearchParams(new FormData(form))}`;
    try {
      const response = await fetch(address, { headers: { accept: "text/html" } });
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      const found = page.getElementById(results.id);
      if (mine !== asked || !response.ok || !found) return;
      results.replaceChildren(...found.childNodes);
      history.replaceState(null, "", address);
    } catch {
      // The button still works, and says what is wrong.
    }
  };

  form.elements.q.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(find, 150);
  });
}

/* The inbox */

const all = document.getElementById("all");
if (all) {
  const boxes = [...document.querySelectorAll("#chosen input[name=id]")];
  const show = () => {
    const chosen = boxes.filter((box) => box.checked).length;
    all.checked = chosen === boxes.length;
    all.indeterminate = chosen > 0 && chosen < boxes.length;
    for (const button of document.querySelectorAll("#chosen button[name=status]")) button.disabled = chosen === 0;
  };
  all.addEventListener("change", () => {
    for (const box of boxes) box.checked = all.checked;
    show();
  });
  for (const box of boxes) box.addEventListener("change", show);
  show();
}

/* A message */

const message = document.getElementById("message");
if (message?.dataset.read) {
  const headers = { accept: "application/json", "content-type": "application/json" };
  const path = `/api/v1/submissions/${encodeURIComponent(message.dataset.id)}`;
  ask(path, { method: "PATCH", headers, body: JSON.stringify({ status: "read" }) }).then(() => {
    const state = message.querySelector(".badge");
    state.textContent = message.dataset.read;
    state.className = "badge";
  }).catch(() => {});
}
