// The chat in the middle: head, messages, and the composer or the wall in its place.

import { avatar, h, icon, patch } from "./dom.js";
import { describe, kind, longDay, until } from "./format.js";
import { replyKeys } from "./links.js";
import { messageNode } from "./message.js";

export function showHead(root, app) {
  const { chat } = app;
  patch(root, [{
    key: chat.key,
    value: [chat.title, describe(chat)],
    build: () => h("div.head",
      h("button.round", { "aria-label": "Back to the chats", onclick: () => app.show("chats") }, icon("back")),
      avatar(chat),
      h("div", h("h2", chat.title), h("p.small", describe(chat))),
      h("button.round", { "aria-label": "Members and details", onclick: () => app.show("side") }, icon("people"))),
  }]);
}

function welcome(app, chat) {
  const text = chat.me.can_read === false ? "This chat is private. Join to read it." : "Nothing has been said here yet.";
  return {
    key: "empty",
    value: [chat.key, text],
    build: () => h("div.empty", avatar(chat),
      h("h3", chat.title), h("p", chat.description ?? text)),
  };
}

function timeline(app, chat) {
  const items = [];
  let before = null;
  for (const message of chat.messages) {
    const today = longDay(message.at);
    if (!before || longDay(before.at) !== today) {
      items.push({ key: `day ${today}`, value: today, build: () => h("div.service", today) });
    }
    const special = (one) => one.service || one.ephemeral_id;
    const follows = before && !special(message) && !special(before) && before.from.id === message.from.id && message.at - before.at < 300;
    const busy = message.buttons.flat().some((button) => app.isBusy(chat, message, button));
    items.push({
      key: message.ephemeral_id ? `ephemeral ${message.ephemeral_id}` : message.id,
      value: [message, follows, busy, chat.me.can_speak],
      build: () => messageNode(app, chat, message, follows),
    });
    before = message;
  }
  return items;
}

/** Patch the messages; stay at the end if one was there, or if the chat is another. */
export function showLog(root, app) {
  const { chat } = app;
  const other = root.dataset.chat !== `${app.viewer} ${chat.key}`;
  const atEnd = other || root.scrollHeight - root.scrollTop - root.clientHeight < 80;
  if (other) root.replaceChildren();
  root.dataset.chat = `${app.viewer} ${chat.key}`;
  patch(root, chat.messages.length ? timeline(app, chat) : [welcome(app, chat)]);
  if (other) for (const node of root.children) delete node.dataset.fresh;
  if (atEnd) root.scrollTop = root.scrollHeight;
}

const wall = (symbol, title, detail) =>
  h("div.wall", { role: "note" }, icon(symbol), h("p", h("b", title), h("small", detail)));
const gate = (text, onclick) => h("div.wall", h("button.primary", { onclick }, text));
const CANNOT = "You can't send messages here";

const obstacles = {
  not_a_member: (app, chat) => (chat.me.has_requested ? wall("lock", "You asked to join", "An admin has to approve it.")
    : gate(chat.join_by_request ? "Ask to join" : `Join ${kind(chat)}`, () => app.join(chat))),
  banned: () => wall("lock", "You are banned here", "An admin can lift the ban."),
  channel: () => wall("megaphone", "Only admins post in this channel", "You read it."),
  closed: () => wall("lock", CANNOT, "The group is closed for everybody."),
  muted: (app, { me }) => wall("lock", CANNOT,
    `Muted ${me.muted_by ? `by ${me.muted_by.name} ` : ""}${until(me.until_date, app.state.now)}.`),
  start: (app, chat) => gate("Start", () => app.start(chat)),
};

function topics(app, chat) {
  return chat.is_forum && h("select.field", {
    "aria-label": "Topic", onchange: (event) => { app.draft.topic = Number(event.target.value); },
  }, h("option", { value: "0" }, "General"), chat.topics.map((one) => h("option", { value: String(one.id) }, one.name)));
}

const matching = (chat, text) =>
  (/^\/[a-z0-9_]*$/u.test(text) ? chat.commands.filter((one) => one.command.startsWith(text.slice(1))) : []);

function composer(app, chat) {
  const { draft } = app;
  const field = h("textarea", {
    id: "composer", rows: "1", placeholder: chat.type === "channel" ? "Broadcast a post" : "Write a message",
    "aria-label": "Message", value: draft.text ?? "", maxlength: "4096",
    oninput: () => { app.draft.text = field.value; offer(); },
    onkeydown: (event) => {
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); form.requestSubmit(); }
      if (event.key === "Escape" && (draft.reply || draft.edit)) app.write({ text: "" });
    },
  });
  const list = h("ul.commands", { "aria-label": "Commands" });
  // As in Telegram's apps: the menu stands above the composer for as long as one types a command's name.
  const offer = () => list.replaceChildren(...matching(chat, field.value).map((one) => h("li", h("button", {
    onclick: () => { field.value = ""; app.send(`/${one.command}${chat.type === "private" ? "" : `@${one.bot}`}`); list.replaceChildren(); },
  }, h("b", `/${one.command}`), h("span", { dir: "auto" }, one.description)))));
  const about = draft.reply ? "Replying" : draft.edit && "Editing";
  const form = h("form.composer", { onsubmit: (event) => { event.preventDefault(); app.send(field.value); } },
    topics(app, chat), field, h("button.round", { type: "submit", "aria-label": "Send" }, icon("send")));
  offer();
  return h("div", list, about && h("p.small", `${about}. Escape to stop.`), form);
}

/** The composer, unless something stands in the way. */
export function showFoot(root, app) {
  const { chat, draft } = app;
  const { me } = chat;
  const silence = chat.type === "private" && !chat.messages.length ? "start" : me.silence;
  const keys = chat.type === "private" ? replyKeys(app, chat) : null;
  patch(root, [{
    key: `${app.viewer} ${chat.key} ${silence}`,
    value: silence ? me : [draft.number, chat.topics, chat.commands, keys?.textContent],
    build: () => h("div", (obstacles[silence] ?? composer)(app, chat), keys),
  }]);
}
