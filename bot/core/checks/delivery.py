"""The way updates take: the public address, asked as Telegram asks it."""

from collections.abc import Sequence

import aiohttp

from bot.domain.finding import Finding, failure, fine
from bot.domain.ids import BotId
from bot.domain.secret import Secret

_HEADER = "X-Telegram-Bot-Api-Secret-Token"
_TIMEOUT_SECONDS = 10
# A JSON object that is no update: an instance takes it, and nothing follows.
_NOTHING = b"{}"
_OK, _FORBIDDEN = 200, 403


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
