"""Settings and their files, versions, and the account GMBot runs as."""

import os
import platform
import stat
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from ipaddress import ip_address, ip_network
from pathlib import Path
from urllib.parse import urlsplit

from bot.core.settings import Settings
from bot.domain.finding import Finding, failure, fine, note, warning
from bot.domain.ids import CHANNEL_BOT, GROUP_ANONYMOUS_BOT, TELEGRAM_SERVICE

# core.telegram.org/bots/api#setwebhook
_WEBHOOK_PORTS = frozenset({80, 88, 443, 8443})
_NOBODY = frozenset({TELEGRAM_SERVICE, GROUP_ANONYMOUS_BOT, CHANNEL_BOT})
_SHORT_SECRET = 16


def settings_fit(settings: Settings, slips: Iterable[tuple[str, str]]) -> Sequence[Finding]:
    """Look for settings that were read and are unwise, and for what is spelt almost like one and was not read."""
    found = [fine("the settings are read and fit together")]
    for name, guess in slips:
        found.append(warning(f"{name} is not a setting, and {guess} is not set", f"is {guess} meant?"))
    if settings.webhook_secret is not None and len(settings.webhook_secret.get_secret_value()) < _SHORT_SECRET:
        found.append(
            warning("WEBHOOK_SECRET is short enough to be guessed", "unset it: each bot then has a long one of its own")
        )
    strange = sorted(_NOBODY & set(settings.operator_ids))
    if strange:
        what = f"OPERATOR_IDS holds {strange}: accounts of Telegram, not of a person"
        found.append(failure(what, "put your own id there"))
    bad = [each for each in settings.trusted_proxies if not _is_network(each)]
    if bad:
        found.append(failure(f"TRUSTED_PROXIES holds {', '.join(bad)}", "use addresses or networks, as in 10.0.0.0/8"))
    return found


def secret_files(paths: Iterable[tuple[str, Path]]) -> Sequence[Finding]:
    """Look who may read the files that hold secrets: (name of the setting, path)."""
    found: list[Finding] = []
    for name, path in paths:
        try:
            mode = stat.S_IMODE(path.stat().st_mode)
        except OSError as error:
            found.append(failure(f"{name}: {path} cannot be read ({error.strerror})", "check the path and its owner"))
            continue
        if mode & 0o007:
            found.append(warning(f"{name}: everybody can read {path} (mode {mode:04o})", f"chmod 640 {path}"))
    return found or [fine("files with secrets are private")]


def versions() -> Sequence[Finding]:
    """Tell what runs."""
    ours, library = version("gmbot"), version("python-telegram-bot")
    where = f"Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    return [fine(f"GMBot {ours} with python-telegram-bot {library} runs on {where}")]


def account() -> Sequence[Finding]:
    """Look whether GMBot runs with more rights than it needs."""
    if os.geteuid() == 0:
        return [warning("this runs as root", "run it as a user of its own, as in `User=gmbot` of a systemd unit")]
    return [fine("this does not run as root")]


def webhook_address(settings: Settings) -> Sequence[Finding]:
    """Look at WEBHOOK_URL as Telegram would."""
    if settings.webhook_url is None:
        return [note("WEBHOOK_URL is not set: updates come by polling")]
    url = urlsplit(settings.webhook_url)
    if not settings.at_telegram:
        return [note(f"updates come by webhook to {settings.webhook_url}, from {settings.telegram_api_url}")]
    found: list[Finding] = []
    if url.scheme != "https":
        found.append(failure("WEBHOOK_URL is not https; Telegram takes nothing else", "put a proxy with TLS in front"))
    if (url.port or 443) not in _WEBHOOK_PORTS:
        found.append(failure(f"Telegram does not deliver to port {url.port}", "use 443, 80, 88 or 8443"))
    if _is_private(url.hostname or ""):
        found.append(failure(f"{url.hostname} is not a public address", "use a name the internet can reach, or poll"))
    return found or [fine(f"Telegram can deliver to {settings.webhook_url}, as far as the address goes")]


def _is_private(host: str) -> bool:
    if host in {"", "localhost"}:
        return True
    try:
        return not ip_address(host).is_global
    except ValueError:
        return False


def _is_network(text: str) -> bool:
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return True
