// The elements that all parts of the page show, and requests.

import { element } from "/dom.js";

export function time(iso) {
  if (!iso) return null;
  const at = new Date(iso);
  const shown = at.toLocaleString(undefined, {
    month: "short", day: "numeric", hour: "numeric", minute: "2-digit", second: "2-digit",
  });
  return element("time", { dateTime: iso, title: at.toISOString() }, shown);
}

export const money = (cents) => element("span", { class: "money" }, (cents / 100).toFixed(2));

export function statusBadge(order) {
  const shown = order.status || "no status";
  return element("span", { class: `badge status ${/^[a-z-]+$/.test(shown) ? shown : ""}` }, shown);
}

export async function ask(method, path, body) {
  const response = await fetch(path, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } }),
  });
  const text = await response.text();
  const answer = text ? JSON.parse(text) : null;
  if (!response.ok) throw new Error(answer?.error?.message ?? `${response.status} ${response.statusText}`);
  return answer;
}

export function orderPath(order) {
  return `/sandbox/orders/${encodeURIComponent(order.account)}/${encodeURIComponent(order.orderId)}`;
}
