"""Backups and the level of the log, from the console and by the API: on a deployment with real servers."""

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from bot.core.settings import Settings
from bot.domain.api import Scope
from bot.domain.operator import Rank
from tests.acceptance.operators.test_console import link_to
from tests.kits.api import Api, token_for
from tests.kits.console import visitor
from tests.kits.platform import Lounge, Platform, eventually

pytestmark = pytest.mark.servers


@pytest.fixture
async def backed_up(platform: Platform, tmp_path: Path) -> AsyncIterator[str]:
    """Run an instance that has a place for backups."""
    async with platform.instance(BACKUP_DIR=str(tmp_path / "backups")) as url:
        await platform.webhook_is_set()
        yield url


async def until_done(api: Api, job: object) -> dict[str, object]:
    """Wait for a job's end, and return it."""
    found: dict[str, object] = {}

    async def done() -> bool:
        found.update((await api.get(f"/jobs/{job}")).json)
        return found["state"] != "running"

    await eventually(done, "the job ends", within=60)
    return found


async def test_a_backup_is_made_listed_and_checked(platform: Platform, backed_up: str, tmp_path: Path) -> None:
    """With progress; the audit says who; ten presses at once make one; and what is damaged is said to be."""
    async with visitor(backed_up) as operator, aiohttp.ClientSession() as session:
        api = Api(session, backed_up, await token_for(platform, Scope.OPERATE))
        await operator.log_in(await link_to(platform, backed_up, Rank.OPERATOR))
        assert "There is no backup yet" in await operator.get("operations/backups")

        answers = await asyncio.gather(*(api.post("/backups") for _ in range(10)))
        begun = {answer.json["job"] for answer in answers if answer.status == 202}
        await operator.get("operations")
        await operator.post("operations/backups")
        job = operator.headers["location"].rpartition("/")[2]
        made = await until_done(api, job)

        assert begun == {job}
        assert made["state"] == "done", made
        (backup,) = (await api.get("/backups")).items
        assert backup["fault"] is None
        assert str(backup["name"]) in await operator.get("operations/backups")
        checked = await until_done(api, (await api.post(f"/backups/{backup['name']}/check")).json["job"])
        assert (checked["state"], "is sound" in str(checked["detail"])) == ("done", True)

        sealed = next((tmp_path / "backups" / str(backup["name"])).glob("*.sealed"))
        sealed.chmod(0o600)
        sealed.write_bytes(b"x" + sealed.read_bytes()[1:])
        await operator.get("operations")
        await operator.post("operations/backups/verify", name=str(backup["name"]))
        spoilt = await until_done(api, operator.headers["location"].rpartition("/")[2])
        assert spoilt["state"] == "failed"
        assert str(backup["name"]) in str(spoilt["detail"])

    rows = await platform.fetch("SELECT action, source FROM audit_log WHERE action LIKE 'backup%' ORDER BY audit_id")
    assert [tuple(row) for row in rows] == [
        ("backup_create", "api"),
        ("backup_verify", "api"),
        ("backup_verify", "console"),
    ]


@pytest.mark.parametrize("name", ["", "../../etc", "none", "\x00"])
async def test_a_backup_that_is_none_is_not_there(platform: Platform, backed_up: str, name: str) -> None:
    """Nothing is read but what the catalogue has."""
    async with visitor(backed_up) as operator:
        await operator.log_in(await link_to(platform, backed_up))
        text = await operator.post("operations/backups/verify", name=name)

        assert (operator.status, "there is no such backup" in text) == (404, True)


async def test_without_a_place_nothing_is_backed_up(platform: Platform, instance: str) -> None:
    """And the page says which setting names one."""
    async with visitor(instance) as operator:
        await operator.log_in(await link_to(platform, instance))
        assert "BACKUP_DIR" in await operator.get("operations/backups")
        assert "BACKUP_DIR" in await operator.post("operations/backups")
        assert operator.status == 404


async def test_backups_and_the_log_are_not_for_one_bot_s_operators(
    platform: Platform, backed_up: str, lounge: Lounge
) -> None:
    """Neither read nor made; viewers of everything read only."""
    async with visitor(backed_up) as viewer, aiohttp.ClientSession() as session:
        own = Api(session, backed_up, await token_for(platform, Scope.ADMIN, lounge.bot.id))
        await viewer.log_in(await link_to(platform, backed_up, Rank.VIEWER))
        for act in ("operations/backups", "operations/backups/verify", "settings/log"):
            await viewer.post(act, name="x", level="debug", minutes="5")
            assert viewer.status == 403, act
        assert (await own.get("/backups")).status == 403
        assert (await own.post("/backups")).status == 403
        assert (await own.post("/backups/x/check")).status == 403
        assert (await own.post("/log-level", {"level": "debug", "minutes": 5})).status == 403


async def test_every_instance_logs_so_for_a_while(platform: Platform) -> None:
    """Within two seconds on an instance that was not asked; and as before when the time is over."""
    usual = Settings.from_env(platform.environment(8000)).log_level.upper()
    root = logging.getLogger()
    before = root.level
    root.setLevel(usual)
    try:
        async with (
            platform.instance() as first,
            platform.instance() as second,
            visitor(first) as here,
            visitor(second) as there,
        ):
            await here.log_in(await link_to(platform, first))
            await there.log_in(await link_to(platform, second))
            await here.get("settings")
            await here.post("settings/log", level="error", minutes="5")
            assert here.headers["location"] == "/console/settings?done=log"

            async def followed() -> bool:
                return "logs <strong>error</strong>" in await there.get("settings")

            await eventually(followed, "the other instance follows")
            assert root.level == logging.ERROR
            (row,) = await platform.fetch("SELECT source, detail::text FROM audit_log WHERE action = 'log_level'")
            assert tuple(row) == ("console", '{"level": "error", "minutes": 5}')
        assert root.level == logging.getLevelName(usual)
    finally:
        root.setLevel(before)


async def test_what_the_shell_s_link_did_is_no_bot_s(platform: Platform, instance: str) -> None:
    """Neither the audit log nor the feed calls whoever came by it, and changed all bots, a bot."""
    async with visitor(instance) as operator:
        await operator.log_in(await link_to(platform, instance, user=0))
        await operator.get("settings")
        await operator.post("settings/log", level="error", minutes="5")

        for page in ("audit", "lines"):
            text = await operator.get(page)
            assert "log level" in text, page
            assert "the shell" in text, page
            assert "the bot itself" not in text, page


@pytest.mark.parametrize(
    ("level", "minutes", "field"),
    [
        ("loud", "5", "level"),
        ("", "5", "level"),
        ("debug", "0", "minutes"),
        ("debug", "1441", "minutes"),
        ("debug", "x", "minutes"),
        ("debug", "", "minutes"),
    ],
)
async def test_a_level_that_is_none_is_named(
    platform: Platform, instance: str, level: str, minutes: str, field: str
) -> None:
    """The field, and what it may be."""
    async with visitor(instance) as operator:
        await operator.log_in(await link_to(platform, instance))
        text = await operator.post("settings/log", level=level, minutes=minutes)

        assert operator.status == 400
        assert f"{field} is" in text
        assert "Traceback" not in text
