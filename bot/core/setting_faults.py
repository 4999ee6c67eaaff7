"""What can be wrong with a setting, in the words of whoever has to correct it. No sentence repeats a value."""

from collections.abc import Collection, Iterable, Mapping
from difflib import get_close_matches
from types import MappingProxyType
from urllib.parse import urlsplit

from pydantic_core import ErrorDetails

from bot.domain.errors import SettingsError

_WORDS = MappingProxyType(
    {
        "int_parsing": "must be a whole number",
        "float_parsing": "must be a number",
        "bool_parsing": "must be 1 or 0",
        "less_than_equal": "must be at most {le}",
        "greater_than_equal": "must be at least {ge}",
        "literal_error": "must be {expected}",
        "value_error": "{error}",
    }
)
_HTTP = ("http", "https")
_POSTGRES = ("postgresql", "postgres")
_SCHEMES: Mapping[str, Collection[str]] = MappingProxyType(
    {
        "TELEGRAM_API_URL": _HTTP,
        "WEBHOOK_URL": _HTTP,
        "DATABASE_URL": _POSTGRES,
        "TWIN_DATABASE_URL": _POSTGRES,
        "REDIS_URL": ("redis", "rediss", "redis+sentinel", "rediss+sentinel"),
        "SENTRY_DSN": _HTTP,
        "OTEL_EXPORTER_OTLP_ENDPOINT": _HTTP,
    }
)


def describe_faults(faults: Iterable[ErrorDetails]) -> str:
    """Return one sentence for each setting at fault."""
    told = {}
    for fault in faults:
        words = _WORDS.get(fault["type"], fault["msg"])
        told[str(fault["loc"][0]).upper()] = words.format(**fault.get("ctx", {}))
    return "; ".join(f"{name} {words}" for name, words in told.items())


def meant(name: str, known: Collection[str]) -> str:
    """Return the setting that is spelt almost like this, or nothing."""
    return next(iter(get_close_matches(name, known, n=1, cutoff=0.85)), "")


def refuse_odd_urls(urls: Mapping[str, str]) -> None:
    """Raise SettingsError for a URL that nothing could be reached by, before a driver says so in its own words."""
    for name, url in urls.items():
        schemes = _SCHEMES[name]
        scheme, _, rest = url.partition("://")
        if scheme.lower() not in schemes or not rest:
            raise SettingsError(f"{name} must begin with {' or '.join(f'{each}://' for each in schemes)}")
        if not _has_ports(url):
            raise SettingsError(f"{name} names a port that is no number up to 65535")
        database = urlsplit(url).path.strip("/")
        if scheme in {"redis", "rediss"} and database and not database.isdigit():
            raise SettingsError(f"{name} must end in the number of a database, like /0, or in none")


def urls_in(values: Mapping[str, str]) -> Mapping[str, str]:
    """Pick the settings that are URLs."""
    return {name: values[name] for name in _SCHEMES if values.get(name)}


def _has_ports(url: str) -> bool:
    """Whether each of the hosts, separated by commas, has a port that can be one, or none."""
    for host in urlsplit(url).netloc.rpartition("@")[2].split(","):
        port = host.rpartition("]")[2].rpartition(":")[2] if ":" in host.rpartition("]")[2] else "1"
        if not (port.isascii() and port.isdigit() and int(port) <= 65535):  # noqa: PLR2004 - the last port
            return False
    return True
