// What the bot asks of the Bot API, live.

import { h, patch } from "./dom.js";
import { exactTime } from "./format.js";

// The page keeps the latest of them; the simulator keeps all.
const SHOWN = 200;
const BRIEF = ["chat_id", "user_id", "text", "callback_query_id", "message_id", "until_date"];

const shorten = (value) => {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
};

function names(app, name, value) {
  if (name === "chat_id") return app.state.chats.find((chat) => chat.key === String(value))?.title ?? app.person(value)?.name;
  return name === "user_id" ? app.person(value)?.name : undefined;
}

const brief = (app, params) => BRIEF.filter((name) => params[name] !== undefined)
  .map((name) => names(app, name, params[name]) ?? shorten(params[name])).join(" · ");

function callItem(app, call) {
  const bad = Boolean(call.error || call.fault || call.status >= 400);
  const line = call.error ?? brief(app, call.params ?? {});
  return {
    key: call.number,
    value: [call.status, call.ms, line],
    build: () => {
      const node = h("details.call", { "data-method": call.method },
        h("summary", { }, h("span.method", call.method),
          h("span.status", { "data-bad": bad }, String(call.status ?? "…")),
          h("span.ms", call.ms === null || call.ms === undefined ? "" : `${call.ms.toFixed(1)} ms`),
          h("span.brief", line)));
      node.addEventListener("toggle", () => {
        if (node.querySelector("pre")) return;
        node.append(h("pre", { tabindex: "0" }, JSON.stringify({ at: exactTime(call.at), ...call }, null, 2)));
      });
      return node;
    },
  };
}

const matches = (call, filter) => {
  if (filter.failed && !(call.error || call.fault || call.status >= 400)) return false;
  if (!filter.polling && call.method === "getUpdates") return false;
  return !filter.text || `${call.method} ${JSON.stringify(call.params)}`.toLowerCase().includes(filter.text.toLowerCase());
};

/** The list of calls under a filter; the filter's fields live as long as the page. */
export class CallsPanel {
  #filter = { text: "", failed: false, polling: false };
  #list = h("div.calls");
  #app;

  constructor(root, app) {
    this.#app = app;
    const text = h("input.field", { type: "search", placeholder: "Filter by method, chat, text", "aria-label": "Filter the calls",
      oninput: () => { this.#filter.text = text.value; this.show(); } });
    const failed = h("button.plain", { "aria-pressed": "false",
      onclick: () => {
        this.#filter.failed = !this.#filter.failed;
        failed.setAttribute("aria-pressed", String(this.#filter.failed));
        this.show();
      } }, "Failed");
    root.append(h("div.filters", text, failed), this.#list);
  }

  show() {
    const found = this.#app.calls.filter((call) => matches(call, this.#filter)).slice(-SHOWN).reverse();
    patch(this.#list, found.length ? found.map((call) => callItem(this.#app, call))
      : [{ key: "none", value: 0, build: () => h("p.small.about", "No calls yet. They appear here as the bot makes them.") }]);
  }
}
