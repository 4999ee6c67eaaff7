// Times, names and states in words.

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const precise = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "long", year: "numeric" });

const date = (seconds) => new Date(seconds * 1000);
export const time = (seconds) => clock.format(date(seconds));
export const exactTime = (seconds) => precise.format(date(seconds));
export const longDay = (seconds) => day.format(date(seconds));
export const iso = (seconds) => date(seconds).toISOString();

/** "until 3 March 2027", "until 14:05" or, with Telegram's zero, nothing to wait for. */
export function until(seconds, now) {
  if (!seconds) return "until an admin lifts it";
  return seconds - now < 72_000 ? `until ${time(seconds)}` : `until ${longDay(seconds)}`;
}

/** One word for a membership, as badges show it. */
export function standing(member) {
  if (!member) return "not in";
  if (member.is_muted && member.is_in !== false) return "muted";
  const words = { creator: "owner", administrator: "admin", restricted: member.is_in ? "restricted" : "left" };
  return words[member.status] ?? member.status;
}

export const kind = (chat) => ({ supergroup: "group", private: "bot" })[chat.type] ?? chat.type;

export function headcount(chat) {
  const count = chat.members_count;
  const word = chat.type === "channel" ? "subscriber" : "member";
  return `${count} ${word}${count === 1 ? "" : "s"}`;
}
