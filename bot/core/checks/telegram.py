"""Telegram's side: the tokens, what the bots may do, and whether updates arrive."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from bot.core.telegram.bots import Desk
from bot.domain.errors import TelegramError, TokenRefusedError
from bot.domain.finding import Finding, failure, fine, note, warning
from bot.domain.hosting import HostedBot

_RECENT = timedelta(hours=1)
_MANY_WAITING = 100

# What Telegram says of a delivery that failed, and what it means.
_TRANSLATED = (
    ("certificate verify failed", "the certificate is not trusted; serve the whole chain, intermediate ones too"),
    ("wrong version number", "the port speaks plain HTTP; TLS has to end there"),
    ("connection refused", "nothing listens there; start the proxy, or open the port"),
    ("connection timed out", "Telegram cannot reach the address; look at the firewall"),
    ("failed to resolve host", "the name in WEBHOOK_URL is not known to DNS"),
    ("403 forbidden", "something in front refuses Telegram (a WAF?), or the secret differs: gmbot webhook set"),
    ("404 not found", "the proxy does not pass /telegram/ on"),
    ("502 bad gateway", "the proxy runs and no instance does"),
    ("503 service unavailable", "instances ask for time: look at /health"),
    ("read timeout expired", "instances answer too slowly: look at /health"),
)


async def identity(bot: HostedBot, desk: Desk) -> Sequence[Finding]:
    """Ask Telegram who the bot is."""
    if bot.token is None:
        return [failure(f"bot {bot.bot_id}: no key opens its token", "set ENCRYPTION_KEY to the one it was added with")]
    name = f"@{bot.username}" if bot.username else f"bot {bot.bot_id}"
    try:
        me = await desk.identity(bot.token)
    except TokenRefusedError:
        remedy = f"/revoke at @BotFather, then gmbot bots rotate-token {bot.bot_id}"
        return [failure(f"{name}: Telegram refuses the token", remedy)]
    except TelegramError as error:
        remedy = "check the network and TELEGRAM_API_URL"
        return [failure(f"{name}: Telegram does not answer ({error.description})", remedy)]
    found = [fine(f"@{me.username} is known to Telegram")]
    if not me.can_join_groups:
        found.append(failure(f"@{me.username} cannot be added to groups", "@BotFather: /setjoingroups, Enable"))
    if not me.reads_all_messages:
        found.append(note(f"@{me.username} has privacy mode on; as an administrator it sees all messages nevertheless"))
    return found


def webhook(
    bot: HostedBot,
    info: Mapping[str, object],
    *,
    wanted: str | None,
    kinds: Sequence[str],
    connections: int,
    now: datetime,
) -> Sequence[Finding]:
    """Judge what getWebhookInfo tells; `wanted` is the address it should have, None when the bot is polled for."""
    name, url = f"@{bot.username}" if bot.username else f"bot {bot.bot_id}", str(info.get("url") or "")
    if wanted is None:
        if not url:
            return [fine(f"{name}: no webhook is set, as polling wants it")]
        what = f"{name}: a webhook is set ({url}) and keeps polling from working"
        return [failure(what, f"gmbot webhook delete {bot.bot_id}")]
    found: list[Finding] = []
    remedy = f"gmbot webhook set {bot.bot_id}"
    if url != wanted:
        found.append(failure(f"{name}: the webhook is {url or 'not set'}, not {wanted}", remedy))
    allowed = info.get("allowed_updates")
    missing = sorted(set(kinds) - set(allowed if isinstance(allowed, list | tuple) else ()))
    if url == wanted and missing:
        found.append(failure(f"{name}: Telegram does not tell of {', '.join(missing)}", remedy))
    at_once = info.get("max_connections")
    if url == wanted and isinstance(at_once, int) and at_once < connections:
        found.append(warning(f"{name}: Telegram brings {at_once} updates at once at most, not {connections}", remedy))
    waiting = info.get("pending_update_count")
    if isinstance(waiting, int) and waiting > _MANY_WAITING:
        found.append(warning(f"{name}: {waiting} updates wait at Telegram", "look at /health of the instances"))
    found.extend(_last_error(name, info, now))
    return found or [fine(f"{name}: the webhook is right")]


def _last_error(name: str, info: Mapping[str, object], now: datetime) -> Sequence[Finding]:
    text, at = str(info.get("last_error_message") or ""), info.get("last_error_date")
    if not text or (isinstance(at, int) and now - datetime.fromtimestamp(at, UTC) > _RECENT):
        return []
    remedy = next((meaning for part, meaning in _TRANSLATED if part in text.lower()), "look at the proxy's log")
    return [warning(f"{name}: Telegram could not deliver: {text}", remedy)]
