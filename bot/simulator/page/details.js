// The members of the chat and what the viewer may do with them.

import { avatar, h, heading, patch } from "./dom.js";
import { describe, kind, standing, until } from "./format.js";
import { menu } from "./message.js";

const BOT_RIGHTS = {
  channel: ["can_manage_chat", "can_post_messages", "can_invite_users"],
  supergroup: ["can_manage_chat", "can_delete_messages", "can_restrict_members", "can_invite_users"],
};

const governs = (chat) => chat.type !== "private" && ["creator", "administrator"].includes(chat.me.status);

function commands(app, chat, member) {
  const state = standing(member);
  const plain = chat.type === "supergroup" && !member.is_bot && !["owner", "admin"].includes(state);
  const on = (text, action, details = {}, danger = false) =>
    [text, () => app.act(action, { chat: chat.key, target: member.id, ...details }), danger];
  if (state === "kicked") return [on("Lift the ban", "unban")];
  return [
    plain && state !== "member" && on("Unmute", "unmute"),
    plain && state !== "muted" && on("Mute", "mute"),
    plain && state !== "muted" && on("Mute for an hour", "mute", { until: Math.floor(app.state.now) + 3600 }),
    state === "member" && on("Make admin", "promote", member.is_bot ? { rights: BOT_RIGHTS[chat.type] } : {}),
    state === "member" && plain && on("Make anonymous admin", "promote", { anonymous: true }),
    state === "admin" && on("Demote", "demote", {}, true),
    on("Remove", "remove", {}, true),
    on("Ban", "ban", {}, true),
  ];
}

function note(app, member) {
  if (member.status === "restricted") return until(member.until_date, app.state.now);
  return member.is_anonymous ? "anonymous" : member.is_bot ? "bot" : member.custom_title;
}

function memberItem(app, chat, member) {
  const state = standing(member);
  const line = note(app, member);
  const governed = governs(chat) && member.id !== app.viewer && member.status !== "creator";
  return {
    key: `member ${member.id}`,
    value: [member, line, governed, app.viewer],
    build: () => h("div.member", { "data-member": String(member.id) },
      avatar(member),
      h("span.name", member.name, line && h("small", line)),
      h("span.badge", { "data-state": state }, state),
      governed && menu(`What to do with ${member.name}`, commands(app, chat, member))),
  };
}

function about(app, chat) {
  return {
    key: "about",
    value: [chat.title, describe(chat), chat.link, chat.description],
    build: () => h("div.about", h("h3", chat.title), h("p.small", describe(chat)),
      h("p.small", chat.description ?? (chat.username && chat.link))),
  };
}

/** A bot can be in a channel only as an admin. */
function add(app, chat, { id: target }) {
  const details = { chat: chat.key, target };
  const isBot = app.state.bots.some((bot) => bot.id === target);
  return isBot && chat.type === "channel" ? app.act("promote", { ...details, rights: BOT_RIGHTS.channel }) : app.act("add", details);
}

function ownActions(app, chat) {
  const missing = governs(chat) ? [...app.state.users, ...app.state.bots].filter((one) => !app.member(chat, one.id)?.is_in) : [];
  const { me } = chat;
  return {
    key: "actions",
    value: [chat.key, app.viewer, me, missing],
    build: () => h("div.actions",
      me.is_in && me.status !== "creator"
        && h("button.plain.danger", { onclick: () => app.act("leave", { chat: chat.key }) }, `Leave ${kind(chat)}`),
      missing.length > 0 && h("select.field", {
        "aria-label": "Add somebody",
        onchange: (event) => add(app, chat, missing[event.target.selectedIndex - 1]),
      }, h("option", "Add somebody"), missing.map((one) => h("option", one.name)))),
  };
}

function requestItem(app, chat, person) {
  const decide = (text, action) => h("button.plain", { onclick: () => app.act(action, { chat: chat.key, target: person.id }) }, text);
  return {
    key: `request ${person.id}`,
    value: person,
    build: () => h("div.member", avatar(person), h("span.name", person.name), decide("Approve", "approve"), decide("Decline", "decline")),
  };
}

const RANK = { creator: 0, administrator: 1 };

export function showDetails(root, app) {
  const { chat } = app;
  if (chat.type === "private") { patch(root, [about(app, chat)]); return; }
  const members = [...chat.members].sort((one, other) => (RANK[one.status] ?? 2) - (RANK[other.status] ?? 2));
  const asking = governs(chat) ? chat.join_requests : [];
  const none = "Only its admins see who is in a channel.";
  patch(root, [
    about(app, chat), ownActions(app, chat),
    ...asking.flatMap((person, index) => [...(index ? [] : [heading("Asking to join")]), requestItem(app, chat, person)]),
    heading("Members"), ...members.map((member) => memberItem(app, chat, member)),
    ...(members.length ? [] : [{ key: "none", value: none, build: () => h("p.small.about", none) }]),
  ]);
}
