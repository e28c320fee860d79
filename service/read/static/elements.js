// The elements that lists and details have in common.

import { element } from "/dom.js";

export function time(iso) {
  if (!iso) return null;
  const at = new Date(iso);
  const now = new Date();
  const shown = at.toLocaleString(undefined, {
    ...(at.getFullYear() === now.getFullYear() ? {} : { year: "numeric" }),
    ...(at.toDateString() === now.toDateString() ? {} : { month: "short", day: "numeric" }),
    hour: "numeric", minute: "2-digit", second: "2-digit",
  });
  return element("time", { dateTime: iso, title: at.toISOString() }, shown);
}

export const words = (name) => (name ?? "").replaceAll("_", " ");

const DONE = new Set([
  "order.progress.orderConfirmed",
  "order.progress.paymentApproved",
  "order.progress.shippingHandled",
  "order.progress.delivered",
  "order.progress.deliveredToPickup",
  "order.progress.shipped",
  "order.state.pickedUp",
]);

export function stages(order) {
  if (!order.triggers) return element("p", { class: "no-stage" }, "No stage yet");
  const steps = order.triggers.map((trigger, index) => {
    const phase = DONE.has(trigger) ? "done" : index + 1 === order.stage ? "doing" : "to-do";
    const step = element("li", { class: phase }, element("span", {}, order.trigger_names[index]));
    if (index + 1 === order.stage) step.setAttribute("aria-current", "step");
    return step;
  });
  return element("ol", { class: "stages", "aria-label": "Stages" }, ...steps);
}

export function badges(order) {
  const courier = `badge courier ${order.courier_state}`;
  return [
    element("span", { class: "badge status" }, order.status ?? "no status"),
    order.overlay && element("span", { class: `badge overlay ${order.overlay}` }, order.overlay),
    element("span", { class: courier }, `courier: ${words(order.courier_state)}`),
    order.channel && element("span", { class: `badge channel ${order.channel}` }, order.channel),
  ].filter(Boolean);
}
