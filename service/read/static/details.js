// One order in full: parcels, timeline, calls and trace.

import { element } from "/dom.js";
import { badges, stages, time, words } from "/elements.js";
import { getJson } from "/source.js";

const dialog = document.getElementById("details");
const title = document.getElementById("details-title");
const body = document.getElementById("details-body");

const ORDER_ID = "order_tracking.order_id";

let shown = null;
let reading = new AbortController();

export function wire() {
  document.getElementById("close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  dialog.addEventListener("close", () => {
    shown = null;
    history.replaceState(null, "", location.pathname);
  });
}

export function open(hash) {
  const [, account, orderId] = /^#\/([^/]+)\/(.+)$/.exec(hash) ?? [];
  if (!account) return;
  shown = { account: decodeURIComponent(account), order_id: decodeURIComponent(orderId) };
  title.textContent = shown.order_id;
  body.replaceChildren(element("p", {}, "Reading the order"));
  if (!dialog.open) dialog.showModal();
  read();
}

export function refresh(order) {
  if (shown && shown.account === order.account && shown.order_id === order.order_id) read();
}

async function read() {
  reading.abort();
  reading = new AbortController();
  const { signal } = reading;
  const path = `/v1/orders/${encodeURIComponent(shown.account)}/${encodeURIComponent(shown.order_id)}`;
  const part = async (name) => (await getJson(`${path}/${name}`, { signal })).items;
  try {
    const [order, timeline, calls, trace] = await Promise.all([
      getJson(path, { signal }),
      part("timeline"),
      part("calls"),
      // Traces are kept here only where there is no collector.
      part("trace").catch(() => null),
    ]);
    if (!signal.aborted) {
      body.replaceChildren(
        summary(order),
        section("Parcels", parcels(order)),
        section("Timeline", timelineOf(timeline)),
        section("Calls to VTEX", callsOf(calls)),
        ...(trace?.length ? [section("Trace", waterfalls(trace))] : []),
      );
    }
  } catch (error) {
    if (!signal.aborted) body.replaceChildren(element("p", { class: "message" }, error.message));
  }
}

function section(name, content) {
  return element("section", {}, element("h3", {}, name), content);
}

function money(cents, currency) {
  if (cents === null) return "";
  const value = cents / 100;
  try {
    return value.toLocaleString(undefined, { style: "currency", currency });
  } catch {
    return value.toFixed(2);
  }
}

function pairs(entries) {
  const list = element("dl", { class: "pairs" });
  for (const [name, value] of entries) {
    if (value) list.append(element("div", {}, element("dt", {}, name), element("dd", {}, value)));
  }
  return list;
}

function summary(order) {
  return element(
    "div",
    { class: `summary ${order.overlay ?? ""}` },
    element("p", { class: "facts" }, element("span", { class: "account" }, order.account), ...badges(order)),
    stages(order),
    pairs([
      ["Value", money(order.value, order.currency)],
      ...order.totals.map((total) => [total.id, money(total.value, order.currency)]),
      ["Placed", time(order.created_at)],
      ["Changed", time(order.updated_at)],
      ["Order group", order.order_group],
      ["Version", String(order.version)],
    ]),
  );
}

function parcels(order) {
  if (!order.parcels.length) return element("p", { class: "none" }, "Not known yet.");
  return element("ul", { class: "parcels" }, ...order.parcels.map(parcel));
}

function parcel(one) {
  const { progress } = one;
  const name = one.type === "Input" ? `Return invoice ${one.invoice_number}` :
    one.invoice_number ? `Invoice ${one.invoice_number}` : "Not invoiced yet";
  const last = progress.last_checkpoint;
  const place = last && [last.city, last.state].filter(Boolean).join(", ");
  return element(
    "li",
    { class: "card" },
    element("p", { class: "facts" }, element("strong", {}, name),
      element("span", { class: `badge courier ${progress.state}` }, words(progress.state))),
    element("ul", { class: "items" }, ...one.items.map((item) =>
      element("li", {}, `${item.quantity} × ${item.name ?? item.id ?? "?"}`))),
    pairs([
      ["Carrier", one.courier],
      ["Tracking number", one.tracking_number],
      ["Delivery", [one.channel, one.selected_sla].filter(Boolean).join(", ")],
      ["Estimate", time(one.estimate)],
      ["Seen last", last && [last.description, place && `(${place})`].filter(Boolean).join(" ")],
      ["Delivered", time(progress.delivered_at)],
    ]),
  );
}

function timelineOf(entries) {
  return element("ol", { class: "timeline" }, ...entries.map((entry) => element(
    "li",
    {},
    time(entry.occurred_at),
    element("div", {}, element("strong", {}, entry.title),
      entry.summary ? element("p", {}, entry.summary) : null),
  )));
}

function callsOf(calls) {
  if (!calls.length) return element("p", { class: "none" }, "None.");
  return element("ul", { class: "calls" }, ...calls.map((call) => element(
    "li",
    { class: "card" },
    element("p", { class: "facts" }, element("strong", {}, call.kind),
      element("span", { class: `badge call ${call.state}` }, call.state),
      call.reason ? element("span", {}, call.reason) : null),
    element("ol", { class: "attempts" }, ...call.history.map(attempt)),
  )));
}

function attempt(one) {
  const took = new Date(one.ended_at) - new Date(one.started_at);
  const told = [one.http_status, one.result, one.error, one.response].filter(Boolean).join(" · ");
  return element("li", {}, time(one.started_at), ` ${told}, ${took} ms`);
}

function waterfalls(spans) {
  const own = new Set(spans.filter((span) => ORDER_ID in span.attributes).map((span) => span.trace_id));
  const traces = new Map();
  for (const span of spans) {
    // The span of a batch belongs to many orders; it is shown with the trace that it links to.
    const linked = span.links.find((link) => own.has(link.trace_id));
    const id = own.has(span.trace_id) || !linked ? span.trace_id : linked.trace_id;
    traces.set(id, [...(traces.get(id) ?? []), span]);
  }
  return element("div", { class: "traces" }, ...[...traces].map(([id, of]) => waterfall(id, of)));
}

function depthOf(span, byId) {
  const parent = byId.get(span.parent_id);
  return parent ? 1 + depthOf(parent, byId) : 0;
}

function waterfall(id, spans) {
  const byId = new Map(spans.map((span) => [span.span_id, span]));
  const startOf = (span) => span.started_at_ns / 1e6;
  const start = Math.min(...spans.map(startOf));
  const end = Math.max(...spans.map((span) => startOf(span) + span.duration_ms));
  const whole = Math.max(end - start, 0.001);
  const bars = spans.map((span) => {
    const name = element("span", { class: "name", title: span.name }, span.name);
    name.style.paddingInlineStart = `${12 * depthOf(span, byId)}px`;
    const bar = element("span", { class: `bar ${span.status}` });
    bar.style.left = `${(100 * (startOf(span) - start)) / whole}%`;
    bar.style.width = `${(100 * span.duration_ms) / whole}%`;
    return element("li", {}, name,
      element("span", { class: "track", "aria-hidden": "true" }, bar),
      element("span", { class: "took" }, `${span.duration_ms.toFixed(1)} ms`));
  });
  return element("figure", {},
    element("figcaption", {}, time(new Date(start).toISOString()), element("code", {}, id)),
    element("ol", { class: "waterfall" }, ...bars));
}
