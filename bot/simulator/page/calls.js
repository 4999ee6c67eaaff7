// What the bot asks of the Bot API, live.

import { h, patch } from "./dom.js";

// The page keeps the latest of them; the simulator keeps all.
const SHOWN = 200;
const BRIEF = ["chat_id", "user_id", "text", "callback_query_id", "message_id", "until_date"];

const named = (app, id) => app.state.chats.find((chat) => chat.key === String(id))?.title ?? app.person(id)?.name ?? id;

const brief = (app, params) => BRIEF.filter((name) => params[name] !== undefined)
  .map((name) => (/chat_id|user_id/u.test(name) ? named(app, params[name]) : String(params[name]).replace(/<[^>]+>/gu, ""))).join(" · ");

function callItem(app, call) {
  const line = call.error ?? brief(app, call.params);
  return {
    key: call.number,
    value: [call.status, call.ms, line],
    build: () => h("details.call", {
      ontoggle: (event) => {
        if (!event.target.querySelector("pre")) event.target.append(h("pre", { tabindex: "0" }, JSON.stringify(call, null, 2)));
      },
    }, h("summary", h("span.method", call.method), h("span.status", { "data-bad": failed(call) }, String(call.status ?? "…")),
      h("small", `${call.ms?.toFixed(1) ?? "…"} ms`), h("span.brief", line))),
  };
}

const failed = (call) => Boolean(call.error || call.fault || call.status >= 400);

/** The list of calls under a filter; the filter's fields live as long as the page. */
export class CallsPanel {
  #text = h("input.field", { type: "search", placeholder: "Filter by method, chat, text", "aria-label": "Filter the calls", oninput: () => this.show() });
  #failed = h("button.plain", { "aria-pressed": "false", onclick: () => this.#toggle() }, "Failed");
  #list = h("div");
  #app;

  constructor(root, app) {
    this.#app = app;
    root.append(h("div.filters", this.#text, this.#failed), this.#list);
  }

  #toggle() {
    this.#failed.ariaPressed = String(this.#failed.ariaPressed !== "true");
    this.show();
  }

  #matches(call) {
    if (call.method === "getUpdates" || (this.#failed.ariaPressed === "true" && !failed(call))) return false;
    return `${call.method} ${JSON.stringify(call.params)}`.toLowerCase().includes(this.#text.value.toLowerCase());
  }

  show() {
    const found = this.#app.calls.filter((call) => this.#matches(call)).slice(-SHOWN).reverse();
    const none = "No calls yet. They appear here as the bot makes them.";
    patch(this.#list, found.length ? found.map((call) => callItem(this.#app, call))
      : [{ key: "none", value: none, build: () => h("p.small.about", none) }]);
  }
}
