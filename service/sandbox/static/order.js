// One order: what was bought, where it stands, what happened; and what can be done.

import { element } from "/dom.js";
import { ask, money, orderPath, statusBadge, time } from "/elements.js";

const DEEDS = [
  ["advance", "Next step"],
  ["start-handling", "Start handling"],
  ["invoice", "Invoice the rest"],
  ["invoice-part", "Invoice a part"],
  ["tracking", "Track"],
  ["deliver", "Deliver"],
  ["cancel", "Cancel"],
];

const dialog = document.getElementById("order");
const title = document.getElementById("order-title");
const body = document.getElementById("order-body");
const refusal = document.getElementById("refusal");

let opened = null;
let drawn = "";

function pairs(of) {
  return element("dl", { class: "pairs" }, ...Object.entries(of).map(([name, value]) =>
    element("div", {}, element("dt", {}, name), element("dd", {}, value ?? "–")),
  ));
}

function twin(order) {
  if (!order.twin) return null;
  const link = element("button", { type: "button", class: "id" }, order.twin);
  link.addEventListener("click", () => open({ account: order.account, orderId: order.twin }));
  return link;
}

function parcel(one) {
  const state = one.type === "Input" ? "returned" : one.finished ? "finished" : one.trackingNumber ? "on its way" : "no number yet";
  return element("li", { class: "card" },
    element("p", { class: "facts" },
      element("strong", {}, one.invoiceNumber), money(one.invoiceValue),
      element("span", { class: `badge ${one.finished ? "finished" : ""}` }, state)),
    element("p", { class: "soft" }, [one.courier, one.trackingNumber].filter(Boolean).join(" · ")),
    element("ul", { class: "lines" }, ...one.events.map((seen) => element("li", {},
      element("span", {}, `${seen.description} – ${seen.city} ${seen.state}`), time(seen.at)))));
}

function happened(entry) {
  const detail = Object.entries(entry.detail).filter(([, value]) => value !== "" && value !== null);
  const what = entry.kind === "status" ? entry.detail.state || "no status" : entry.kind;
  const rest = entry.kind === "status" ? "" : detail.map(([name, value]) => `${name} ${typeof value === "object" ? JSON.stringify(value) : value}`).join(", ");
  return element("li", {}, time(entry.at), element("div", { class: "what" },
    element("span", { class: entry.kind === "status" ? "badge status" : "badge" }, what),
    entry.outcome === "done" ? null : element("span", { class: `badge ${entry.outcome === "refused" ? "refused" : ""}` }, entry.outcome),
    element("span", { class: "soft" }, [`by ${entry.by}`, rest].filter(Boolean).join(" · "))));
}

function draw(order) {
  const now = JSON.stringify(order);
  if (now === drawn) return;
  drawn = now;
  title.textContent = order.orderId;
  body.replaceChildren(
    element("p", { class: "facts" }, statusBadge(order),
      element("span", { class: "badge flow" }, order.flow),
      order.inError ? element("span", { class: "badge wrong" }, "workflow in error") : null,
      order.waits ? element("span", { class: "soft" }, "waits for somebody") : null),
    pairs({
      Account: order.account, Sequence: order.sequence, Value: money(order.value), Invoiced: money(order.invoicedValue),
      Placed: time(order.createdAt), "In this status since": time(order.since), Group: order.group, "Other side": twin(order),
    }),
    element("h3", {}, "Items"),
    element("ul", { class: "lines" }, ...order.items.map((item) => element("li", {},
      element("span", {}, `${item.quantity} × ${item.name}`),
      element("span", { class: "soft" }, `${item.channel} · seller ${item.seller}`), money(item.price * item.quantity)))),
    element("h3", {}, "Packages"),
    order.packages.length ? element("ul", { class: "parcels" }, ...order.packages.map(parcel)) : element("p", { class: "soft" }, "None yet."),
    element("h3", {}, "What happened"),
    element("ol", { class: "timeline" }, ...order.timeline.toReversed().map(happened)),
  );
}

async function deed(name) {
  refusal.textContent = "";
  try {
    draw(await ask("POST", `${orderPath(opened)}/deeds`, { deed: name }));
  } catch (error) {
    refusal.textContent = error.message;
  }
  await refresh();
}

export async function open(order) {
  opened = { account: order.account, orderId: order.orderId };
  drawn = "";
  refusal.textContent = "";
  body.replaceChildren();
  title.textContent = order.orderId;
  location.hash = `#/${encodeURIComponent(order.account)}/${encodeURIComponent(order.orderId)}`;
  if (!dialog.open) dialog.showModal();
  await refresh();
}

export async function refresh() {
  if (!opened) return;
  const asked = opened;
  try {
    const found = await ask("GET", orderPath(asked));
    if (opened === asked) draw(found);
  } catch (error) {
    refusal.textContent = error.message;
  }
}

export function wire() {
  const buttons = DEEDS.map(([name, label]) => {
    const made = element("button", { type: "button" }, label);
    made.addEventListener("click", () => deed(name));
    return made;
  });
  refusal.before(element("div", { class: "deeds", role: "group", "aria-label": "Do something for this order" }, ...buttons));
  document.getElementById("close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => { opened = null; history.replaceState(null, "", "/"); });
  const [, account, orderId] = location.hash.split("/").map(decodeURIComponent);
  if (orderId) open({ account, orderId });
}
