// The guided tour: eight things to do, which tick themselves as the world shows that they happened.

import { h, icon, patch } from "./dom.js";

/** Each step: its name, who does it, what they do, and what they write. */
const STEPS = [
  ["protected", "Adam", "write /protect @gm_news. Who is not in that channel may no longer write here.", "/protect @gm_news"],
  ["muted", "Sam", "write something in the group. Sam is not in the channel.", "Hello everybody!"],
  ["prompted", "Sam", "read what the bot says. It names the channel to join."],
  ["early", "Sam", "press the button before joining, and see that it does not help."],
  ["joined", "Sam", "open the channel from the prompt and join it."],
  ["freed", "Sam", "go back to the group. Sam may write: no press was needed."],
  ["left", "Sam", "leave the channel again."],
  ["gated", "Sam", "write in the group once more. The gate is shut again.", "Still here?"],
];

const KEY = "gmbot-tour";
const NEW = { done: [], hero: null, calls: 0 };

export class Guide {
  #root;
  #app;
  #saved;

  constructor(root, app) {
    this.#root = root;
    this.#app = app;
    this.#saved = JSON.parse(sessionStorage.getItem(KEY)) ?? structuredClone(NEW);
  }

  get active() { return !this.#saved.hidden; }

  #keep(changes) {
    Object.assign(this.#saved, structuredClone(changes));
    sessionStorage.setItem(KEY, JSON.stringify(this.#saved));
  }

  forget(calls = 0) { this.#keep({ ...NEW, calls }); }

  #did(name) { return this.#saved.done.includes(name); }

  #tick(...names) { this.#keep({ done: [...new Set([...this.#saved.done, ...names])] }); }

  /** A press was answered; `user` pressed it. */
  answered(user) {
    if (user === this.#saved.hero && !this.#did("joined")) this.#tick("early");
  }

  /** Look at the calls since the last look, and at who is in which channel in the whole world. */
  observe(calls, world) {
    if (calls.at(-1)?.number < this.#saved.calls) this.forget();
    for (const call of calls.filter((one) => one.number > this.#saved.calls && one.method !== "getUpdates")) {
      if (!call.status) break;
      if (call.status === 200) this.#consider(call);
      this.#keep({ calls: call.number });
    }
    if (!this.#did("prompted")) return;
    const inside = world.chats.some((chat) => chat.type === "channel" && chat.members.some((one) => one.id === this.#saved.hero && one.is_in));
    if (inside) this.#tick("joined");
    else if (this.#did("freed")) this.#tick("left");
  }

  #consider({ method, params }) {
    const mine = params.user_id === this.#saved.hero;
    const may = method === "restrictChatMember" ? params.permissions?.can_send_messages : undefined;
    if (may === false && !this.#did("muted")) {
      this.#keep({ hero: params.user_id });
      this.#tick("protected", "muted");
    } else if (may === false && mine && this.#did("left")) this.#tick("gated");
    if (may && mine) this.#tick("joined", "freed");
    if (method !== "sendMessage") return;
    if (this.#did("muted") && JSON.stringify(params).includes("callback_data")) this.#tick("prompted");
    if (/to write here|is now protected/iu.test(params.text)) this.#tick("protected");
  }

  show() {
    this.#root.hidden = !this.active;
    const next = STEPS.findIndex(([name]) => !this.#did(name));
    const [, who, task, words] = STEPS[next] ?? [];
    patch(this.#root, [{
      key: "tour",
      value: this.#saved.done,
      build: () => h("div.tour",
        h("p", { role: "status" }, ...(who ? [h("b", `${next + 1}. Be ${who}: `), task]
          : [h("b", "That is the whole of it. "), "Now try it your own way: other people, faults, the clock."])),
        h("ol.dots", { "aria-label": "Steps" }, STEPS.map(([name, person, doing], index) => {
          const state = this.#did(name) ? "done" : index === next ? "now" : "later";
          return h("li", { "data-step": name, "data-state": state, title: `${person}: ${doing}`, "aria-label": `${name}: ${state}` },
            state === "done" ? icon("check") : String(index + 1));
        })),
        who && h("button.primary", { onclick: () => this.#app.play(who, words) }, "Show me"),
        h("button.plain", { onclick: () => { this.#keep({ hidden: true }); this.show(); } }, who ? "Hide" : "Done")),
    }]);
  }
}
