"""Methods by which a bot gets its updates."""

import re
from collections.abc import Awaitable, Callable
from types import MappingProxyType
from urllib.parse import urlsplit

from bot.simulator.errors import ApiError
from bot.simulator.model import JsonObject
from bot.simulator.updates import DEFAULT_KINDS, KINDS, MAX_CONNECTIONS, UpdateLog, Webhook

from .call import Described, MethodCall

LONGEST_SECRET = 256
MOST_CONNECTIONS = 100
SECONDS_BETWEEN_SETTINGS = 1.0
_SECRET = re.compile(r"[A-Za-z0-9_-]*\Z")


def _log(call: MethodCall) -> UpdateLog:
    return call.backend.feed.logs[call.bot.id]


def _set_allowed(call: MethodCall, log: UpdateLog) -> None:
    """Filter from now on; nothing known means the default, nothing given keeps what is."""
    if not call.args.has("allowed_updates"):
        return
    try:
        wanted = call.args.json("allowed_updates")
    except ApiError:
        return
    if isinstance(wanted, list):
        known = frozenset(str(each).lower() for each in wanted) & frozenset(KINDS)
        log.allowed = known or DEFAULT_KINDS


def set_webhook(call: MethodCall) -> object:
    """Set the webhook; a refused one leaves the bot with none."""
    url = call.args.text("url")
    if not url:
        return delete_webhook(call)
    log = _log(call)
    if call.now < log.webhook.set_at + SECONDS_BETWEEN_SETTINGS:
        raise ApiError.flood(1)
    wanted = _wanted(call, url)
    _set_allowed(call, log)
    drops = call.args.boolean("drop_pending_updates")
    if _same(log.webhook, wanted) and not drops:
        log.webhook.set_at = call.now
        return Described(result=True, description="Webhook is already set")
    log.webhook = Webhook()
    if drops:
        log.clear()
    _check_webhook(url, wanted.secret)
    log.webhook = wanted
    _restart(call)
    return Described(result=True, description="Webhook was set")


def _wanted(call: MethodCall, url: str) -> Webhook:
    connections = call.args.integer("max_connections", MAX_CONNECTIONS)
    return Webhook(
        url=url,
        secret=call.args.text("secret_token"),
        max_connections=max(1, min(connections, MOST_CONNECTIONS)),
        ip_address=call.args.text("ip_address") or (urlsplit(url).hostname or ""),
        has_certificate=call.args.has("certificate"),
        set_at=call.now,
    )


def _same(old: Webhook, new: Webhook) -> bool:
    return (old.url, old.secret, old.max_connections) == (new.url, new.secret, new.max_connections)


def _check_webhook(url: str, secret: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ApiError.bad_request("invalid webhook URL specified")
    if len(secret) > LONGEST_SECRET:
        raise ApiError.bad_request("secret token is too long")
    if not _SECRET.match(secret):
        raise ApiError.bad_request("secret token contains unallowed characters")


def _restart(call: MethodCall) -> None:
    call.backend.deliveries[call.bot.id].restart()
    call.backend.pollers[call.bot.id].wake()
    call.backend.record.changed()


def delete_webhook(call: MethodCall) -> object:
    """Remove the webhook."""
    log = _log(call)
    was_set = bool(log.webhook.url)
    log.webhook = Webhook()
    if call.args.boolean("drop_pending_updates"):
        log.clear()
    _restart(call)
    return Described(result=True, description="Webhook was deleted" if was_set else "Webhook is already deleted")


def get_webhook_info(call: MethodCall) -> object:
    """Return a WebhookInfo."""
    log = _log(call)
    log.expire(call.now)
    webhook = log.webhook
    result: JsonObject = {
        "url": webhook.url,
        "has_custom_certificate": webhook.has_certificate,
        "pending_update_count": len(log.pending),
    }
    if webhook.last_error is not None and webhook.last_error_at is not None:
        result["last_error_date"] = int(webhook.last_error_at)
        result["last_error_message"] = webhook.last_error
    if webhook.url:
        result["max_connections"] = webhook.max_connections
        result["ip_address"] = webhook.ip_address
    if log.allowed != DEFAULT_KINDS:
        result["allowed_updates"] = [kind for kind in KINDS if kind in log.allowed]
    return result


def get_updates(call: MethodCall) -> Awaitable[object]:
    """Wait for updates by long poll."""
    _set_allowed(call, _log(call))
    return call.backend.pollers[call.bot.id].poll(
        offset=call.args.integer("offset"),
        limit=call.args.integer("limit", 100),
        timeout_seconds=call.args.integer("timeout"),
    )


def log_out(call: MethodCall) -> object:
    """Say goodbye; nothing depends on it here."""
    del call
    return True


def close(call: MethodCall) -> object:
    """Close the bot's instance; nothing depends on it here."""
    del call
    return True


METHODS: MappingProxyType[str, Callable[[MethodCall], object]] = MappingProxyType(
    {
        "setWebhook": set_webhook,
        "deleteWebhook": delete_webhook,
        "getWebhookInfo": get_webhook_info,
        "getUpdates": get_updates,
        "logOut": log_out,
        "close": close,
    }
)
