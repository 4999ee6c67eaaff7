// Faults on demand, and the clock.

import { h, heading, patch } from "./dom.js";
import { exactTime, longDay } from "./format.js";
import { changeFaults, moveClock, resetWorld } from "./api.js";

const SWITCHES = [
  { name: "Flood", about: "getChatMember answers 429, retry after 5 s", fault: { kind: "flood", method: "getChatMember", retry_after: 5 } },
  { name: "API down", about: "Every call answers 502 Bad Gateway", fault: { kind: "error", code: 502, description: "Bad Gateway" } },
  { name: "Slow API", about: "Every call takes two seconds longer", fault: { kind: "delay", seconds: 2 } },
  { name: "Answers lost", about: "Calls are done, their answers never arrive", fault: { kind: "lose_answer" } },
];

const same = (fault, wanted) => Object.entries(wanted).every(([name, value]) => fault[name] === value);

const STEPS = [["1 min", 60], ["10 min", 600], ["1 hour", 3600], ["1 day", 86_400]];

function faultItem(app, one) {
  const active = (app.state.faults ?? []).find((fault) => same(fault, one.fault));
  return {
    key: one.name,
    value: active?.id ?? null,
    build: () => h("label.switch",
      h("b", one.name), h("small", one.about),
      h("input", { type: "checkbox", role: "switch", checked: Boolean(active),
        onchange: () => app.attempt(() => changeFaults(active ? { remove: active.id } : { add: one.fault })) })),
  };
}

export function showLab(root, app) {
  const { now, clock_moves: moves } = app.state;
  const others = (app.state.faults ?? []).filter((fault) => !SWITCHES.some((one) => same(fault, one.fault)));
  patch(root, [
    heading("Faults"), ...SWITCHES.map((one) => faultItem(app, one)),
    ...(others.length ? [{ key: "others", value: others.length, build: () => h("div.actions",
      h("button.plain", { onclick: () => app.attempt(() => changeFaults({ clear: true })) }, `Clear ${others.length} other faults`)) }] : []),
    heading("Clock"),
    { key: "clock", value: [Math.floor(now)], build: () => h("p.clock", exactTime(now), h("small", longDay(now))) },
    { key: "steps", value: moves, build: () => (moves
      ? h("div.actions", { role: "group", "aria-label": "Move the clock forward" }, STEPS.map(([text, seconds]) => h("button",
        { class: "plain", onclick: () => app.attempt(() => moveClock(seconds)) }, `+ ${text}`)))
      : h("p.small.about", "This world runs on the machine's clock.")) },
    heading("World"),
    { key: "reset", value: 0, build: () => h("div.actions",
      h("button.plain.danger", { onclick: () => app.attempt(async () => { await resetWorld(); app.forget(); }) }, "Start again")) },
  ]);
}
