// Links that add a bot, and keys that ask for a chat: the app lists chats, the person picks one.

import { avatar, byId, h } from "./dom.js";
import { describe } from "./format.js";

const governs = (chat) => ["creator", "administrator"].includes(chat.me.status);

/** Ask which of the viewer's chats it shall be; resolves with null when they close the list. */
export function pickChat(app, title, isChannel) {
  const dialog = byId("picker");
  const fitting = app.state.chats.filter((chat) => governs(chat) && (chat.type === "channel") === isChannel && chat.type !== "private");
  return new Promise((resolve) => {
    const choose = (chat) => { dialog.close(); resolve(chat); };
    dialog.replaceChildren(
      h("h2", title),
      fitting.length ? h("div.options", fitting.map((chat) => h("button.option", { onclick: () => choose(chat) },
        avatar(chat), h("span", h("b", chat.title), h("small", describe(chat))))))
        : h("p", `You are an admin of no ${isChannel ? "channel" : "group"}.`),
      h("button.plain", { onclick: () => choose(null) }, "Cancel"));
    dialog.oncancel = () => resolve(null);
    dialog.showModal();
  });
}

/** Follow `?startgroup=` and `?startchannel`: the bot gets the rights asked for beside those it has. */
export async function addBot(app, bot, url) {
  const query = new URL(url).searchParams;
  const isChannel = query.has("startchannel");
  const chat = await pickChat(app, `Add ${bot.title} to`, isChannel);
  if (!chat) return;
  const asked = (query.get("admin") ?? "").split(/[+ ]/u).filter(Boolean).map((right) => `can_${right}`);
  const target = Number(bot.key);
  const held = app.member(chat, target)?.rights ?? [];
  await app.act("promote", { chat: chat.key, target, rights: [...new Set([...held, ...asked])] });
  const payload = query.get("startgroup");
  if (payload) await app.act("say", { chat: chat.key, text: `/start@${bot.username} ${payload}` });
  app.open(chat.key);
}

/** The keys below the composer, until one of them is used. */
export function replyKeys(app, chat) {
  const last = chat.messages.findLast((message) => message.keyboard || message.mine || (message.service && message.from.id === app.viewer));
  if (!last?.keyboard) return null;
  return h("div.replykeys", last.keyboard.map((row) => h("div", row.map((key) => h("button.key", { dir: "auto", onclick: () => use(app, chat, key) }, key.text)))));
}

async function use(app, chat, key) {
  if (key.request_id === null) { app.act("say", { chat: chat.key, text: key.text }); return; }
  const shared = await pickChat(app, key.text, key.wants_channel);
  if (shared) await app.act("share_chat", { bot: chat.key, request_id: key.request_id, shared: shared.key });
}
