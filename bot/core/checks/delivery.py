"""The way updates take: the public address, asked as Telegram asks it."""

from collections.abc import Sequence

import aiohttp

from bot.domain.finding import Finding, failure, fine, warning
from bot.domain.ids import BotId
from bot.domain.secret import Secret

_HEADER = "X-Telegram-Bot-Api-Secret-Token"
_TIMEOUT_SECONDS = 10
# A message in a group that cannot be: the gate lets it pass, so that it is counted and nothing else follows.
_NOTHING = b'{"update_id":0,"message":{"message_id":1,"date":0,"chat":{"id":-1,"type":"group"}}}'
_OK, _FORBIDDEN = 200, 403


async def open_doors(base_url: str) -> Sequence[Finding]:
    """Look whether the public address passes on what is for operators alone."""
    url = f"{base_url.rstrip('/')}/metrics"
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_TIMEOUT_SECONDS)) as session,
            session.get(url, allow_redirects=False) as answer,
        ):
            is_open = answer.status == _OK and "gmbot_build_info" in await answer.text()
    except (aiohttp.ClientError, TimeoutError, UnicodeDecodeError):
        # That it does not answer is told by the round trip.
        return []
    if is_open:
        return [warning(f"{url} is open to everybody", "pass on /telegram/, /console/ and /api/ and nothing else")]
    return [fine("the public address keeps the metrics to itself")]


async def round_trip(base_url: str, bot: BotId, secret: Secret) -> Sequence[Finding]:
    """Post to the webhook with the secret, and without it."""
    url = f"{base_url.rstrip('/')}/telegram/{bot}"
    try:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_TIMEOUT_SECONDS)) as session:
            async with session.post(
                url, data=_NOTHING, headers={_HEADER: secret.reveal()}, allow_redirects=False
            ) as answer:
                with_secret = answer.status
            async with session.post(url, data=_NOTHING, allow_redirects=False) as answer:
                without = answer.status
    except (aiohttp.ClientConnectorCertificateError, aiohttp.ClientConnectorSSLError) as error:
        return [failure(f"{url}: {error.__class__.__name__}", "serve a trusted certificate with its whole chain")]
    except (aiohttp.ClientError, TimeoutError) as error:
        reason = str(error) or type(error).__name__
        return [failure(f"{url} does not answer from here: {reason}", "start the proxy and gmbot serve")]
    if without != _FORBIDDEN:
        return [failure(f"{url} answers {without} without the secret, not 403", "look what answers there: not GMBot")]
    if with_secret != _OK:
        return [failure(f"{url} answers {with_secret} to the right secret, not 200", "look at /health")]
    return [fine(f"{url} takes what Telegram sends, and refuses what others send")]
