// The chat in the middle: head, messages, and the composer or the wall in its place.

import { avatar, h, icon, patch } from "./dom.js";
import { headcount, kind, longDay, until } from "./format.js";
import { messageNode } from "./message.js";

export function showHead(root, app) {
  const { chat } = app;
  const line = chat.type === "private" ? "bot" : `${chat.username ? "public" : "private"} ${kind(chat)}, ${headcount(chat)}`;
  patch(root, [{
    key: chat.key,
    value: [chat.title, line],
    build: () => h("div.head",
      h("button.round", { "aria-label": "Back to the chats", onclick: () => app.show("chats") }, icon("back")),
      avatar({ id: chat.id, name: chat.title, kind: kind(chat) }),
      h("div", h("h2", chat.title), h("p.small", line)),
      h("button.round", { "aria-label": "Members and details", onclick: () => app.show("side") }, icon("people"))),
  }]);
}

function welcome(app, chat) {
  const text = chat.type === "private"
    ? `This is your private chat with ${chat.title}.`
    : chat.me.can_read === false ? "This chat is private. Join to read it." : "Nothing has been said here yet.";
  return {
    key: "empty",
    value: [chat.key, text],
    build: () => h("div.empty", avatar({ id: chat.id, name: chat.title, kind: kind(chat) }),
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
    const follows = Boolean(before) && !message.service && !before.service && !message.ephemeral_id && !before.ephemeral_id
      && before.from.id === message.from.id && message.at - before.at < 300;
    const busy = (message.buttons ?? []).flat().filter((button) => app.isBusy(chat, message, button)).length;
    const quoted = message.reply_to && chat.messages.some((other) => other.id === message.reply_to);
    items.push({
      key: message.ephemeral_id ? `ephemeral ${message.ephemeral_id}` : message.id,
      value: [message, follows, busy, quoted, chat.me.can_speak],
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

function wall(symbol, title, detail) {
  return h("div.wall", { role: "note" }, icon(symbol), h("p", h("b", title), h("small", detail)));
}

const join = (app, chat) => h("div.wall",
  h("button.primary", { onclick: () => app.join(chat) },
    chat.join_by_request ? "Ask to join" : chat.type === "channel" ? "Join channel" : "Join group"));

const obstacles = {
  not_a_member: (app, chat) => (chat.me.has_requested
    ? wall("lock", "You asked to join", "An admin has to approve it.") : join(app, chat)),
  banned: () => wall("lock", "You are banned here", "An admin can lift the ban."),
  channel: () => wall("megaphone", "Only admins post in this channel", "You read it."),
  closed: () => wall("lock", "You can't send messages here", "The group is closed for everybody."),
  muted: (app, chat) => wall("lock", "You can't send messages here",
    `Muted ${chat.me.muted_by ? `by ${chat.me.muted_by.name} ` : ""}${until(chat.me.until_date, app.state.now)}.`),
  start: (app, chat) => h("div.wall",
    h("button.primary", { onclick: () => app.start(chat) }, "Start")),
};

function composer(app, chat) {
  const { draft } = app;
  const field = h("textarea", {
    id: "composer", rows: "1", placeholder: chat.type === "channel" ? "Broadcast a post" : "Write a message",
    "aria-label": "Message", value: draft.text ?? "", maxlength: "4096",
    oninput: () => { app.draft.text = field.value; },
    onkeydown: (event) => {
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); form.requestSubmit(); }
      if (event.key === "Escape" && (draft.reply || draft.edit)) app.write({ text: "" });
    },
  });
  const about = draft.reply ? "Replying. Escape to stop." : draft.edit ? "Editing. Escape to stop." : null;
  const topic = chat.is_forum && chat.topics.length > 0 && h("select.field.topic", { "aria-label": "Topic", onchange: (event) => { app.draft.topic = Number(event.target.value) || null; },
  }, h("option", { value: "" }, "General"), chat.topics.map((one) => h("option", { value: String(one.id) }, one.name)));
  const form = h("form.composer", { onsubmit: (event) => { event.preventDefault(); app.send(field.value); },
  }, topic, field, h("button.round", { "aria-label": "Send" }, icon("send")));
  return h("div", about && h("p.small", about), form);
}

/** The composer, unless something stands in the way. */
export function showFoot(root, app) {
  const { chat, draft } = app;
  const fresh = chat.type === "private" && chat.messages.length === 0;
  const silence = fresh ? "start" : chat.me.silence;
  const key = `${app.viewer} ${chat.key} ${silence}`;
  patch(root, [{
    key,
    value: silence ? [chat.me.until_date, chat.me.muted_by, chat.me.has_requested] : [draft.number, chat.topics],
    build: () => (obstacles[silence] ? obstacles[silence](app, chat) : composer(app, chat)),
  }]);
}
