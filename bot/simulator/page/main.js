// The page's state and what changes it. Views read `app` and never fetch.

import { act, follow, readCalls, readState } from "./api.js";
import { CallsPanel } from "./calls.js";
import { showFoot, showHead, showLog } from "./chat.js";
import { showDetails } from "./details.js";
import { byId, h, reducedMotion } from "./dom.js";
import { Guide } from "./guide.js";
import { showLab } from "./lab.js";
import { showChats, showPersonas } from "./people.js";

const KEPT_CALLS = 1000;
const TABS = ["details", "calls", "lab"];
const VIEWS = ["chats", "chat", "side"];

class App {
  state = null;
  viewer = null;
  calls = [];
  #chatKey = null;
  #tab = "details";
  #drafts = new Map();
  #waiting = new Map();
  #answers = new Map();
  #invitations = new Map();
  #guide = new Guide(byId("guide"), this);
  #callsPanel = new CallsPanel(byId("panel-calls"), this);
  #reading = false;
  #stale = false;

  // -- what the views ask

  get group() { return this.state.chats.find((chat) => chat.type.endsWith("group")); }

  get chat() { return this.state.chats.find((chat) => chat.key === this.#chatKey); }

  get draft() {
    const key = `${this.viewer} ${this.#chatKey}`;
    if (!this.#drafts.has(key)) this.#drafts.set(key, { number: 0, text: "" });
    return this.#drafts.get(key);
  }

  person(id) { return [...this.state.users, ...this.state.bots].find((one) => one.id === Number(id)); }

  member(chat, id) { return chat?.members.find((one) => one.id === id); }

  isBusy(chat, message, button) { return [...this.#waiting.values()].includes(`${chat.key} ${message.id} ${button.data}`); }

  // -- reading the world

  async refresh() {
    this.#stale = true;
    if (this.#reading) return;
    this.#reading = true;
    while (this.#stale) {
      this.#stale = false;
      await this.attempt(() => this.#read());
    }
    this.#reading = false;
  }

  async #read() {
    const { viewer } = this;
    const [state, world] = await Promise.all([readState(viewer), this.#guide.active && readState()]);
    if (viewer !== this.viewer) return;
    if (!state.users.some((person) => person.id === viewer)) {
      this.viewer = state.users[0]?.id;
      this.#stale = Boolean(this.viewer);
      return;
    }
    this.state = { ...state, chats: withBots(state) };
    if (!this.chat) this.#chatKey = (this.group ?? this.state.chats[0]).key;
    this.#guide.observe(this.calls, world);
    this.render();
  }

  async readCalls() {
    const { calls, last } = await readCalls(this.calls.at(-1)?.number ?? 0);
    if (last < (this.calls.at(-1)?.number ?? 0)) {
      this.calls = [];
      return this.readCalls();
    }
    calls.forEach((call) => this.#addCall(call));
    return this.refresh();
  }

  #addCall(call) {
    this.calls = [...this.calls.filter((one) => one.number !== call.number), call]
      .sort((one, other) => one.number - other.number).slice(-KEPT_CALLS);
  }

  watch() {
    follow({
      link: (live) => {
        byId("link").dataset.state = live ? "live" : "lost";
        byId("link").firstElementChild.textContent = live ? "Live" : "Reconnecting";
        if (live) this.attempt(() => this.readCalls());
      },
      changed: () => this.refresh(),
      call: (call) => { this.#addCall(call); this.refresh(); },
      answer: (answer) => { this.#answers.set(answer.query, answer); this.#tell(answer.query); },
    });
  }

  // -- changing the world

  async attempt(action) {
    try {
      return await action();
    } catch (error) {
      this.toast(error.message, "bad");
      return undefined;
    }
  }

  act(action, details) { return this.attempt(async () => (await act(action, this.viewer, details)) ?? true); }

  write(changes) {
    Object.assign(this.draft, { reply: null, edit: null }, changes, { number: this.draft.number + 1 });
    this.render();
    byId("composer")?.focus();
  }

  async send(text) {
    const { chat, draft } = this;
    if (!text.trim()) return;
    const { edit, reply, topic } = draft;
    const done = edit ? await this.act("edit", { chat: chat.key, message: edit, text })
      : await this.act("say", { chat: chat.key, text, ...(reply && { reply_to: reply }), ...(topic && { topic }) });
    if (done && this.draft === draft) this.write({ text: "" });
    else if (done) draft.text = "";
  }

  async press(chat, message, button) {
    const { query } = await this.act("press", { chat: chat.key, message: message.id, data: button.data, ephemeral: message.ephemeral_id }) ?? {};
    if (!query) return;
    this.#waiting.set(query, `${chat.key} ${message.id} ${button.data}`);
    if (this.#answers.has(query)) this.#tell(query);
    else setTimeout(() => { if (this.#waiting.has(query)) this.#tell(query); }, 15_000);
    this.render();
  }

  /** The answer may come before the press has returned, or never. */
  #tell(query) {
    if (!this.#waiting.delete(query)) return;
    const { text, show_alert: alert, url } = this.#answers.get(query) ?? { text: "The bot has not answered." };
    this.#guide.answered(this.viewer);
    if (url) this.follow(url);
    if (alert) {
      byId("alert-text").textContent = text;
      byId("alert").showModal();
    } else if (text) this.toast(text);
    this.render();
  }

  join(chat) {
    const link = this.#invitations.get(chat.key) ?? (chat.username ? null : chat.link);
    return this.act(chat.join_by_request ? "request_join" : "join", link ? { link } : { chat: chat.key });
  }

  start(chat) {
    const payload = this.#invitations.get(chat.key);
    return this.act("start", { bot: chat.bot, ...(payload && { payload }) });
  }

  /** Open a link as the messenger would: inside, when it leads to a chat of this world. */
  follow(url, known = null) {
    const bare = (link) => (link ?? "").replace(/^https?:\/\//u, "").replace(/\?.*$/u, "").toLowerCase();
    const chat = this.state.chats.find((one) => one.key === String(known) || (bare(one.link) && bare(one.link) === bare(url)));
    if (!chat) { window.open(url, "_blank", "noopener"); return; }
    const payload = /[?&]start=([\w-]+)/u.exec(url)?.[1];
    if (payload) this.#invitations.set(chat.key, payload);
    else if (url.includes("/+") || url.includes("/joinchat/")) this.#invitations.set(chat.key, url);
    this.open(chat.key);
  }

  // -- moving about

  be(viewer, chat = this.#chatKey) {
    this.viewer = viewer;
    this.#chatKey = chat;
    this.#remember();
    return this.refresh();
  }

  open(key) {
    this.#chatKey = key;
    this.#remember();
    this.render();
    this.show("chat");
  }

  /** Show how a step of the tour begins: the person, the chat, the words. */
  async play({ who, say, chat = this.group?.key }) {
    const person = this.state.users.find((user) => user.first_name === who);
    if (!person || !chat) return;
    await this.be(person.id, chat);
    this.show(say ? "chat" : "side");
    if (say) this.write({ text: say });
  }

  show(view) {
    const columns = byId("columns");
    const target = byId(`view-${view}`);
    if (columns.scrollWidth > columns.clientWidth) {
      columns.scrollTo({ left: target.offsetLeft - columns.offsetLeft, behavior: reducedMotion() ? "auto" : "smooth" });
    }
  }

  pick(tab) {
    this.#tab = tab;
    for (const name of TABS) {
      const chosen = name === tab;
      byId(`tab-${name}`).setAttribute("aria-selected", String(chosen));
      byId(`tab-${name}`).tabIndex = chosen ? 0 : -1;
      byId(`panel-${name}`).hidden = !chosen;
    }
    if (this.state) this.render();
  }

  #remember() { history.replaceState(null, "", `#${this.viewer}/${this.#chatKey}`); }

  recall() {
    const [viewer, chat] = location.hash.slice(1).split("/");
    this.viewer = Number(viewer) || null;
    this.#chatKey = chat || null;
  }

  forget() {
    this.calls = [];
    this.#drafts.clear();
    this.#guide.forget();
    return this.readCalls();
  }

  toast(text, tone = "plain") {
    const toast = h("p.toast", { "data-tone": tone }, text);
    byId("toasts").replaceChildren(toast);
    setTimeout(() => toast.remove(), 5000);
  }

  render() {
    showPersonas(byId("personas"), this);
    showChats(byId("chatlist"), this);
    showHead(byId("chathead"), this);
    showFoot(byId("foot"), this);
    this.#guide.show();
    showLog(byId("log"), this);
    if (this.#tab === "details") showDetails(byId("panel-details"), this);
    if (this.#tab === "calls") this.#callsPanel.show();
    if (this.#tab === "lab") showLab(byId("panel-lab"), this);
  }
}

/** The chats, with a private chat for each bot the viewer has not written to yet. */
function withBots(state) {
  const known = new Map(state.bots.map((bot) => [String(bot.id), bot]));
  const chats = state.chats.map((chat) => ({ ...chat, key: String(chat.key), bot: known.get(String(chat.key))?.id }));
  const silent = state.bots.filter((bot) => !chats.some((chat) => chat.key === String(bot.id)));
  return [...chats, ...silent.map((bot) => ({
    key: String(bot.id), bot: bot.id, id: bot.id, type: "private", title: bot.name, username: bot.username,
    link: `https://t.me/${bot.username}`, members: [], messages: [], topics: [], join_requests: [],
    me: { status: "member", is_in: true, can_speak: true, silence: null },
  }))];
}

function begin() {
  const app = new App();
  app.recall();
  TABS.forEach((name, index) => {
    byId(`tab-${name}`).addEventListener("click", () => app.pick(name));
    byId(`tab-${name}`).addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const next = TABS.at((index + step) % TABS.length);
      app.pick(next);
      byId(`tab-${next}`).focus();
    });
  });
  for (const button of byId("views").children) button.addEventListener("click", () => app.show(button.dataset.view));
  const mark = new IntersectionObserver((entries) => {
    const seen = entries.find((entry) => entry.isIntersecting);
    if (!seen) return;
    for (const button of byId("views").children) button.setAttribute("aria-current", String(`view-${button.dataset.view}` === seen.target.id));
  }, { root: byId("columns"), threshold: 0.6 });
  for (const view of VIEWS) mark.observe(byId(`view-${view}`));
  document.addEventListener("click", (event) => {
    for (const menu of document.querySelectorAll("details.menu[open]")) if (!menu.contains(event.target)) menu.open = false;
  });
  app.pick("details");
  app.show("chat");
  app.watch();
}

begin();
