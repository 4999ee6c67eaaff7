"""The alerts: each fires on a series that should wake somebody, and stays silent on one that should not."""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import promql_parser
import pytest

from tests.kits.promql import Labels, Query, Rule, Samples, fires, metrics_in, read_rules

ROOT = Path(__file__).resolve().parents[2]
RULES = {rule.name: rule for rule in read_rules(ROOT / "docs" / "deploy" / "prometheus" / "gmbot.rules.yml")}
DASHBOARD = ROOT / "docs" / "deploy" / "grafana" / "gmbot.json"
HOUR, DAY = 3600.0, 86400.0

Series = dict[str, dict[Labels, Samples]]


def line(value: Callable[[float], float], *, until: float = 2 * HOUR, step: float = 15.0) -> Samples:
    """Sample a function of time."""
    return [(at * step, value(at * step)) for at in range(int(until / step) + 1)]


def rising(rate: float) -> Samples:
    """Sample a counter that grows by so much a second."""
    return line(lambda at: rate * at)


def gauge(name: str, value: float, **labels: str) -> Series:
    """Make a gauge that stands still."""
    return {name: {frozenset(labels.items()): line(lambda _: value)}}


def counters(name: str, rates: Mapping[tuple[tuple[str, str], ...], float]) -> Series:
    """Make counters that grow by so much a second."""
    return {name: {frozenset(labels): rising(rate) for labels, rate in rates.items()}}


def durations(name: str, quick: float, slow: float, *, bound: str = "0.025", slow_bound: str = "5.0") -> Series:
    """Make a histogram: so many a second below `bound`, and so many below `slow_bound`."""
    rates = {bound: quick, slow_bound: quick + slow, "+Inf": quick + slow}
    return counters(f"{name}_bucket", {(("le", le),): rate for le, rate in rates.items()})


def results(**rates: float) -> Series:
    """Make updates with these results."""
    return counters("gmbot_updates_total", {(("result", result),): rate for result, rate in rates.items()})


def lookups(*, memory: float, redis: float, nowhere: float) -> Series:
    """Make lookups a second that end in memory, in Redis and nowhere."""
    rates = {("memory", "hit"): memory, ("memory", "miss"): redis + nowhere, ("redis", "hit"): redis}
    return counters(
        "gmbot_cache_requests_total",
        {(("layer", layer), ("result", result)): rate for (layer, result), rate in rates.items()},
    )


def answers(rates: Mapping[str, float]) -> Series:
    """Make calls to Telegram with these answers."""
    return counters("gmbot_telegram_requests_total", {(("code", code),): rate for code, rate in rates.items()})


def slower(factor: float) -> Series:
    """Make updates that take 50 ms on the first day and `factor` times as long after it."""

    def count(le: float) -> Callable[[float], float]:
        return lambda at: min(at, DAY) * (le >= 0.05) + max(0.0, at - DAY) * (0.05 * factor <= le)

    series: dict[Labels, Samples] = {}
    for le in (0.025, 0.05, 0.1, 0.25, 0.5):
        series[frozenset({("le", str(le))})] = line(count(le), until=DAY + 3 * HOUR, step=60)
    series[frozenset({("le", "+Inf")})] = line(lambda at: at, until=DAY + 3 * HOUR, step=60)
    return {"gmbot_update_duration_seconds_bucket": series}


def failing_delivery(age: float) -> Series:
    """Make a last error of the webhook that is always so old, with nothing waiting."""
    failed = {frozenset[tuple[str, str]](): line(lambda at: at - age)}
    waiting = gauge("gmbot_webhook_pending_updates", 3)
    return {"gmbot_webhook_last_error_timestamp_seconds": failed, **waiting}


def replicas(*, lost: bool) -> Series:
    """Make two replicas, one synchronous, which may be lost in the second hour."""
    names = ("asynchronous", "synchronous")
    series = {frozenset({("standing", name)}): line(lambda at: float(not lost or at < HOUR)) for name in names}
    return {"gmbot_replicas": series}


def due_since(age: float) -> Series:
    """Make a backup that has always been due for so long."""
    return {"gmbot_backup_due_timestamp_seconds": {frozenset[tuple[str, str]](): line(lambda at: at - age)}}


def kept_until(age: float) -> Series:
    """Make a log that is always kept until so long ago."""
    return {"gmbot_backup_log_timestamp_seconds": {frozenset[tuple[str, str]](): line(lambda at: at - age)}}


UP = {"job": "gmbot", "instance": "a"}
# Each alert: a world in which it fires, and one in which it does not.
CASES: dict[str, tuple[Series, Series]] = {
    "GMBotInstanceDown": (gauge("up", 0, **UP), gauge("up", 1, **UP)),
    "GMBotNoInstance": (gauge("up", 0, **UP), gauge("up", 1, **UP)),
    "GMBotUpdatesSlow": (
        durations("gmbot_update_duration_seconds", 9, 1),
        durations("gmbot_update_duration_seconds", 99, 1),
    ),
    "GMBotErrorRate": (results(done=98, failed=1, store_unavailable=1), results(done=999, failed=1, verified=10_000)),
    "GMBotHitRateLow": (lookups(memory=3, redis=1, nowhere=6), lookups(memory=1, redis=5, nowhere=4)),
    "GMBotDatabaseAway": (gauge("gmbot_database_away", 1), gauge("gmbot_database_away", 0)),
    "GMBotDatabaseSlow": (
        durations("gmbot_db_query_duration_seconds", 9, 1),
        durations("gmbot_db_query_duration_seconds", 99, 1),
    ),
    "GMBotPrimaryChanged": (
        counters("gmbot_database_primary_changes_total", {(): 0.01}),
        counters("gmbot_database_primary_changes_total", {(): 0}),
    ),
    "GMBotNoSynchronousReplica": (replicas(lost=True), replicas(lost=False)),
    "GMBotReplicationLag": (
        gauge("gmbot_replication_lag_seconds", 0.5, replica="node1"),
        gauge("gmbot_replication_lag_seconds", 0.05, replica="node1"),
    ),
    "GMBotRedisAway": (gauge("gmbot_redis_connected", 0), gauge("gmbot_redis_connected", 1)),
    "GMBotWebhookFailing": (failing_delivery(30), failing_delivery(HOUR)),
    "GMBotTelegramFailing": (answers({"200": 7, "timeout": 2, "502": 1}), answers({"200": 9, "400": 5, "timeout": 1})),
    "GMBotTokenRefused": (gauge("gmbot_bots", 1, state="refused"), gauge("gmbot_bots", 5, state="running")),
    "GMBotSlowerThanYesterday": (slower(5), slower(1)),
    "GMBotBacklog": (gauge("gmbot_queue_depth", 1500, queue="cases"), gauge("gmbot_queue_depth", 20, queue="cases")),
    "GMBotDeadLetters": (
        {**gauge("gmbot_dead_letters", 0), **gauge("gmbot_dead_actions", 1)},
        {**gauge("gmbot_dead_letters", 0), **gauge("gmbot_dead_actions", 0)},
    ),
    "GMBotTwinApart": (gauge("gmbot_twin_connected", 0), gauge("gmbot_twin_connected", 1)),
    "GMBotBackupOld": (due_since(2 * HOUR), due_since(-HOUR)),
    "GMBotBackupLogBehind": (kept_until(600), kept_until(15)),
    "GMBotGroupsPaused": (
        gauge("gmbot_groups_misconfigured", 1, reason="channel_lost"),
        gauge("gmbot_groups_misconfigured", 9, reason="bot_disabled"),
    ),
}


@pytest.mark.parametrize("name", RULES)
def test_an_alert_fires_when_it_should_and_not_otherwise(name: str) -> None:
    """Each alert has both cases."""
    until, step = (DAY + 3 * HOUR, 300.0) if name == "GMBotSlowerThanYesterday" else (2 * HOUR, 15.0)
    wrong, right = CASES[name]

    assert fires(RULES[name], wrong, until=until, step=step)
    assert not fires(RULES[name], right, until=until, step=step)


def test_an_alert_waits_before_it_fires() -> None:
    """A blip wakes nobody."""
    rule = RULES["GMBotDatabaseAway"]
    blip = {"gmbot_database_away": {frozenset[tuple[str, str]](): line(lambda at: float(600 <= at < 645))}}

    assert not fires(rule, blip, until=HOUR)


def test_nothing_in_the_world_is_no_fault_but_the_lack_of_instances() -> None:
    """A deployment that has just begun is quiet."""
    assert [rule.name for rule in RULES.values() if Query(rule.expression, {}).evaluate(0.0)] == ["GMBotNoInstance"]


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_an_alert_has_a_runbook(rule: Rule) -> None:
    """That says what people notice, where to look and what to do."""
    page = (ROOT / rule.annotations["runbook"]).read_text(encoding="utf-8")

    assert page.startswith(f"# {rule.name}\n\n{rule.annotations['summary']}, for ")
    assert re.findall(r"^## (.*)$", page, re.MULTILINE) == ["What people notice", "Look", "Do"]
    assert rule.labels["severity"] in {"critical", "warning"}


def test_every_runbook_has_an_alert() -> None:
    """None is left over from an alert that is gone."""
    pages = {path.stem for path in (ROOT / "docs" / "operations" / "runbooks").glob("GMBot*.md")}

    assert pages == RULES.keys()


def panels() -> list[tuple[str, str]]:
    """Return the dashboard's queries, each with its panel's title."""
    dashboard = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    return [(panel["title"], target["expr"]) for panel in dashboard["panels"] for target in panel["targets"]]


def test_every_query_is_promql() -> None:
    """By a parser that is not ours, which also knows what each function takes."""
    for expression in (*(rule.expression for rule in RULES.values()), *(each for _, each in panels())):
        promql_parser.parse(expression)


def test_the_dashboard_is_laid_out() -> None:
    """No panel covers another, and none is empty."""
    dashboard = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in dashboard["panels"]]

    assert len(set(places)) == len(places)
    assert all(metrics_in(expression) for _, expression in panels())
