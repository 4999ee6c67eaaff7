"""What lies between this machine and the others: the way to the Bot API, the clock, and the certificate in front."""

import asyncio
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import aiohttp

from bot.domain.finding import Finding, failure, fine, warning

_TIMEOUT_SECONDS = 10
# Logs of several machines, and the dates of events, are compared with each other.
_MOST_SKEW = timedelta(seconds=5)
_DAYS_TO_RENEW = 14


async def bot_api(api_url: str, now: datetime) -> Sequence[Finding]:
    """Ask the Bot API for anything; its answer tells that it is reached, and what time it is there."""
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_TIMEOUT_SECONDS)) as session,
            session.get(api_url, allow_redirects=False) as answer,
        ):
            date = answer.headers.get("Date", "")
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        reason = str(error) or type(error).__name__
        remedy = "look at DNS, the firewall and TELEGRAM_API_URL"
        return [failure(f"the Bot API at {api_url} is not reached: {reason}", remedy)]
    found = [fine(f"the Bot API at {api_url} is reached")]
    try:
        skew = abs(now - parsedate_to_datetime(date))
    except (TypeError, ValueError):
        return found
    if skew > _MOST_SKEW:
        seconds = round(skew.total_seconds())
        found.append(warning(f"this machine's clock is {seconds} s away from the Bot API's", "let NTP set it"))
    return found


async def certificate(webhook_url: str, now: datetime, *, trusted: ssl.SSLContext | None = None) -> Sequence[Finding]:
    """Look at the certificate before the webhook as Telegram does: whole chain, right name, days left, TLS 1.2."""
    url = urlsplit(webhook_url)
    context = trusted or ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    host = url.hostname or ""
    try:
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            _, writer = await asyncio.open_connection(host, url.port or 443, ssl=context)
        ends = str(writer.get_extra_info("peercert")["notAfter"])
        writer.close()
    except ssl.SSLCertVerificationError as error:
        remedy = "serve a certificate for this name with its whole chain, intermediate ones too"
        return [failure(f"{host}: {error.verify_message}", remedy)]
    except (ssl.SSLError, OSError, TimeoutError) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        return [failure(f"{host} is not reached by TLS from here: {reason}", "look at DNS, the firewall and the proxy")]
    left = datetime.fromtimestamp(ssl.cert_time_to_seconds(ends), UTC) - now
    if left < timedelta(days=_DAYS_TO_RENEW):
        return [warning(f"the certificate of {host} ends in {left.days} days", "renew it, and see why nothing did")]
    return [fine(f"the certificate of {host} is trusted, and lasts for {left.days} days")]
