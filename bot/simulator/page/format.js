// Times, names and states in words.

const date = (seconds) => new Date(seconds * 1000);
export const time = (seconds) => date(seconds).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
export const longDay = (seconds) => date(seconds).toLocaleDateString([], { dateStyle: "long" });
export const iso = (seconds) => date(seconds).toISOString();

/** "until 14:05", "until 3 March 2027", or what Telegram's zero means. */
export function until(seconds, now) {
  if (!seconds) return "until an admin lifts it";
  return `until ${seconds - now < 72_000 ? time(seconds) : longDay(seconds)}`;
}

/** One word for a membership, as badges show it. */
export function standing(member) {
  if (member?.is_muted && member.is_in) return "muted";
  const words = { creator: "owner", administrator: "admin", restricted: member?.is_in ? "restricted" : "left", left: "not in" };
  return words[member?.status] ?? member?.status ?? "not in";
}

export const kind = (chat) => ({ supergroup: "group", private: "bot" })[chat.type] ?? chat.type;

/** "private group, 5 members" */
export function describe(chat) {
  if (chat.type === "private") return "bot";
  const count = chat.members_count;
  return `${chat.username ? "public" : "private"} ${kind(chat)}, ${count} ${chat.type === "channel" ? "subscriber" : "member"}${count === 1 ? "" : "s"}`;
}
