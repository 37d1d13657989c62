// What the other modules share, and what every page has.

import { words } from "./words.js";

export { words };

const root = document.documentElement;
/** The page's language as the reader writes it: en-GB has other days than en-US. */
const locale = navigator.languages.find((one) => one.split("-")[0] === root.lang) ?? root.lang;

/** An element with properties and children; text is always text, never markup. */
export function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

/** A message with its parts filled in; numbers as the reader writes them. */
export function say(message, parts = {}) {
  return message.replace(/\{(\w+)\}/g, (_, name) => {
    const part = parts[name];
    return typeof part === "number" ? part.toLocaleString(locale) : part ?? "";
  });
}

/** The message for one or for several, `name_one` or `name_other`. */
export function count(name, n) {
  return say(words[`${name}_${n === 1 ? "one" : "other"}`], { n });
}

/** What a problem says of itself, in the reader's language where it is known. */
export class Refused extends Error {
  constructor(status, body) {
    super(body?.detail || say(words.failed, { status }));
    this.status = status;
    this.slug = (body?.type || "").split("/").pop();
  }
}

/** Asks the API; answers the body, or throws what was wrong. */
export async function ask(path, options) {
  const response = await fetch(path, { headers: { accept: "application/json" }, ...options });
  const body = response.status === 204 ? null : await response.json().catch(() => ({}));
  if (!response.ok) throw new Refused(response.status, body);
  return body;
}

/** Says a moment in the time zone of the reader's settings, else in the browser's; the server said it in UTC. */
function local(time) {
  const at = new Date(time.dateTime);
  if (Number.isNaN(at.valueOf())) return;
  time.title = time.textContent;
  time.textContent = at.toLocaleString(locale, { dateStyle: "long", timeStyle: "short", timeZone: root.dataset.zone });
}

document.querySelectorAll("time[datetime*=T]").forEach(local);

// A menu that was opened closes when one goes elsewhere.
const account = document.querySelector(".account");
if (account) {
  document.addEventListener("click", (event) => { if (!account.contains(event.target)) account.open = false; });
  account.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !account.open) return;
    account.open = false;
    account.querySelector("summary").focus();
  });
}
