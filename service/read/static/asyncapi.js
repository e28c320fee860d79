// Shows the AsyncAPI document: each topic, its messages, their headers and values.

import { element } from "/dom.js";

const DEEPEST = 5;

function resolver(spec) {
  return (node) => {
    while (node?.$ref) {
      node = node.$ref.slice(2).split("/").reduce((at, key) => at[key], spec);
    }
    return node ?? {};
  };
}

function kindOf(schema, resolve) {
  if (schema.$ref) {
    const found = resolve(schema);
    return found.type === "object" ? found.title ?? "object" : kindOf(found, resolve);
  }
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) return choices.map((choice) => kindOf(choice, resolve)).join(" | ");
  if ("const" in schema) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  if (schema.type === "array") return `${kindOf(schema.items ?? {}, resolve)}[]`;
  return [schema.type ?? "any", schema.format].filter(Boolean).join(", ");
}

function objectIn(schema, resolve) {
  const found = resolve(schema);
  if (found.properties) return found;
  const inner = found.items ? [found.items] : (found.anyOf ?? found.oneOf ?? []);
  for (const each of inner) {
    const object = objectIn(each, resolve);
    if (object) return object;
  }
  return null;
}

function rowsOf(schema, resolve, prefix = "", depth = 1) {
  const required = new Set(schema.required ?? []);
  return Object.entries(schema.properties ?? {}).flatMap(([name, property]) => {
    const row = element("tr", {},
      element("td", {}, element("code", { className: required.has(name) ? "required" : "" }, prefix + name)),
      element("td", { className: "kind" }, kindOf(property, resolve)),
      element("td", {}, property.description ?? resolve(property).description ?? ""));
    const inner = depth < DEEPEST ? objectIn(property, resolve) : null;
    return inner ? [row, ...rowsOf(inner, resolve, `${prefix}${name}.`, depth + 1)] : [row];
  });
}

function table(title, schema, resolve) {
  const rows = rowsOf(schema, resolve);
  if (!rows.length) return null;
  const head = element("tr", {}, ...["name", "type", "meaning"].map((name) => element("th", { scope: "col" }, name)));
  return element("div", {},
    element("h3", {}, title),
    element("div", { className: "scroll" },
      element("table", { className: "fields" }, element("thead", {}, head), element("tbody", {}, ...rows))));
}

function headersOf(message, resolve) {
  const parts = [message.headers, ...(resolve(message.headers).allOf ?? [])].map(resolve);
  return {
    properties: Object.assign({}, ...parts.map((part) => part.properties ?? {})),
    required: parts.flatMap((part) => part.required ?? []),
  };
}

function messageShown(message, resolve) {
  return element("details", { className: "message-type" },
    element("summary", {}, element("code", {}, message.name), element("span", {}, message.summary ?? "")),
    table("Value", resolve(message.payload), resolve) ?? element("h3", {}, kindOf(message.payload, resolve) === "null" ? "No value" : "Any value"),
    table("Headers", headersOf(message, resolve), resolve));
}

function topicShown(channel, resolve) {
  const { partitions, replicas, topicConfiguration } = channel.bindings.kafka;
  const badges = [`${partitions} partitions`, `${replicas} replicas`, topicConfiguration["cleanup.policy"].join()];
  return element("section", { className: "topic" },
    element("h2", {}, channel.address),
    element("p", {}, channel.description),
    element("p", { className: "facts" }, ...badges.map((text) => element("span", { className: "badge" }, text))),
    ...Object.values(channel.messages).map((message) => messageShown(resolve(message), resolve)));
}

async function show() {
  const answer = await fetch("/asyncapi.json");
  if (!answer.ok) throw new Error(`the service answered ${answer.status}`);
  const spec = await answer.json();
  const resolve = resolver(spec);
  const hosts = Object.values(spec.servers).map((server) => server.host).join(", ");
  document.getElementById("about").append(
    element("p", {}, spec.info.description),
    hosts ? element("p", {}, "Brokers: ", element("code", {}, hosts)) : element("p", {}, "This process knows of no brokers."));
  document.getElementById("channels").append(
    ...Object.values(spec.channels).map((channel) => topicShown(channel, resolve)));
}

const message = document.getElementById("message");
show().then(
  () => { message.textContent = ""; },
  (error) => { message.textContent = `The document could not be loaded: ${error.message}.`; });
