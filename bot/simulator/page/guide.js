// The guided tour: eight things to do, which tick themselves as the world shows that they happened.

import { h, icon, patch } from "./dom.js";

const freed = (call) => call.method === "restrictChatMember" && call.params.permissions?.can_send_messages === true;
const muted = (call) => call.method === "restrictChatMember" && call.params.permissions?.can_send_messages === false;
const prompted = (call) => call.method === "sendMessage" && JSON.stringify(call.params.reply_markup ?? "").includes("callback_data");

/** Each step: what to do, as whom, with what in the composer. */
const STEPS = [
  { name: "protected", who: "Adam", say: "/protect @gm_news", text: "write /protect @gm_news in the group. Who is not in that channel may no longer write." },
  { name: "muted", who: "Sam", say: "Hello everybody!", text: "write something in the group. Sam is not in the channel." },
  { name: "prompted", who: "Sam", text: "read what the bot says. It names the channel to join." },
  { name: "early", who: "Sam", text: "press the button before joining, and see that it does not help." },
  { name: "joined", who: "Sam", text: "open the channel from the prompt and join it." },
  { name: "freed", who: "Sam", text: "go back to the group. The bot has freed Sam: no press was needed." },
  { name: "left", who: "Sam", text: "leave the channel again." },
  { name: "gated", who: "Sam", say: "Still here?", text: "write in the group once more. The gate is shut again." },
];

const KEY = "gmbot-tour";

export class Guide {
  #root;
  #app;
  #saved = { done: [], hero: null, calls: 0, hidden: false };

  constructor(root, app) {
    this.#root = root;
    this.#app = app;
    try {
      this.#saved = { ...this.#saved, ...JSON.parse(sessionStorage.getItem(KEY) ?? "{}") };
    } catch {
      sessionStorage.removeItem(KEY);
    }
  }

  get active() { return !this.#saved.hidden; }

  forget() {
    this.#saved = { done: [], hero: null, calls: 0, hidden: this.#saved.hidden };
    this.#keep();
  }

  #keep() { sessionStorage.setItem(KEY, JSON.stringify(this.#saved)); }

  #did(name) { return this.#saved.done.includes(name); }

  #tick(name) {
    if (this.#did(name)) return;
    this.#saved.done.push(name);
    this.#keep();
  }

  /** A press was answered while `user` was still muted. */
  answered(user) {
    if (user === this.#saved.hero && !this.#did("joined")) this.#tick("early");
  }

  /** Look at the calls which came since the last look, in order. */
  observe(calls) {
    const last = calls.at(-1)?.number ?? 0;
    if (last < this.#saved.calls) this.forget();
    for (const call of calls) {
      if (call.number > this.#saved.calls && call.status === 200) this.#consider(call);
    }
    this.#saved.calls = last;
    this.#keep();
  }

  #consider(call) {
    const mine = call.params.user_id === this.#saved.hero;
    if (call.method === "sendMessage" && this.#app.protects(call)) this.#tick("protected");
    if (muted(call) && !this.#did("muted")) {
      this.#saved.hero = call.params.user_id;
      this.#tick("protected");
      this.#tick("muted");
    } else if (muted(call) && mine && this.#did("left")) this.#tick("gated");
    if (prompted(call) && this.#did("muted")) this.#tick("prompted");
    if (freed(call) && mine && this.#did("muted")) {
      this.#tick("joined");
      this.#tick("freed");
    }
  }

  /** Compare what the hero is in, by the omniscient view of the world. */
  look(world) {
    const { hero } = this.#saved;
    if (!hero || !this.#did("prompted")) return;
    const inside = world.chats.filter((chat) => chat.type === "channel" && chat.members.some((one) => one.id === hero && one.is_in));
    if (inside.length && !this.#did("freed")) this.#tick("joined");
    if (!inside.length && this.#did("freed")) this.#tick("left");
  }

  show() {
    const next = STEPS.findIndex((step) => !this.#did(step.name));
    this.#root.hidden = this.#saved.hidden;
    const step = STEPS[next];
    patch(this.#root, [{
      key: "tour",
      value: [this.#saved.done, this.#app.viewer],
      build: () => h("div.tour",
        h("p.now", { role: "status" }, step ? [h("b", `${next + 1}. Be ${step.who}: `), step.text]
          : [h("b", "That is the whole of it. "), "Now try it your own way: more channels, faults, other people."]),
        h("ol.dots", { "aria-label": "Steps" }, STEPS.map((one, index) => {
          const state = this.#did(one.name) ? "done" : index === next ? "now" : "later";
          return h("li", { "data-step": one.name, "data-state": state, title: `${one.who}: ${one.text}`, "aria-label": `${one.name}: ${state}` },
            state === "done" ? icon("check") : String(index + 1));
        })),
        step && h("button.primary", { onclick: () => this.#app.play(step) }, "Show me"),
        h("button.plain", { onclick: () => this.#dismiss() }, step ? "Hide" : "Done")),
    }]);
  }

  #dismiss() {
    this.#saved.hidden = true;
    this.#keep();
    this.show();
  }
}
