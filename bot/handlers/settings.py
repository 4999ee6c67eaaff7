"""`/settings`: a panel of buttons whose every press checks the presser's rights, or one line that sets all it names."""

from telegram import CallbackQuery, Message, Update
from telegram.constants import ChatType
from telegram.ext import ContextTypes

from bot.domain import links
from bot.domain.errors import TelegramError
from bot.domain.group import ProtectedGroup
from bot.domain.ids import GROUP_ANONYMOUS_BOT, GroupId, UserId
from bot.domain.message import Button, Outgoing
from bot.domain.policy import SETTINGS, Locked, Policy, choose
from bot.domain.prompt_text import PromptTextError, checked
from bot.handlers.panel import ANYBODY, CLOSE, EXPORT, MENU, PREFIX, RESET, TEXT, WORDS, Panel, Ticket, nonce_of, ticket
from bot.handlers.reading import bot_of
from bot.handlers.replies import Replies, is_anonymous_admin
from bot.handlers.usecases import UseCases
from bot.services.groups.authority import Say

__all__ = ["PREFIX", "Settings"]

# In private a panel is offered for each of one's groups, so many at a time: each may cost a question.
_ON_A_PAGE = 8
_MOST_PAGES = 10_000
_PAGES = f"{PREFIX}l:"


class Settings:
    """Shows and changes how strict the gate is."""

    def __init__(self, use: UseCases, replies: Replies) -> None:
        self._use = use
        self._replies = replies

    async def show(self, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
        """Answer `/settings`: in a group for it, in private for each of the sender's groups."""
        message = update.effective_message
        if message is not None and message.chat.type == ChatType.PRIVATE:
            await self._list_groups(update)
        else:
            await self._replies.for_admins(self._in_group, to_look=True)(update, context)

    async def pressed(self, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
        """Answer a press on a panel."""
        query = update.callback_query
        if query is None or query.data is None:
            return
        try:
            if query.data.startswith(_PAGES):
                key = await self._turn(update, query, query.data.removeprefix(_PAGES))
            else:
                key = await self._press(update, query, ticket(query.data))
        except TelegramError:
            key = "press.unknown"
        await self._replies.toast(update, key)

    async def in_private(self, update: Update, group_id: GroupId) -> None:
        """Open a group's panel in private, for whoever came by the link on the panel in the group."""
        bot, user = bot_of(update), UserId(update.effective_user.id if update.effective_user else 0)
        group = self._use.directory.group(bot, group_id)
        if group is None or not group.protected:
            await self._replies.reply(update, self._replies.say(update, "settings.none"))
            return
        try:
            say = await self._use.authority.of(group, user)
        except TelegramError:
            await self._replies.reply(update, self._replies.say(update, "command.unavailable"))
            return
        if say is not Say.YES:
            await self._replies.reply(update, self._replies.say(update, f"press.{say.value}"))
            return
        panel = self._panel(update, group, user).menu()
        await self._replies.reply(update, panel.text, panel.buttons)

    def _panel(self, update: Update, group: ProtectedGroup, user: UserId) -> Panel:
        """Draw for the chat that the update is from; in the group there is a way into the private chat."""
        chat = update.effective_chat
        in_group = chat is not None and chat.type != ChatType.PRIVATE
        elsewhere = links.settings(update.get_bot().username, group.group_id) if in_group else None
        return Panel(self._use.texts, self._replies.language(update), group, user, elsewhere=elsewhere)

    async def _list_groups(self, update: Update) -> None:
        shown = await self._page(update, 0)
        await self._replies.reply(update, shown.text, shown.buttons)

    async def _page(self, update: Update, page: int) -> Outgoing:
        """List some of the groups that somebody has set up, and may set up still."""
        bot, user = bot_of(update), UserId(update.effective_user.id if update.effective_user else 0)
        groups = self._use.directory.set_up_by(bot, user)
        rows: list[tuple[Button, ...]] = []
        for group in groups[page * _ON_A_PAGE : (page + 1) * _ON_A_PAGE]:
            try:
                allowed = await self._use.authority.of(group, user) is Say.YES
            except TelegramError:
                continue
            if allowed:
                data = str(Ticket(group.group_id, user, nonce_of(group), MENU))
                rows.append((Button(group.title or str(group.group_id), data=data),))
        turns = [("◀", page - 1)] * (page > 0) + [("▶", page + 1)] * (len(groups) > (page + 1) * _ON_A_PAGE)
        if turns:
            rows.append(tuple(Button(sign, data=f"{_PAGES}{number}") for sign, number in turns))
        return Outgoing(self._replies.say(update, "settings.pick" if rows else "settings.none"), tuple(rows))

    async def _turn(self, update: Update, query: CallbackQuery, page: str) -> str:
        if query.message is None or query.message.chat.type != ChatType.PRIVATE or not page.isdecimal():
            return "press.stale"
        shown = await self._page(update, min(int(page), _MOST_PAGES))
        return "" if await self._replies.redraw(update, shown) else "press.unknown"

    async def _in_group(self, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
        message = update.effective_message
        group = self._use.directory.group(bot_of(update), GroupId(message.chat.id)) if message else None
        if message is None or message.from_user is None or group is None or not group.protected:
            await self._replies.unprotected(update)
            return
        choices, *words = (message.text or "").split(TEXT, 1)
        policy, wrong = _read(group.policy, choices.split()[1:])
        if wrong is not None:
            await self._replies.reply(update, self._replies.say(update, "settings.unknown_option", part=wrong))
            return
        try:
            wording = checked(words[0]) if words else group.prompt_text
        except PromptTextError as error:
            await self._replies.reply(update, self._replies.say(update, error.key, **error.values))
            return
        if policy != group.policy or wording != group.prompt_text:
            allowed = await self._allowed(message, group, policy)
            if allowed is not Say.YES:
                await self._replies.reply(update, self._replies.say(update, f"press.{allowed.value}"))
                return
            user = UserId(message.from_user.id)
            if wording != group.prompt_text:
                group = await self._use.policies.word(group, wording, user)
            group = await self._chosen(group, policy, user)
        user = ANYBODY if message.from_user.id == GROUP_ANONYMOUS_BOT else UserId(message.from_user.id)
        panel = self._panel(update, group, user).menu()
        await self._replies.reply(update, panel.text, panel.buttons)

    async def _allowed(self, message: Message, group: ProtectedGroup, policy: Policy) -> Say:
        locks = policy.locked != group.policy.locked
        if is_anonymous_admin(message):
            # Nobody knows whether it is the owner.
            return Say.LOCKED if locks or group.policy.locked is not Locked.OFF else Say.YES
        user = UserId(message.from_user.id if message.from_user else 0)
        return await self._use.authority.of(group, user, as_owner=locks)

    async def _press(self, update: Update, query: CallbackQuery, pressed: Ticket | None) -> str:
        user, bot = UserId(query.from_user.id), bot_of(update)
        group = self._use.directory.group(bot, pressed.group) if pressed is not None else None
        if pressed is None or query.message is None or group is None or not group.protected:
            return "press.stale"
        if query.message.chat.id not in {group.group_id, user}:
            return "press.stale"
        if pressed.user not in {ANYBODY, user}:
            return "press.not_yours"
        say = await self._use.authority.of(group, user, as_owner=pressed.action.startswith("locked="))
        if say is not Say.YES:
            return f"press.{say.value}"
        if pressed.action == CLOSE:
            await self._replies.take_away(update)
            return ""
        key, action = "", pressed.action
        if action == RESET:
            group, key, action = await self._use.policies.word(group, None, user), "settings.saved", WORDS
        if "=" in action:
            group, key = await self._choose(group, pressed, user)
            action = MENU if key else action.partition("=")[0]
        # Where it shows what it showed the setting is saved all the same, and the next press finds out.
        drawn = await self._replies.redraw(update, _page(self._panel(update, group, pressed.user), action))
        return key or ("settings.saved" if "=" in pressed.action else "" if drawn else "press.unknown")

    async def _choose(self, group: ProtectedGroup, pressed: Ticket, user: UserId) -> tuple[ProtectedGroup, str]:
        """Change what the panel shows, unless somebody else has changed it since: then show that first."""
        if pressed.nonce != nonce_of(group):
            return group, "press.outdated"
        policy, wrong = _read(group.policy, [pressed.action])
        if wrong is not None:
            return group, "press.stale"
        return await self._chosen(group, policy, user), ""

    async def _chosen(self, group: ProtectedGroup, policy: Policy, user: UserId) -> ProtectedGroup:
        changed = await self._use.policies.choose(group, policy, user)
        # What is wanted now may need rights that were not needed before.
        await self._use.rights.changed(group.bot_id, group.group_id)
        return changed


def _read(policy: Policy, parts: list[str]) -> tuple[Policy, str | None]:
    """Choose everything that is named; return what is not understood, if anything is."""
    for part in parts:
        name, _, option = part.partition("=")
        try:
            policy = choose(policy, name, option)
        except ValueError:
            return policy, part
    return policy, None


def _page(panel: Panel, action: str) -> Outgoing:
    if action in {EXPORT, WORDS}:
        return panel.export() if action == EXPORT else panel.words()
    return panel.setting(action) if action in SETTINGS else panel.menu()
