"""What is counted, as Prometheus reads it."""

from pathlib import Path

from bot.core.telemetry.build import describe_build
from bot.core.telemetry.metrics import Metrics


def test_counters_are_exposed() -> None:
    """In Prometheus' text, with the contract's name among them."""
    metrics = Metrics(build={"version": "1.2.3", "commit": "abc"})
    metrics.update("message", "verified")
    metrics.update("message", "verified")
    metrics.looked_up("memory", hits=1, misses=2)
    metrics.looked_up("redis", hits=0, misses=2)
    metrics.verified("member", "telegram", 0.02)
    metrics.case_closed("freed")
    metrics.effect("mute", "done")
    metrics.gauge("gmbot_l1_entries", "Entries.", lambda: 5)

    text = metrics.exposition().decode()
    assert 'gmbot_updates_total{kind="message",result="verified"} 2.0' in text
    assert 'gmbot_verifications_total{outcome="member",source="telegram"} 1.0' in text
    assert 'gmbot_cases_closed_total{outcome="freed"} 1.0' in text
    assert 'gmbot_effects_total{kind="mute",result="done"} 1.0' in text
    assert 'gmbot_verification_duration_seconds_bucket{le="0.025",source="telegram"} 1.0' in text
    assert 'gmbot_verification_duration_seconds_bucket{le="0.01",source="telegram"} 0.0' in text
    assert 'gmbot_build_info{commit="abc",version="1.2.3"} 1.0' in text
    assert "gmbot_l1_entries 5.0" in text


def test_what_the_gate_lets_pass_is_a_hit_of_memory() -> None:
    """It is counted as an update only; beyond the gate each lookup counts."""
    metrics = Metrics(build={})
    metrics.update("message", "verified")
    metrics.update("edited_message", "verified")
    metrics.update("message", "exempt")
    metrics.looked_up("memory", hits=1, misses=4)
    metrics.looked_up("redis", hits=3, misses=1)

    text = metrics.exposition().decode()
    assert 'gmbot_cache_requests_total{layer="memory",result="hit"} 3.0' in text
    assert 'gmbot_cache_requests_total{layer="memory",result="miss"} 4.0' in text
    assert 'gmbot_cache_requests_total{layer="redis",result="hit"} 3.0' in text
    assert 'gmbot_cache_requests_total{layer="redis",result="miss"} 1.0' in text


def test_a_build_names_its_commit(tmp_path: Path) -> None:
    """Of a clone on a branch or beside one; an installed package has none."""
    git = tmp_path / ".git"
    assert describe_build(tmp_path)["commit"] == "unknown"

    (git / "refs" / "heads").mkdir(parents=True)
    (git / "refs" / "heads" / "main").write_text("abc\n", encoding="ascii")
    (git / "HEAD").write_text("ref: refs/heads/main\n", encoding="ascii")
    assert describe_build(tmp_path)["commit"] == "abc"

    (git / "HEAD").write_text("def\n", encoding="ascii")
    assert describe_build(tmp_path)["commit"] == "def"
