"""Alerts and dashboard ask for what instances tell, and an instance tells what the pages list."""

import re
from pathlib import Path

import pytest

from bot.core.backup.log import release_slot
from tests.acceptance.kit import gated
from tests.kits.ingress import served
from tests.kits.platform import Lounge, Platform
from tests.kits.promql import metrics_in
from tests.unit.test_alerts import RULES, panels

pytestmark = pytest.mark.servers

PAGE = Path(__file__).resolve().parents[3] / "docs" / "operations" / "monitoring.md"
# What Prometheus itself tells of a job.
NOT_OURS = {"up"}
LABEL = re.compile(r'\w+="((?:[^"\\]|\\.)*)"')


# What whoever runs such a bot looks for, by the names that the trade has given it.
LOOKED_FOR = (
    *("updates_total", "update_duration_seconds", "verifications_total", "verification_duration_seconds"),
    *("telegram_requests_total", "telegram_request_duration_seconds", "telegram_retry_after_seconds_total"),
    *("cache_requests_total", "db_pool_connections", "db_query_duration_seconds", "queue_depth", "circuit_state"),
    *("webhook_pending_updates", "webhook_last_error_timestamp_seconds", "protected_groups", "groups_misconfigured"),
    "build_info",
)


async def families(platform: Platform, backups: Path) -> dict[str, str]:
    """Return the metrics of a running instance by type, under the names that queries use; it has every option."""
    async with served(
        platform, BACKUP_SCHEDULE="03:00", BACKUP_DIR=str(backups), TWIN_DATABASE_URL=platform.database_url
    ) as instance:
        await platform.webhook_is_set()
        text = (await instance.caller.call("GET", "/metrics")).body.decode()
    await release_slot(platform.database_url)
    found = dict(re.findall(r"^# TYPE (\S+) (\w+)$", text, re.MULTILINE))
    for name, kind in tuple(found.items()):
        if kind == "histogram":
            found |= {f"{name}_{part}": kind for part in ("bucket", "sum", "count")}
    return found


async def test_every_query_asks_for_metrics_that_exist(platform: Platform, lounge: Lounge, tmp_path: Path) -> None:
    """In the rules and in the dashboard; a counter is asked for its rate, a gauge for its value."""
    del lounge
    known = await families(platform, tmp_path)
    asked = {f"alert {rule.name}": rule.expression for rule in RULES.values()}
    asked |= {f"panel {title}: {expression}": expression for title, expression in panels()}

    missing = {where: metrics_in(expression) - NOT_OURS - known.keys() for where, expression in asked.items()}
    assert {where: names for where, names in missing.items() if names} == {}
    for expression in asked.values():
        for name in metrics_in(expression) - NOT_OURS:
            rated = re.search(rf"rate\({name}\b", expression) is not None
            assert rated == (known[name] != "gauge"), expression


async def test_what_people_look_for_is_told(platform: Platform, tmp_path: Path) -> None:
    """Each name, whatever has happened so far."""
    assert {f"gmbot_{name}" for name in LOOKED_FOR} - (await families(platform, tmp_path)).keys() == set()


async def test_the_page_lists_every_metric(platform: Platform, tmp_path: Path) -> None:
    """None is told that nobody can look up."""
    page = PAGE.read_text(encoding="utf-8")
    parts = ("_bucket", "_sum", "_count")
    known = {name for name in await families(platform, tmp_path) if not name.endswith(parts)}

    assert {name for name in known if name not in page} == set()


async def test_no_label_holds_an_id(platform: Platform, lounge: Lounge) -> None:
    """Neither a bot's, a chat's nor a person's, after a gate was set up and has muted somebody."""
    async with served(platform) as instance:
        await platform.webhook_is_set()
        await lounge.protect(lounge.news)
        await gated(lounge, platform, lounge.stranger)
        text = (await instance.caller.call("GET", "/metrics")).body.decode()
    values = {value for labels in re.findall(r"^\w+\{(.*)\} ", text, re.MULTILINE) for value in LABEL.findall(labels)}
    people = (lounge.bot, lounge.owner, lounge.member, lounge.stranger)
    ids = {str(abs(each.id)) for each in (*people, lounge.group, lounge.news, lounge.insiders)}

    assert {"message", "telegram", "sendMessage"} <= values
    assert {value for value in values if any(number in value for number in ids)} == set()
