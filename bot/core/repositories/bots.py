"""The hosted bots, as rows of PostgreSQL. Tokens and secrets are sealed before they leave the process."""

from collections.abc import Sequence

from bot.core.crypto import Vault
from bot.core.postgres.database import Database, Record
from bot.core.repositories.configuration import audit, current_seq, next_seq
from bot.domain.errors import AlreadyHostedError, NotHostedError, SettingsError
from bot.domain.hosting import BotIdentity, BotSummary, HostedBot
from bot.domain.ids import BotId, UserId
from bot.domain.operator import By
from bot.domain.secret import Secret


class BotStore:
    """Reads and changes the bots. Every change that instances must hear of bumps the configuration counter."""

    def __init__(self, *, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    async def take_over(self, bot: BotId, token: Secret) -> None:
        """Host the bot of BOT_TOKEN; the same token at the next start does not undo what was rotated since."""
        source = token.fingerprint()
        known = await self._database.row("token_source", bot)
        if known is not None and known["token_from"] == source:
            return
        async with self._database.transaction() as session:
            await session.execute("take_token", bot, self._vault.seal(token), source, await next_seq(session))

    async def changed_since(self, seq: int) -> tuple[int, Sequence[HostedBot], frozenset[BotId] | None]:
        """Return the configuration counter, the bots changed after `seq`, and which there are; None: as before."""
        async with self._database.transaction() as session:
            now = await current_seq(session)
            if now == seq:
                return now, (), None
            changed = [self._hosted(row) for row in await session.rows("bots_changed_since", seq)]
            return now, changed, frozenset(BotId(row["bot_id"]) for row in await session.rows("bot_ids"))

    async def summaries(self) -> Sequence[BotSummary]:
        """Return all bots as operators see them, by name."""
        return [BotSummary(**row) for row in await self._database.rows("bot_summaries")]

    async def hosted(self, bot: BotId) -> HostedBot:
        """Return one bot with its secrets. Raises NotHostedError."""
        _, bots, _ = await self.changed_since(-1)
        for each in bots:
            if each.bot_id == bot:
                return each
        raise NotHostedError(f"there is no bot {bot}")

    async def add(self, identity: BotIdentity, token: Secret, name: str | None, by: By) -> None:
        """Host a bot with a webhook secret of its own. Raises AlreadyHostedError."""
        async with self._database.transaction() as session:
            seq, bot = await next_seq(session), identity.bot_id
            sealed, secret = self._vault.seal(token), self._vault.seal(self._vault.new_secret())
            if await session.row("add_bot", bot, identity.username, name, sealed, secret, seq) is None:
                raise AlreadyHostedError(f"the bot {bot}, or another one of that name, is hosted already")
            await audit(session, bot, by, "bot_add", None, {"username": identity.username})

    async def change_token(self, identity: BotIdentity, token: Secret, by: By) -> None:
        """Exchange the token. Raises NotHostedError."""
        async with self._database.transaction() as session:
            seq, bot = await next_seq(session), identity.bot_id
            _found(await session.row("change_token", bot, self._vault.seal(token), identity.username, seq), bot)
            await audit(session, bot, by, "bot_rotate_token", None, {})

    async def change_secret(self, bot: BotId, by: By) -> None:
        """Exchange the webhook secret; the former one counts until Telegram uses the new one."""
        former = (await self.hosted(bot)).secrets
        async with self._database.transaction() as session:
            seq, sealed = await next_seq(session), self._vault.seal(self._vault.new_secret())
            old = self._vault.seal(former[0]) if former else None
            _found(await session.row("change_secret", bot, sealed, old, seq), bot)
            await audit(session, bot, by, "bot_rotate_secret", None, {})

    async def drop_former_secret(self, bot: BotId) -> bool:
        """Accept only the new secret from now on; False when that was so already."""
        async with self._database.transaction() as session:
            return await session.row("drop_former_secret", bot, await next_seq(session)) is not None

    async def renamed(self, bot: BotId, username: str) -> None:
        """Note the username that Telegram tells."""
        async with self._database.transaction() as session:
            await session.execute("rename_bot", bot, username, await next_seq(session))

    async def mark_refused(self, bot: BotId, seq: int) -> bool:
        """Note that Telegram refuses the token this bot had at `seq`; False when it was exchanged since."""
        async with self._database.transaction() as session:
            if await session.row("mark_refused", bot, seq, await next_seq(session)) is None:
                return False
            await audit(session, bot, UserId(bot), "bot_token_refused", None, {})
            return True

    async def clear_refused(self, bot: BotId) -> bool:
        """Note that Telegram accepts the token again."""
        async with self._database.transaction() as session:
            if await session.row("clear_refused", bot, await next_seq(session)) is None:
                return False
            await audit(session, bot, UserId(bot), "bot_token_accepted", None, {})
            return True

    async def switch(self, bot: BotId, *, enabled: bool, by: By) -> None:
        """Have instances serve the bot, or not. Raises NotHostedError."""
        async with self._database.transaction() as session:
            _found(await session.row("switch_bot", bot, enabled, await next_seq(session)), bot)
            await audit(session, bot, by, "bot_enable" if enabled else "bot_disable", None, {})

    async def pause_groups(self, bot: BotId, reason: str) -> None:
        """Stop gating in all groups of the bot and want everybody free that it muted."""
        async with self._database.transaction() as session:
            await session.execute("pause_groups_of_bot", bot, reason, await next_seq(session))
            await session.execute("free_everybody_of_bot", bot)

    async def resume_groups(self, bot: BotId, reason: str) -> None:
        """Gate again where it was stopped for this reason."""
        async with self._database.transaction() as session:
            await session.execute("resume_groups_of_bot", bot, reason, await next_seq(session))

    async def held(self, bot: BotId) -> int:
        """Count the people who are muted by the bot, or may be."""
        row = await self._database.row("held_by_bot", bot)
        return 0 if row is None else int(row["held"])

    async def remove(self, bot: BotId, by: By) -> None:
        """Forget the bot and all that is known through it; the audit stays."""
        async with self._database.transaction() as session:
            await next_seq(session)
            await session.execute("delete_letters_of_bot", bot)
            await session.execute("delete_updates_of_bot", bot)
            await session.execute("delete_bot", bot)
            await audit(session, bot, by, "bot_remove", None, {})

    async def reseal(self) -> int:
        """Seal everything with the current key; return how many bots that were. All or none."""
        async with self._database.transaction() as session:
            rows = await session.rows("sealed_bots")
            for row in rows:
                bot = BotId(row["bot_id"])
                secret = self._opened(row["secret_encrypted"]) or self._vault.webhook_secret(bot)
                former = self._opened(row["former_secret_encrypted"])
                await session.execute(
                    "reseal_bot",
                    bot,
                    self._vault.seal(self._vault.open(row["token_encrypted"])),
                    self._vault.seal(secret),
                    None if former is None else self._vault.seal(former),
                )
            return len(rows)

    async def menu_set(self, bot: BotId) -> str | None:
        """Return the fingerprint of the menu that was set last."""
        row = await self._database.row("menu_set", bot)
        return None if row is None else row["menu_set"]

    async def note_menu(self, bot: BotId, fingerprint: str) -> None:
        """Remember what was set."""
        await self._database.execute("note_menu", bot, fingerprint)

    async def webhook_set(self, bot: BotId) -> str | None:
        """Return the fingerprint of the webhook that was set last."""
        row = await self._database.row("webhook_set", bot)
        return None if row is None else row["webhook_set"]

    async def note_webhook(self, bot: BotId, fingerprint: str) -> None:
        """Remember what was set."""
        await self._database.execute("note_webhook", bot, fingerprint)

    def _hosted(self, row: Record) -> HostedBot:
        bot = BotId(row["bot_id"])
        token: Secret | None
        secrets: tuple[Secret | None, ...]
        try:
            token = self._vault.open(row["token_encrypted"])
            own = self._opened(row["secret_encrypted"]) or self._vault.webhook_secret(bot)
            secrets = (own, self._opened(row["former_secret_encrypted"]))
        except SettingsError:
            token, secrets = None, ()
        return HostedBot(
            bot_id=bot,
            username=row["username"],
            token=token,
            secrets=tuple(secret for secret in secrets if secret is not None),
            enabled=row["enabled"],
            refused_at=row["refused_at"],
            seq=row["seq"],
        )

    def _opened(self, sealed: bytes | None) -> Secret | None:
        return None if sealed is None else self._vault.open(sealed)


def _found(row: object, bot: BotId) -> None:
    if row is None:
        raise NotHostedError(f"there is no bot {bot}")
