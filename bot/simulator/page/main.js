// The page's state and what changes it. Views read `app` and never fetch.

import { act, follow, readCalls, readState } from "./api.js";
import { CallsPanel } from "./calls.js";
import { showFoot, showHead, showLog } from "./chat.js";
import { showDetails } from "./details.js";
import { byId, h, reducedMotion } from "./dom.js";
import { Guide } from "./guide.js";
import { showLab } from "./lab.js";
import { addBot } from "./links.js";
import { showChats, showPersonas } from "./people.js";

const KEPT_CALLS = 1000;
const TABS = ["details", "calls", "lab"];

class App {
  state;
  world;
  viewer;
  calls = [];
  #chatKey;
  #tab = "details";
  #drafts = new Map();
  #waiting = new Map();
  #answers = new Map();
  #invitations = new Map();
  #guide = new Guide(byId("guide"), this);
  #callsPanel = new CallsPanel(byId("panel-calls"), this);
  #reading = false;
  #stale = false;

  constructor() {
    const [viewer, chat] = location.hash.slice(1).split("/");
    this.viewer = Number(viewer);
    this.#chatKey = chat;
  }

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
    const [state, world] = await Promise.all([readState(viewer).catch(() => readState()), readState()]);
    if (viewer !== this.viewer) return;
    if (!state.users.some((person) => person.id === viewer)) {
      this.viewer = state.users[0]?.id;
      this.#stale = Boolean(this.viewer);
      return;
    }
    this.state = { ...state, chats: withBots(state) };
    this.world = world;
    if (!this.chat) this.#chatKey = (this.group ?? this.state.chats[0]).key;
    this.#guide.observe(this.calls, world);
    this.render();
  }

  async readCalls() {
    const known = this.calls.at(-1)?.number ?? 0;
    const { calls, last } = await readCalls(known);
    if (last < known) {
      this.forget([]);
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
    const { draft } = this;
    const { edit: message, reply, topic } = draft;
    if (!text.trim()) return;
    const details = { chat: this.chat.key, text, ...(message ? { message } : { reply_to: reply, topic: topic || null }) };
    if (!await this.act(message ? "edit" : "say", details)) return;
    if (this.draft === draft) this.write({ text: "" });
    else draft.text = "";
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
    return this.act(chat.join_by_request ? "request_join" : "join", { chat: chat.key, link });
  }

  start(chat) { return this.act("start", { bot: chat.key, payload: this.#invitations.get(chat.key) }); }

  /** Open a link as the messenger would: inside, when it leads to a chat of this world. */
  follow(url, known = null) {
    const bare = (link) => link.replace(/^https?:\/\//u, "").replace(/\?.*$/u, "").toLowerCase();
    const chat = this.state.chats.find((one) => one.key === known || bare(one.link) === bare(url));
    if (!chat) { window.open(url, "_blank", "noopener"); return; }
    if (chat.type === "private" && /[?&]start(group|channel)/u.test(url)) { addBot(this, chat, url); return; }
    const payload = /[?&]start=([\w-]+)/u.exec(url)?.[1] ?? (/\/(\+|joinchat)/u.test(url) && url);
    if (payload) this.#invitations.set(chat.key, payload);
    this.open(chat.key);
    // The app sends it at once to a bot that has been started before.
    if (payload && chat.type === "private" && chat.messages.length) this.start(chat);
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

  /** Be somebody in the group, with words ready to send. */
  async play(who, words) {
    const person = this.state.users.find((user) => user.first_name === who);
    if (!person || !this.group) return;
    await this.be(person.id, this.group.key);
    this.show("chat");
    if (words) this.write({ text: words });
  }

  show(view) {
    const behavior = reducedMotion() ? "auto" : "smooth";
    byId("columns").scrollTo({ left: byId(`view-${view}`).offsetLeft, behavior });
  }

  pick(tab) {
    this.#tab = tab;
    for (const name of TABS) {
      byId(`tab-${name}`).ariaSelected = String(name === tab);
      byId(`tab-${name}`).tabIndex = name === tab ? 0 : -1;
      byId(`panel-${name}`).hidden = name !== tab;
    }
    if (this.state) this.render();
  }

  #remember() { history.replaceState(null, "", `#${this.viewer}/${this.#chatKey}`); }

  /** Begin anew, after a reset or with another simulator. */
  forget(calls = this.calls) {
    this.calls = calls;
    this.#drafts.clear();
    this.#guide.forget(calls.at(-1)?.number ?? 0);
  }

  toast(text, tone = "plain") {
    const toast = h("p.toast", { "data-tone": tone, dir: "auto" }, text);
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
  const silent = state.bots.filter((bot) => !state.chats.some((chat) => chat.key === String(bot.id)));
  return [...state.chats, ...silent.map((bot) => ({
    key: String(bot.id), id: bot.id, type: "private", title: bot.name, username: bot.username,
    link: `https://t.me/${bot.username}`, members: [], messages: [], me: {},
  }))];
}

const app = new App();
for (const name of TABS) byId(`tab-${name}`).onclick = () => app.pick(name);
// Arrow keys move through the people and the tabs.
for (const name of ["personas", "tabs"]) {
  byId(name).onkeydown = ({ key, target }) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[key];
    const all = [...byId(name).children];
    const next = step && all.at((all.indexOf(target) + step) % all.length);
    next?.focus();
    next?.click();
  };
}
const views = [...byId("views").children];
const mark = new IntersectionObserver((entries) => {
  const seen = entries.find((entry) => entry.isIntersecting)?.target.id;
  if (seen) for (const button of views) button.setAttribute("aria-current", String(`view-${button.dataset.view}` === seen));
}, { root: byId("columns"), threshold: 0.6 });
for (const button of views) {
  button.onclick = () => app.show(button.dataset.view);
  mark.observe(byId(`view-${button.dataset.view}`));
}
document.addEventListener("click", ({ target }) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) if (!menu.contains(target)) menu.open = false;
});
app.pick("details");
app.show("chat");
app.watch();
// A mute that runs out makes no event.
setInterval(() => app.refresh(), 10_000);
