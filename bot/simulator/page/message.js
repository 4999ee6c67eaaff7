// One message: its text with entities, its buttons, what one may do with it.

import { avatar, h, icon } from "./dom.js";
import { iso, time } from "./format.js";

const TAGS = { bold: "strong", italic: "em", underline: "u", strikethrough: "s", code: "code", pre: "code",
  blockquote: "blockquote", expandable_blockquote: "blockquote", spoiler: "span.spoiler", text_mention: "strong", text_link: "strong" };

// A link in a message must not become a script.
const safe = (url) => (/^(https?|tg):/iu.test(url) ? url : `https://${url}`);

function wrap(app, entity, piece, children) {
  const url = { url: piece, text_link: entity.url, mention: `t.me/${piece.slice(1)}` }[entity.type];
  if (!url || url.startsWith("tg://user")) return h(TAGS[entity.type] ?? "span", children);
  return h("a", { href: safe(url), onclick: (event) => { event.preventDefault(); app.follow(safe(url)); } }, children);
}

/** Text as nodes; entities may nest, offsets count UTF-16 units as JavaScript does. */
function rich(app, text, entities, at, end) {
  const nodes = [];
  const ordered = [...entities].sort((one, other) => one.offset - other.offset || other.length - one.length);
  ordered.forEach((entity, index) => {
    const { offset } = entity;
    const stop = offset + entity.length;
    if (offset < at || stop > end) return;
    nodes.push(text.slice(at, offset), wrap(app, entity, text.slice(offset, stop), rich(app, text, ordered.slice(index + 1), offset, stop)));
    at = stop;
  });
  return [...nodes, text.slice(at, end)];
}

function key(app, chat, message, button) {
  const { text, url, style } = button;
  const busy = app.isBusy(chat, message, button);
  const more = url ? { role: "link", title: url, onclick: () => app.follow(safe(url), button.chat) }
    : { "aria-busy": String(busy), disabled: busy, onclick: () => app.press(chat, message, button) };
  return h("button.key", { "data-style": style, dir: "auto", ...more }, text, url && icon("out"));
}

/** A menu behind three dots; an item is [text, action, is it dangerous]. */
export function menu(label, items) {
  return h("details.menu", { ontoggle: ({ target }) => target.lastChild.scrollIntoView({ block: "nearest" }) }, h("summary", { "aria-label": label }, icon("more")),
    h("ul", items.filter(Boolean).map(([text, action, danger]) => h("li", h("button", {
      class: danger && "danger",
      onclick: (event) => { event.target.closest("details").open = false; action(); },
    }, text)))));
}

function choices(app, chat, message) {
  const items = [
    chat.me.can_speak && !message.ephemeral_id && ["Reply", () => app.write({ reply: message.id })],
    message.can_edit && ["Edit", () => app.write({ edit: message.id, text: message.text })],
    message.can_delete && ["Delete", () => app.act("delete", { chat: chat.key, message: message.id }), true],
  ];
  return items.some(Boolean) && menu("What to do with this message", items);
}

function sender(chat, message) {
  const topic = chat.topics.find((one) => one.id === message.topic)?.name;
  const tags = [message.from.is_bot && "bot", message.signature, message.is_automatic_forward && "from the channel", topic];
  return h("div.who", message.from.name, tags.filter(Boolean).map((tag) => h("span.tag", tag)));
}

/** The element for one message; `follows` means the one before is by the same sender. */
export function messageNode(app, chat, message, follows) {
  const { from, text } = message;
  if (message.service) return h("div.service", message.service_text ?? "Something changed");
  const kinds = ["message", message.mine && "own", follows && "follows", message.ephemeral_id && "ephemeral", message.edited_at && "edited"];
  const quoted = chat.messages.find((other) => other.id === message.reply_to);
  return h("article", { class: kinds.filter(Boolean).join(" ") },
    avatar(from),
    h("div.body",
      h("div.bubble",
        message.ephemeral_id && h("div.only-you", icon("eye"), "Only you can see this"),
        !message.mine && !follows && sender(chat, message),
        quoted && h("div.quote", `${quoted.from.name}: ${quoted.text}`),
        message.picture ? h("img.picture", { src: message.picture, alt: "Picture" }) : message.photo && h("div.quote", "Photo"),
        h("div.text", { dir: "auto" }, rich(app, text, message.entities, 0, text.length)),
        h("div.meta", message.edited_at && "edited", h("time", { datetime: iso(message.at) }, time(message.at)))),
      h("div.keys", message.buttons.map((row) => h("div", row.map((button) => key(app, chat, message, button)))))),
    choices(app, chat, message));
}
