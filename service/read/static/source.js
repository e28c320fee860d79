// Where the page gets its data: JSON and the live stream, with the API key if one is needed.

const KEY = "order-tracking key";
const RECONNECT_MS = 1000;
const LONGEST_RECONNECT_MS = 15000;

function headers(extra) {
  const key = sessionStorage.getItem(KEY);
  return key ? { ...extra, Authorization: `Bearer ${key}` } : extra;
}

let asking = null;

function askForKey() {
  asking ??= new Promise((resolve) => {
    const dialog = document.getElementById("key");
    const value = document.getElementById("key-value");
    dialog.addEventListener("close", () => {
      sessionStorage.setItem(KEY, value.value);
      value.value = "";
      asking = null;
      resolve();
    }, { once: true });
    dialog.addEventListener("cancel", (event) => event.preventDefault());
    dialog.showModal();
  });
  return asking;
}

async function request(path, options = {}) {
  for (;;) {
    const used = sessionStorage.getItem(KEY);
    const response = await fetch(path, { ...options, headers: headers(options.headers) });
    if (response.status !== 401) return response;
    // Another request may have asked for the key meanwhile.
    if (used === sessionStorage.getItem(KEY)) await askForKey();
  }
}

export async function getJson(path, { signal } = {}) {
  const response = await request(path, { signal });
  const content = await response.json();
  if (!response.ok) throw new Error(content.detail ?? response.statusText);
  return content;
}

async function* eventsOf(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    text += value;
    const blocks = text.split("\n\n");
    text = blocks.pop();
    for (const block of blocks) {
      const event = {};
      for (const line of block.split("\n")) {
        const [, field, content] = /^(\w+): ?(.*)$/.exec(line) ?? [];
        if (field) event[field] = content;
      }
      if (event.event) yield event;
    }
  }
}

// Follow the live stream for ever; EventSource cannot send the key, fetch can.
export async function follow({ onEvent, onState }) {
  let last = null;
  let pause = RECONNECT_MS;
  for (;;) {
    try {
      const response = await request("/v1/stream", {
        headers: last ? { "Last-Event-ID": last } : {},
        cache: "no-store",
      });
      if (!response.ok) throw new Error(response.statusText);
      for await (const event of eventsOf(response.body)) {
        last = event.id;
        pause = RECONNECT_MS;
        onState("live");
        onEvent(event.event, JSON.parse(event.data));
      }
    } catch (error) {
      console.info("stream broke off", error);
    }
    onState("waiting");
    await new Promise((resolve) => setTimeout(resolve, pause));
    pause = Math.min(2 * pause, LONGEST_RECONNECT_MS);
  }
}
