// One message: its text with entities, its buttons, what one may do with it.

import { avatar, h, icon } from "./dom.js";
import { exactTime, iso, time } from "./format.js";

const TAGS = { bold: "strong", italic: "em", underline: "u", strikethrough: "s", code: "code", pre: "code",
  blockquote: "blockquote", expandable_blockquote: "blockquote" };

function wrap(app, entity, piece, children) {
  const { type } = entity;
  if (type === "url" || type === "text_link") {
    const url = entity.url ?? piece;
    return h("a", { href: safe(url), onclick: (event) => { event.preventDefault(); app.follow(url); } }, children);
  }
  if (type === "mention") {
    const url = `https://t.me/${piece.slice(1)}`;
    return h("a", { href: url, onclick: (event) => { event.preventDefault(); app.follow(url); } }, children);
  }
  if (type === "spoiler") return h("span.spoiler", { tabindex: "0" }, children);
  if (type === "text_mention" || type === "bot_command") return h("span.mention", children);
  return TAGS[type] ? h(TAGS[type], children) : children;
}

// A link in a message must not become a script.
const safe = (url) => (/^(https?|tg):/iu.test(url) ? url : `https://${url}`);

/** Text as nodes; entities may nest, offsets count UTF-16 units as JavaScript does. */
export function rich(app, text, entities, from = 0, to = text.length) {
  const nodes = [];
  let at = from;
  const ordered = [...entities].sort((one, other) => one.offset - other.offset || other.length - one.length);
  ordered.forEach((entity, index) => {
    const end = entity.offset + entity.length;
    if (entity.offset < at || end > to) return;
    if (entity.offset > at) nodes.push(text.slice(at, entity.offset));
    const inner = ordered.slice(index + 1).filter((other) => other.offset + other.length <= end);
    nodes.push(wrap(app, entity, text.slice(entity.offset, end), rich(app, text, inner, entity.offset, end)));
    at = end;
  });
  if (at < to) nodes.push(text.slice(at, to));
  return nodes.flat();
}

function key(app, chat, message, button) {
  const attributes = { class: "key", "data-style": button.style };
  if (button.url) {
    return h("button", { ...attributes, role: "link", title: button.url, onclick: () => app.follow(button.url, button.chat) },
      button.text, icon("out"));
  }
  const busy = app.isBusy(chat, message, button);
  return h("button", { ...attributes, "aria-busy": String(busy), disabled: busy, onclick: () => app.press(chat, message, button) },
    button.text);
}

function menu(app, chat, message) {
  const item = (text, action, tone) => h("li", h("button", { class: tone, onclick: action }, text));
  if (message.ephemeral_id || !chat.me.can_speak) return message.can_delete ? list([item("Delete", remove, "danger")]) : null;
  function remove() { app.act("delete", { chat: chat.key, message: message.id }); }
  function list(items) {
    return h("details.menu",
      h("summary", { "aria-label": "What to do with this message" }, icon("more")), h("ul", items));
  }
  return list([
    item("Reply", () => app.write({ reply: message.id })),
    message.can_edit && item("Edit", () => app.write({ edit: message.id, text: message.text })),
    message.can_delete && item("Delete", remove, "danger"),
  ]);
}

function header(chat, message) {
  const tags = [];
  if (message.from.is_bot) tags.push("bot");
  if (message.signature) tags.push(message.signature);
  if (message.is_automatic_forward) tags.push("from the channel");
  if (message.topic) tags.push(chat.topics.find((topic) => topic.id === message.topic)?.name ?? `topic ${message.topic}`);
  return h("div.who", message.from.name, tags.map((tag) => h("span.tag", tag)));
}

/** The element for one message; `follows` means the one before is by the same sender. */
export function messageNode(app, chat, message, follows) {
  if (message.service) return h("div.service", message.service_text ?? "Something changed");
  const kinds = ["message", message.mine && "own", follows && "follows", message.ephemeral_id && "ephemeral"];
  const quoted = message.reply_to && chat.messages.find((other) => other.id === message.reply_to);
  const rows = message.buttons ?? [];
  return h("article", { class: kinds.filter(Boolean).join(" "), "data-message": String(message.id) },
    avatar({ id: message.from.id, name: message.from.name, kind: message.from.is_bot ? "bot" : "user" }),
    h("div.body",
      h("div", { class: message.edited_at ? "bubble edited" : "bubble" },
        message.ephemeral_id && h("div.only-you", icon("eye"), "Only you can see this"),
        !message.mine && !follows && header(chat, message),
        quoted && h("div.quote", `${quoted.from.name}: ${quoted.text}`),
        message.photo && h("div.quote", "Photo"),
        h("div.text", { dir: "auto" }, rich(app, message.text, message.entities ?? [])),
        h("div.meta", message.edited_at && h("span", "edited"),
          h("time", { datetime: iso(message.at), title: exactTime(message.at) }, time(message.at)))),
      rows.length > 0 && h("div.keys", rows.map((row) => h("div", row.map((button) => key(app, chat, message, button)))))),
    menu(app, chat, message));
}
