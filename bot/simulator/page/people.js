// Who one is, and which chats there are.

import { avatar, h, heading, patch } from "./dom.js";
import { iso, kind, standing, time } from "./format.js";

/** The row of people to be. */
export function showPersonas(root, app) {
  const { state, chat } = app;
  const about = app.world.chats.find((other) => other.key === (chat.type === "private" ? app.group : chat)?.key);
  patch(root, state.users.map((person) => {
    const chosen = person.id === app.viewer;
    const word = standing(app.member(about, person.id));
    return {
      key: person.id,
      value: [person, chosen, word],
      build: () => h("button.persona", { role: "radio", "aria-checked": String(chosen),
        tabindex: chosen ? "0" : "-1", "data-tone": word,
        onclick: () => app.be(person.id),
      }, avatar(person), h("span", h("b", person.name), h("small", word))),
    };
  }));
}

const lastLine = (message) => {
  if (!message) return "";
  if (message.service) return message.service_text ?? "";
  return `${message.mine ? "You" : message.from.name}: ${message.text || "Photo"}`;
};

function chatItem(app, chat) {
  const last = chat.messages.at(-1);
  const line = lastLine(last) || (chat.type === "private" ? "Press Start to begin" : kind(chat));
  const current = chat.key === app.chat?.key;
  return {
    key: chat.key,
    value: [chat.title, chat.type, line, last?.at, current],
    build: () => h("button.chatitem", { "aria-current": String(current), "data-chat": chat.key, onclick: () => app.open(chat.key) },
    avatar(chat),
    h("b", { dir: "auto" }, chat.title),
    last ? h("time", { datetime: iso(last.at) }, time(last.at)) : h("span"),
    h("small", { dir: "auto" }, line)),
  };
}

/** The chats one is in, then the others one could join. */
export function showChats(root, app) {
  const inside = app.state.chats.filter((chat) => chat.me.is_in || chat.type === "private");
  const outside = app.state.chats.filter((chat) => !inside.includes(chat));
  const latest = (chat) => chat.messages.at(-1)?.at ?? 0;
  inside.sort((one, other) => latest(other) - latest(one));
  patch(root, [
    heading("Chats"), ...inside.map((chat) => chatItem(app, chat)),
    ...(outside.length ? [heading("Not joined")] : []), ...outside.map((chat) => chatItem(app, chat)),
  ]);
}
