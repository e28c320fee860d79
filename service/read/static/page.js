// The list of orders: first filled from the read API, then moved by the live stream.

import { open, refresh, wire } from "/details.js";
import { element } from "/dom.js";
import { badges, stages, time } from "/elements.js";
import { follow, getJson } from "/source.js";

const PAGE = 50;
const MOST_ROWS = 300;
const TYPING_MS = 250;

const list = document.getElementById("orders");
const more = document.getElementById("more");
const message = document.getElementById("message");
const filters = document.getElementById("filters");
const connection = document.getElementById("connection");

const rows = new Map();
const changed = new Map();
let next = null;
let busy = false;
let filled = false;
let following = false;
let reading = new AbortController();

const keyOf = (order) => `${order.account}/${order.order_id}`;

function chosen() {
  return [...new FormData(filters)].map(([name, value]) => [name, value.trim()]).filter(([, value]) => value);
}

function fits(order) {
  return chosen().every(([name, value]) =>
    name === "order_id" ? order.order_id.startsWith(value) : String(order[name]) === value,
  );
}

function isOlder(order, known) {
  return order.version < known.version ||
    (order.version === known.version && order.updated_at < known.updated_at);
}

function row(order) {
  const title = element("button", { type: "button", class: "id" }, order.order_id);
  title.addEventListener("click", () => { location.hash = `#/${encodeURIComponent(order.account)}/${encodeURIComponent(order.order_id)}`; });
  return element(
    "li",
    { class: `order ${order.overlay ?? ""}` },
    element("h2", {}, title),
    element("p", { class: "facts" }, element("span", { class: "account" }, order.account), ...badges(order)),
    element("p", { class: "changed" }, time(order.updated_at)),
    stages(order),
  );
}

function show(order, { atEnd = false, live = false } = {}) {
  const key = keyOf(order);
  const known = rows.get(key);
  if (known && isOlder(order, known.order)) return;
  const made = row(order);
  if (live) made.classList.add("fresh");
  if (known) {
    const focused = known.made.contains(document.activeElement);
    known.made.replaceWith(made);
    if (focused) made.querySelector("button").focus();
  } else if (atEnd) list.append(made);
  else list.prepend(made);
  rows.set(key, { order, made });
}

function hide(key) {
  rows.get(key)?.made.remove();
  rows.delete(key);
}

function trim() {
  if (rows.size <= MOST_ROWS) return;
  for (const made of [...list.children].slice(MOST_ROWS)) {
    const [key] = [...rows].find(([, known]) => known.made === made);
    hide(key);
  }
  // The cursor goes on behind what was just dropped.
  next = null;
}

function tell() {
  more.hidden = next === null;
  const count = rows.size >= MOST_ROWS ? `The ${MOST_ROWS} orders that moved last; filter to find others.` : "";
  message.textContent = rows.size ? count : chosen().length ? "No order fits these filters." : "No orders yet. They appear here as soon as the first one is tracked.";
}

async function read({ further = false } = {}) {
  reading.abort();
  reading = new AbortController();
  const { signal } = reading;
  const query = new URLSearchParams([...chosen(), ["limit", PAGE], ...(further ? [["cursor", next]] : [])]);
  busy = true;
  list.setAttribute("aria-busy", "true");
  try {
    const page = await getJson(`/v1/orders?${query}`, { signal });
    if (!further) { rows.clear(); list.replaceChildren(); }
    for (const order of page.items) show(order, { atEnd: true });
    next = page.next;
    filled = true;
    tell();
  } catch (error) {
    if (!signal.aborted) message.textContent = `The orders could not be read: ${error.message}`;
  }
  if (signal.aborted) return;
  busy = false;
  list.removeAttribute("aria-busy");
  if (changed.size) flush();
}

function flush() {
  // A page that is being read may be older than what the stream tells meanwhile.
  if (busy) return;
  for (const [key, order] of changed) {
    if (fits(order)) show(order, { live: true });
    else hide(key);
    refresh(order);
  }
  changed.clear();
  trim();
  tell();
}

function onEvent(kind, order) {
  if (kind === "order") {
    if (!changed.size) requestAnimationFrame(flush);
    changed.set(keyOf(order), order);
  } else if (kind === "reset" || !following || !filled) {
    // What changed before the stream began is in the list, read again from here on.
    following = true;
    read();
  }
}

const STATES = { live: "Live", waiting: "Reconnecting" };

function onState(state) {
  if (connection.dataset.state === state) return;
  connection.dataset.state = state;
  connection.textContent = STATES[state];
}

let typing;
filters.addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(read, TYPING_MS);
});
filters.addEventListener("submit", (event) => event.preventDefault());
more.addEventListener("click", () => read({ further: true }));
addEventListener("hashchange", () => open(location.hash));

wire();
open(location.hash);
read();
follow({ onEvent, onState });
