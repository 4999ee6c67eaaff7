// The members of the chat and what the viewer may do with them.

import { avatar, h, icon, patch } from "./dom.js";
import { headcount, kind, standing, until } from "./format.js";

const BOT_RIGHTS = {
  channel: ["can_manage_chat", "can_post_messages", "can_invite_users"],
  supergroup: ["can_manage_chat", "can_delete_messages", "can_restrict_members", "can_invite_users"],
};

const commands = (app, chat, member) => {
  const state = standing(member);
  const target = member.id;
  const on = (text, action, details = {}, tone = undefined) => ({ text, tone, run: () => app.act(action, { chat: chat.key, target, ...details }) });
  if (state === "kicked") return [on("Lift the ban", "unban")];
  const found = [];
  if (chat.type === "supergroup" && !member.is_bot && !["owner", "admin"].includes(state)) {
    if (state === "muted" || state === "restricted") found.push(on("Unmute", "unmute"));
    if (state !== "muted") {
      found.push(on("Mute for an hour", "mute", { until: Math.floor(app.state.now) + 3600 }), on("Mute", "mute"));
    }
  }
  if (state === "admin") found.push(on("Demote", "demote", "danger"));
  else if (state === "member") {
    found.push(on("Make admin", "promote", member.is_bot ? { rights: BOT_RIGHTS[chat.type] } : {}));
    if (chat.type === "supergroup" && !member.is_bot) found.push(on("Make anonymous admin", "promote", { anonymous: true }));
  }
  found.push(on("Remove", "remove", "danger"), on("Ban", "ban", "danger"));
  return found;
};

const governs = (chat) => chat.type !== "private" && ["creator", "administrator"].includes(chat.me.status);

function menu(app, chat, member) {
  if (!governs(chat) || member.id === app.viewer || member.status === "creator") return h("span");
  return h("details.menu",
    h("summary", { "aria-label": `What to do with ${member.name}` }, icon("more")),
    h("ul", commands(app, chat, member).map(({ text, tone, run }) => h("li", {},
      h("button", { class: tone, onclick: (event) => { event.target.closest("details").open = false; run(); } }, text)))));
}

function note(app, member) {
  if (member.is_muted || (member.status === "restricted" && member.until_date)) return until(member.until_date, app.state.now);
  if (member.is_anonymous) return "anonymous";
  if (member.custom_title) return member.custom_title;
  return member.is_bot ? "bot" : member.username ? `@${member.username}` : "";
}

function memberItem(app, chat, member) {
  const state = standing(member);
  return {
    key: `member ${member.id}`,
    value: [member, chat.me.status, app.viewer],
    build: () => h("div.member", { "data-state": state, "data-member": String(member.id) },
      avatar({ id: member.id, name: member.name, kind: member.is_bot ? "bot" : "user" }),
      h("span.name", member.name, h("small", note(app, member))),
      h("span.badge", { "data-state": state }, state),
      menu(app, chat, member)),
  };
}

function about(app, chat) {
  const line = chat.type === "private" ? "A private chat with a bot." : `${chat.username ? "Public" : "Private"} ${kind(chat)}, ${headcount(chat)}`;
  return {
    key: "about",
    value: [chat.key, chat.title, line, chat.link, chat.description],
    build: () => h("div.about", h("h3", chat.title), h("p.small", line),
      chat.username && h("p.small", chat.type === "private" ? `@${chat.username}` : chat.link),
      chat.description && h("p.small", chat.description)),
  };
}

const ownActions = (app, chat) => {
  if (chat.type === "private") return [];
  const button = (text, action, tone = "") => h("button", { class: `plain ${tone}`, onclick: action }, text);
  const missing = governs(chat) ? [...app.state.users, ...app.state.bots].filter((one) => !app.member(chat, one.id)?.is_in) : [];
  const word = chat.type === "channel" ? "channel" : "group";
  return [{
    key: "actions",
    value: [chat.key, app.viewer, chat.me, missing],
    build: () => h("div.actions",
      chat.me.is_in && chat.me.status !== "creator" && button(`Leave ${word}`, () => app.act("leave", { chat: chat.key }), "danger"),
      !chat.me.is_in && chat.me.can_join && button(`Join ${word}`, () => app.join(chat)),
      missing.length > 0 && h("select.field", { "aria-label": "Add somebody",
        onchange: (event) => app.act("add", { chat: chat.key, target: Number(event.target.value) }),
      }, h("option", { value: "" }, "Add somebody"), missing.map((one) => h("option", { value: String(one.id) }, one.name)))),
  }];
};

function requestItem(app, chat, person) {
  const decide = (text, action) => h("button.plain", { onclick: () => app.act(action, { chat: chat.key, target: person.id }) }, text);
  return {
    key: `request ${person.id}`,
    value: person,
    build: () => h("div.member", avatar(person), h("span.name", person.name),
      decide("Approve", "approve"), decide("Decline", "decline")),
  };
}

const heading = (text) => ({ key: text, value: text, build: () => h("h2", text) });

const RANK = { creator: 0, administrator: 1 };

export function showDetails(root, app) {
  const { chat } = app;
  const members = [...chat.members].sort((one, other) => (RANK[one.status] ?? 2) - (RANK[other.status] ?? 2));
  const asking = governs(chat) ? chat.join_requests ?? [] : [];
  const none = chat.type === "channel" && !governs(chat) ? "Only admins of a channel see who is in it." : "Nobody to show.";
  patch(root, [
    about(app, chat), ...ownActions(app, chat),
    ...(asking.length ? [heading("Asking to join")] : []), ...asking.map((person) => requestItem(app, chat, person)),
    ...(chat.type === "private" ? [] : [heading("Members")]), ...members.map((member) => memberItem(app, chat, member)),
    ...(members.length || chat.type === "private" ? [] : [{ key: "none", value: none, build: () => h("p.small.about", none) }]),
  ]);
}
