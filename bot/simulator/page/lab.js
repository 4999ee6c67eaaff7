// New bots, faults on demand, and the clock.

import { changeFaults, moveClock, readState, resetWorld } from "./api.js";
import { h, heading, patch } from "./dom.js";
import { longDay, time } from "./format.js";

const SWITCHES = [
  { name: "Flood", about: "getChatMember answers 429, retry after 5 s", fault: { kind: "flood", method: "getChatMember", retry_after: 5 } },
  { name: "API down", about: "Every call answers 502 Bad Gateway", fault: { kind: "error", code: 502, description: "Bad Gateway" } },
  { name: "Slow API", about: "Every call takes two seconds longer", fault: { kind: "delay", seconds: 2 } },
  { name: "Answers lost", about: "Calls are done, their answers never arrive", fault: { kind: "lose_answer" } },
];
const STEPS = [["1 min", 60], ["10 min", 600], ["1 hour", 3600], ["1 day", 86_400]];

const same = (wanted) => (fault) => Object.entries(wanted).every(([name, value]) => fault[name] === value);

async function turn(fault, on) {
  if (on) { await changeFaults({ add: { ...fault, times: null } }); return; }
  // Asked anew: the page may not have heard yet of a fault which was switched on a moment ago.
  for (const { id } of (await readState()).faults.filter(same(fault))) await changeFaults({ remove: id });
}

function faultItem(app, { name, about, fault }) {
  const active = app.state.faults.some(same(fault));
  return {
    key: name,
    value: active,
    build: () => h("label.switch", h("b", name), h("small", about), h("input", {
      type: "checkbox", role: "switch", checked: active,
      onchange: (event) => app.attempt(() => turn(fault, event.target.checked)),
    })),
  };
}

/** What @BotFather does with /newbot. */
function newBot(app) {
  const name = h("input.field", { "aria-label": "Name", placeholder: "Name", required: true, maxlength: "64" });
  const username = h("input.field", { "aria-label": "Username", placeholder: "Username, ends with bot", required: true, maxlength: "33", autocapitalize: "none", spellcheck: "false" });
  const make = async () => {
    const made = await app.act("add_bot", { name: name.value, username: username.value });
    if (!made) return;
    form.reset();
    app.toast(`@${made.username} is made. Copy its token, and add it in the console.`);
  };
  const form = h("form.newbot", { onsubmit: (event) => { event.preventDefault(); make(); } },
    h("b", "New bot"), h("small", "As /newbot does at @BotFather"), name, username, h("button.plain", { type: "submit" }, "Create"));
  return form;
}

export function showLab(root, app) {
  const { now } = app.state;
  const button = (text, action) => h("button.plain", { onclick: () => app.attempt(action) }, text);
  patch(root, [
    heading("Bots"),
    ...app.state.bots.map((bot) => ({
      key: `bot-${bot.id}`,
      value: `${bot.delivery}${bot.token}`,
      build: () => h("label.token", h("b", `@${bot.username}`), h("small", bot.delivery === "none" ? "Nobody hosts it. Its token:" : "Hosted. Its token:"), h("input", { readonly: true, value: bot.token, onfocus: (event) => event.target.select() })),
    })),
    { key: "new bot", value: 0, build: () => newBot(app) },
    heading("Faults"), ...SWITCHES.map((one) => faultItem(app, one)),
    heading("Clock"),
    { key: "clock", value: Math.floor(now), build: () => h("p.clock", time(now), h("small", longDay(now))) },
    { key: "steps", value: 0, build: () => h("div.actions", STEPS.map(([text, seconds]) => button(`+ ${text}`, () => moveClock(seconds)))) },
    heading("World"),
    { key: "reset", value: 0, build: () => h("div.actions", button("Start again", () => resetWorld().then(() => app.forget()))) },
  ]);
}
