// The clock of the sandbox, and what goes wrong in it.

import { element } from "/dom.js";
import { ask, time } from "/elements.js";

const SPEEDS = [1, 2, 10, 60, 600, 3600];

const now = document.getElementById("now");
const speed = document.getElementById("speed");
const leaps = [...document.querySelectorAll("[data-advance]")];
const faults = document.getElementById("faults");
const form = document.getElementById("fault");

let shown = "";

export async function readClock() {
  showClock(await ask("GET", "/sandbox/clock"));
}

function showClock(clock) {
  now.replaceChildren(time(clock.now));
  for (const button of leaps) button.disabled = false;
  // A clock that only moves when it is told to has no speed.
  speed.disabled = clock.timeScale === 0;
  if (document.activeElement === speed) return;
  const known = SPEEDS.includes(clock.timeScale) ? SPEEDS : [clock.timeScale, ...SPEEDS];
  speed.replaceChildren(...known.map((scale) =>
    element("option", { value: scale, selected: scale === clock.timeScale }, scale === 0 ? "by hand" : `${scale} ×`)));
}

export async function readFaults() {
  const book = await ask("GET", "/sandbox/faults");
  const drawn = JSON.stringify(book);
  if (drawn === shown) return;
  shown = drawn;
  if (!form.name.options.length) {
    form.name.append(...Object.entries(book.known).map(([name, sentence]) =>
      element("option", { value: name, title: sentence }, `${name}: ${sentence}`)));
  }
  faults.replaceChildren(...book.faults.map((noted) => line(noted, book.known)));
  if (!book.faults.length) faults.append(element("li", { class: "soft" }, "Nothing goes wrong."));
}

function line({ number, struck, rule }, known) {
  const name = rule.name ?? rule.kind;
  const remove = element("button", { type: "button", "aria-label": `Remove fault ${name}` }, "Remove");
  remove.addEventListener("click", async () => {
    await ask("DELETE", `/sandbox/faults/${number}`);
    await readFaults();
  });
  const often = rule.rate < 1 ? `, ${Math.round(rule.rate * 100)} %` : "";
  return element("li", {},
    element("strong", {}, name),
    element("span", { class: "soft" }, `${known[name] ?? rule.operation ?? "every operation"}${often}; happened ${struck} times`),
    remove);
}

export function wire(complain) {
  const move = async (body) => {
    try {
      showClock(await ask("POST", "/sandbox/clock", body));
    } catch (error) {
      complain(error.message);
    }
  };
  speed.addEventListener("change", () => { const scale = Number(speed.value); speed.blur(); move({ time_scale: scale }); });
  for (const button of leaps) button.addEventListener("click", () => move({ advance: Number(button.dataset.advance) }));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      await ask("POST", "/sandbox/faults", { name: form.name.value, rate: Number(form.rate.value) });
      await readFaults();
    } catch (error) {
      complain(error.message);
    }
  });
}
