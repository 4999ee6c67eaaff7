"""What the API shows of why, when and how well: the same as the console's pages, and to owners only what is theirs."""

import pytest

from bot.domain.api import Scope
from bot.simulator import Fault
from tests.acceptance.kit import gated
from tests.acceptance.operators.test_api import api, group
from tests.kits.api import Api, token_for
from tests.kits.platform import Lounge, Platform

pytestmark = pytest.mark.servers

__all__ = ["api", "group"]


async def test_why_somebody_is_muted_is_told(api: Api, group: str, lounge: Lounge, platform: Platform) -> None:
    """In words, with what was decided and the case; of a member there is nothing to tell, and no user is `x`."""
    await gated(lounge, platform, lounge.stranger)
    muted = (await api.get(f"{group}/users/{lounge.stranger.id}")).json
    member = (await api.get(f"{group}/users/{lounge.member.id}")).json

    assert "muted" in str(muted["verdict"])
    assert (muted["group_title"], muted["user_name"]) == ("Lounge", lounge.stranger.name)
    reasons = muted["reasons"]
    assert isinstance(reasons, list)
    assert [each["decision"]["kind"] for each in reasons] == ["muted", "stopped"]
    assert "not in News" in reasons[1]["text"]
    cases = muted["cases"]
    assert isinstance(cases, list)
    (case,) = cases
    assert (case["done"], case["closed_at"]) == ("muted", None)
    assert (member["reasons"], member["cases"]) == ([], [])
    assert (await api.get(f"{group}/users/x")).status == 404


async def test_what_telegram_knows_of_a_webhook_is_shown(api: Api, lounge: Lounge, platform: Platform) -> None:
    """Where it delivers to, how many at once, what waits and what failed; of no other's bot."""
    right = (await api.get("/bots/gate_bot/webhook")).json
    theirs = {
        "url": f"https://other.example/{lounge.bot.token}",
        "has_custom_certificate": False,
        "pending_update_count": 3,
        "last_error_date": 1_700_000_000,
        "last_error_message": "Connection refused",
    }
    lounge.sim.faults.add(Fault(kind="lie", method="getWebhookInfo", result=theirs, times=None))
    wrong = (await api.get("/bots/gate_bot/webhook")).json
    other = lounge.sim.add_bot(username="second_bot")
    await api.post("/bots", {"token": other.token, "name": "second"})
    stranger = api.as_(await token_for(platform, Scope.ADMIN, other.id))

    assert str(right["url"]).endswith(f"/telegram/{lounge.bot.id}")
    assert (right["is_foreign"], right["max_connections"]) == (False, 100)
    assert (wrong["url"], wrong["is_foreign"], wrong["waiting"]) == ("https://other.example/...", True, 3)
    assert (wrong["last_error"], wrong["last_error_at"]) == ("Connection refused", "2023-11-14T22:13:20Z")
    assert (await stranger.get("/bots/gate_bot/webhook")).status == 404


@pytest.mark.usefixtures("group")
async def test_the_last_day_and_what_waits_are_counted(api: Api, lounge: Lounge, platform: Platform) -> None:
    """Decisions by the hour, scheduled work by kind, each within the bots of the token."""
    await gated(lounge, platform, lounge.stranger)
    other = lounge.sim.add_bot(username="second_bot")
    await api.post("/bots", {"token": other.token, "name": "second"})
    await platform.fetch(
        "INSERT INTO scheduled_actions (bot_id, kind, chat_id, due_at, dead_at) VALUES"
        " ($1, 'k', 1, now() + interval '1 day', NULL), ($1, 'k', 1, now(), now())",
        lounge.bot.id,
    )
    hours = (await api.get("/hours")).items
    scheduled = {row["kind"]: row for row in (await api.get("/scheduled")).items}
    others = api.as_(await token_for(platform, Scope.ADMIN, other.id))

    counts = [each["decisions"] for each in hours]
    assert sum(each["muted"] for each in counts if "muted" in each) == 1  # type: ignore[index, operator] # JSON
    assert all(str(each["at"]).endswith(":00:00Z") for each in hours)
    assert (scheduled["k"]["waiting"], scheduled["k"]["given_up"]) == (1, 1)
    assert scheduled["k"]["next_at"] is not None
    assert (await others.get("/hours")).items == []
    assert "k" not in {row["kind"] for row in (await others.get("/scheduled")).items}


async def test_the_installation_is_examined_and_its_settings_are_shown(api: Api) -> None:
    """The doctor's findings with what to do, and each setting; a secret only says that it is set."""
    found = (await api.get("/doctor")).items
    settings = {row["name"]: row for row in (await api.get("/settings")).items}

    assert {"CFG-1", "NET-1", "TG-1", "WH-5", "DB-1", "RD-1"} <= {row["check"] for row in found}
    assert {row["level"] for row in found} <= {"ok", "note", "warning", "failure"}
    (right,) = [row for row in found if row["check"] == "DB-2"]
    assert (right["level"], right["area"], right["remedy"]) == ("ok", "Stores", "")
    assert settings["BOT_TOKEN"]["value"] == settings["DATABASE_URL"]["value"] == "set, not shown"
    assert settings["RATE_LIMIT_GLOBAL"] == {"name": "RATE_LIMIT_GLOBAL", "value": "1000", "is_default": False}


async def test_an_owner_of_one_bot_looks_into_no_installation(
    api: Api, group: str, lounge: Lounge, platform: Platform
) -> None:
    """Neither its findings nor its settings; and another's group does not exist for them."""
    other = lounge.sim.add_bot(username="second_bot")
    await api.post("/bots", {"token": other.token, "name": "second"})
    owner = api.as_(await token_for(platform, Scope.ADMIN, other.id))

    for path in ("/doctor", "/settings"):
        assert (await owner.get(path)).refusal == (
            403,
            "only an operator of the whole deployment may look into it",
            None,
        )
    assert (await owner.get(f"{group}/users/{lounge.stranger.id}")).status == 404
