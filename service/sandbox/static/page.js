// The newest orders, read again and again, and the form that places more.

import { readClock, readFaults, wire as wireControls } from "/controls.js";
import { element } from "/dom.js";
import { ask, money, statusBadge, time } from "/elements.js";
import { open, refresh, wire as wireOrder } from "/order.js";

const PAUSE_MS = 1000;
const PAGE = 50;
const MOST = 500;

const list = document.getElementById("orders");
const more = document.getElementById("more");
const count = document.getElementById("count");
const message = document.getElementById("message");
const filters = document.getElementById("filters");
const place = document.getElementById("place");
const connection = document.getElementById("connection");

const rows = new Map();
let limit = PAGE;
let filled = false;
let reading = false;

const keyOf = (order) => `${order.account}/${order.orderId}`;

function complain(text) {
  message.textContent = text;
}

function parcels({ invoiced, shipped, delivered }) {
  if (!invoiced) return null;
  const finished = delivered === invoiced;
  const words = finished ? "delivered" : delivered ? `${delivered} of ${invoiced} delivered` : shipped ? `${shipped} of ${invoiced} shipped` : `${invoiced} invoiced`;
  return element("span", { class: `badge ${finished ? "finished" : ""}` }, words);
}

function row(order) {
  const id = element("button", { type: "button", class: "id" }, order.orderId);
  id.addEventListener("click", () => open(order));
  return element("li", { class: "order" },
    id,
    element("p", { class: "facts" }, statusBadge(order),
      order.inError ? element("span", { class: "badge wrong" }, "in error") : null,
      parcels(order.parcels),
      element("span", { class: "badge flow" }, order.flow)),
    element("span", { class: "right" }, money(order.value)),
    element("span", { class: "soft" }, `seq${order.sequence} · ${order.account}`),
    element("span", { class: "soft" }, `${order.channels.join(", ")} · ${order.sellers.length === 1 ? "seller" : "sellers"} ${order.sellers.join(", ")}`),
    element("span", { class: "soft right" }, time(order.since)));
}

function show(orders) {
  const seen = new Set(orders.map(keyOf));
  for (const [key, known] of rows) {
    if (!seen.has(key)) { known.made.remove(); rows.delete(key); }
  }
  orders.forEach((order, index) => {
    const key = keyOf(order);
    const text = JSON.stringify(order);
    let known = rows.get(key);
    if (known?.text !== text) {
      const made = row(order);
      if (filled) made.classList.add("fresh");
      const focused = known?.made.contains(document.activeElement);
      known?.made.replaceWith(made);
      if (focused) made.querySelector("button").focus();
      known = { made, text };
      rows.set(key, known);
    }
    if (list.children[index] !== known.made) list.insertBefore(known.made, list.children[index] ?? null);
  });
  filled = true;
}

function options(select, names) {
  const wanted = [...names].sort();
  const present = [...select.options].map((option) => option.value);
  for (const name of wanted) {
    if (!present.includes(name)) select.append(element("option", { value: name }, name || "no status"));
  }
}

async function read() {
  if (reading) return;
  reading = true;
  const query = new URLSearchParams([...new FormData(filters)].filter(([, value]) => value));
  query.set("limit", limit);
  try {
    const view = await ask("GET", `/sandbox/overview?${query}`);
    options(filters.status, Object.keys(view.statuses).filter(Boolean));
    options(place.account, view.accounts);
    show(view.orders);
    count.textContent = `${view.orders.length} of ${view.total} orders`;
    more.hidden = view.orders.length < limit || limit >= MOST;
    connection.textContent = "Live";
    connection.dataset.state = "live";
    await Promise.all([refresh(), readFaults(), readClock()]);
  } catch (error) {
    connection.textContent = "Not connected";
    connection.dataset.state = "lost";
  } finally {
    reading = false;
  }
}

async function keepReading() {
  if (!document.hidden) await read();
  setTimeout(keepReading, PAUSE_MS);
}

place.addEventListener("submit", async (event) => {
  event.preventDefault();
  complain("");
  const wish = Object.fromEntries([...new FormData(place)]
    .filter(([, value]) => value)
    .map(([name, value]) => [name, ["items", "sellers"].includes(name) ? Number(value) : value]));
  try {
    await ask("POST", "/sandbox/orders", wish);
  } catch (error) {
    complain(error.message);
  }
  await read();
});
filters.addEventListener("input", read);
filters.addEventListener("submit", (event) => event.preventDefault());
more.addEventListener("click", () => { limit = Math.min(MOST, limit + PAGE); read(); });
wireControls(complain);
wireOrder();
keepReading();
