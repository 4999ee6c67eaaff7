"""What goes on while PostgreSQL is away, and what is made good afterwards; nothing acknowledged is lost."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial

import asyncpg
import pytest

from bot.services.outages import catching_up
from bot.simulator import Fault, Hold, Message
from tests.faults.away import RECOVERY_SECONDS, Outside
from tests.kits.platform import add_group, eventually

pytestmark = [pytest.mark.servers, pytest.mark.slow]

Outage = Callable[[Outside], AbstractAsyncContextManager[None]]


@asynccontextmanager
async def refused(outside: Outside) -> AsyncIterator[None]:
    """Let nobody listen."""
    await outside.postgres.refuse()
    yield
    await outside.postgres.heal()


@asynccontextmanager
async def hung(outside: Outside) -> AsyncIterator[None]:
    """Keep every connection, and answer nothing."""
    outside.postgres.cut()
    yield
    await outside.postgres.heal()


@asynccontextmanager
async def crawling(outside: Outside) -> AsyncIterator[None]:
    """Answer, but later than anybody can wait."""
    outside.postgres.latency = 6.0
    yield
    await outside.postgres.heal()


@asynccontextmanager
async def full(outside: Outside) -> AsyncIterator[None]:
    """End all sessions and let in no new one."""
    database = outside.platform.database_url
    name = database.rsplit("/", 1)[-1]
    administration = await asyncpg.connect(database.rsplit("/", 1)[0] + "/template1")
    try:
        # A database's own limit holds for everybody but superusers; to let nobody in holds for all.
        await administration.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        await administration.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
        yield
    finally:
        await administration.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        await administration.close()


@asynccontextmanager
async def away(outside: Outside, outage: Outage = refused) -> AsyncIterator[None]:
    """Begin an outage, and go on when both instances have noticed."""
    async with outage(outside):
        for url in (outside.first, outside.second):
            await eventually(partial(outside.is_away, url), "the outage is noticed", within=RECOVERY_SECONDS)
        yield


def stands(outside: Outside, message: Message) -> bool:
    """Whether a message is still there."""
    return message.id in {each.id for each in outside.lounge.sim.messages(outside.lounge.group)}


async def removed(outside: Outside, message: Message) -> None:
    """Wait until a message is gone."""
    await eventually(lambda: not stands(outside, message), "the message is removed", within=RECOVERY_SECONDS)


@pytest.mark.parametrize("outage", [refused, hung, crawling, full], ids=lambda outage: outage.__name__)
async def test_members_pass_strangers_do_not_and_who_joins_is_free(outside: Outside, outage: Outage) -> None:
    """During the outage, not after it; the stranger is muted and prompted when it is over."""
    lounge, sim = outside.lounge, outside.lounge.sim
    async with away(outside, outage):
        mutes = len(lounge.calls("restrictChatMember"))
        kept = sim.say(outside.newcomer, lounge.group, "I am in the channel")
        await removed(outside, sim.say(lounge.stranger, lounge.group, "may I?"))
        await removed(outside, sim.say(lounge.stranger, lounge.group, "I insist"))
        sim.join(outside.muted, lounge.news)
        await eventually(lambda: not lounge.muted(outside.muted), "who joined is free", within=RECOVERY_SECONDS)
        await eventually(lambda: lounge.prompts(outside.muted) == [], "their prompt is gone", within=RECOVERY_SECONDS)
        lifts = len(lounge.calls("restrictChatMember")) - mutes

        assert stands(outside, kept)
        assert not lounge.muted(lounge.stranger)
        assert lifts == 1
    await lounge.until_muted(lounge.stranger)
    await outside.live_on()

    outside.assert_only_strangers_were_muted()


async def test_a_press_frees_whose_join_was_not_heard_of(outside: Outside) -> None:
    """The channel's event is late; Telegram is asked anew, and the mute in force is found to be ours."""
    lounge, sim = outside.lounge, outside.lounge.sim
    (prompt,) = lounge.prompts(outside.muted)
    async with away(outside):
        held = sim.faults.hold(Hold(kind="chat_member", user=outside.muted.id))
        sim.join(outside.muted, lounge.news)
        press = sim.press(outside.muted, lounge.group, prompt, "v")
        await eventually(lambda: not lounge.muted(outside.muted), "who pressed is free", within=RECOVERY_SECONDS)
        await eventually(lambda: press.answer is not None, "the press is answered")
        sim.faults.release(held)

        assert press.answer is not None
        assert "You can write now" in str(press.answer.text)
    await outside.live_on()

    assert [row["closed_at"] is None for row in await outside.cases_of(outside.muted)] == [False]


async def test_a_moderators_mute_is_not_lifted(outside: Outside) -> None:
    """A moderator mutes somebody whom we had muted; they join the channel and press, in vain."""
    lounge, sim = outside.lounge, outside.lounge.sim
    (prompt,) = lounge.prompts(outside.muted)
    async with away(outside):
        sim.restrict(lounge.group, outside.muted, by=lounge.owner, permissions=False)
        calls = len(lounge.calls("restrictChatMember"))
        sim.join(outside.muted, lounge.news)
        press = sim.press(outside.muted, lounge.group, prompt, "v")
        await eventually(lambda: press.answer is not None, "the press is answered", within=RECOVERY_SECONDS)
        lifts = len(lounge.calls("restrictChatMember")) - calls
    await outside.until_status("healthy")
    await sim.settled(RECOVERY_SECONDS)
    await outside.platform.at_rest()

    assert lifts == 0
    assert lounge.muted(outside.muted)
    assert sim.member(lounge.group, outside.muted).until_date == 0


async def test_a_restriction_from_before_comes_back_exactly(outside: Outside) -> None:
    """Also when it is the copy in Redis that tells what was there before our mute."""
    lounge, sim, user = outside.lounge, outside.lounge.sim, outside.lounge.stranger
    sim.restrict(lounge.group, user, by=lounge.owner, permissions={"can_send_messages": True})
    await sim.settled(RECOVERY_SECONDS)
    before = sim.member(lounge.group, user).permissions
    sim.say(user, lounge.group, "may I?")
    await lounge.until_muted(user)
    await eventually(lambda: len(lounge.prompts(user)) == 1, "prompted", within=RECOVERY_SECONDS)
    await sim.settled(RECOVERY_SECONDS)
    async with away(outside):
        sim.join(user, lounge.news)
        await eventually(lambda: not lounge.muted(user), "who joined can write", within=RECOVERY_SECONDS)

        assert sim.member(lounge.group, user).permissions == before
    await outside.until_status("healthy")
    await sim.settled(RECOVERY_SECONDS)
    await outside.platform.at_rest()

    assert sim.member(lounge.group, user).permissions == before
    assert [row["done"] for row in await outside.cases_of(user)] == ["lifted"]


async def test_without_a_copy_the_join_waits(outside: Outside) -> None:
    """Redis has lost everything: nothing is acknowledged that would be lost, and the end of the outage frees."""
    lounge, sim = outside.lounge, outside.lounge.sim
    async with away(outside):
        await outside.lose_redis()
        before = len(sim.deliveries)
        sim.join(outside.muted, lounge.news)
        await outside.until_answered("chat_member", 503, since=before)

        assert lounge.muted(outside.muted)
    await eventually(lambda: not lounge.muted(outside.muted), "who joined is free", within=RECOVERY_SECONDS)
    await outside.live_on()


async def test_copies_that_were_lost_are_there_before_the_outage(outside: Outside) -> None:
    """Redis loses everything while nothing happens to the case; then PostgreSQL goes away: who joins is free."""
    lounge, sim = outside.lounge, outside.lounge.sim
    await outside.lose_redis()
    await eventually(outside.copies_are_whole, "all copies are written anew", within=RECOVERY_SECONDS)
    async with away(outside):
        sim.join(outside.muted, lounge.news)
        await eventually(lambda: not lounge.muted(outside.muted), "who joined is free", within=RECOVERY_SECONDS)
    await outside.live_on()


async def test_who_was_never_muted_joins_without_waiting(outside: Outside) -> None:
    """Telegram shows that nothing of ours is in force, so nothing is owed; most joins of a channel are such."""
    lounge, sim = outside.lounge, outside.lounge.sim
    async with away(outside):
        before = len(sim.deliveries)
        sim.join(lounge.stranger, lounge.news)
        await outside.until_answered("chat_member", 200, since=before)
        sim.say(lounge.stranger, lounge.group, "I have joined")
        await outside.until_answered("message", 200, since=before)

        assert {each.status for each in sim.deliveries[before:]} == {200}
    await outside.until_status("healthy")


async def test_commands_wait_and_are_done_in_order(outside: Outside) -> None:
    """Each is confirmed, done and answered once afterwards; who has lost the right meanwhile is refused."""
    lounge, sim = outside.lounge, outside.lounge.sim
    await outside.let_nobody_be_taken_for_dead()
    admin = sim.add_user("Adam")
    for chat in (lounge.group, lounge.news):
        sim.join(admin, chat)
    sim.promote(lounge.group, admin, can_restrict_members=True)
    await sim.settled(RECOVERY_SECONDS)
    async with away(outside):
        said = len(lounge.said())
        for user, command in (
            (lounge.owner, "/unprotect"),
            (admin, "/unprotect"),
            (lounge.owner, f"/protect @{lounge.news.username} {lounge.insiders.id}"),
        ):
            sim.say(user, lounge.group, command)
            await sim.settled(RECOVERY_SECONDS)
        confirmed = lounge.said()[said:]
        sim.demote(lounge.group, admin)
        # Telegram does what it is asked, and its answer is lost: nobody says it again.
        sim.faults.add(Fault(kind="lose_answer", method="sendMessage"))
        group = outside.lounge.group.id
    # Not before those that were kept, though it is there at once.
    sim.say(lounge.owner, lounge.group, f"/protect {lounge.insiders.id}")

    def answers() -> list[str]:
        return [text for text in lounge.said()[said:] if not text.startswith("I have kept this")]

    await eventually(lambda: len(answers()) >= 4, "all are answered", within=30)
    await outside.until_nothing_is_kept()
    await sim.settled(30)
    actions = await outside.platform.fetch("SELECT action, chat_id FROM audit_log ORDER BY audit_id")

    assert all(text.startswith("I have kept this") for text in confirmed)
    assert len(confirmed) == 3
    assert len(answers()) == 4
    assert "Everybody may write" in answers()[0]
    assert "Only the owner" in answers()[1]
    assert "News, Insiders" in answers()[2]
    assert "News" not in answers()[3]
    assert [row["action"] for row in actions if row["chat_id"] == group][-3:] == ["unprotect", "protect", "protect"]


async def test_commands_outlive_the_loss_of_redis(outside: Outside) -> None:
    """Whoever kept a command has it in memory, too."""
    lounge, sim = outside.lounge, outside.lounge.sim
    async with away(outside):
        sim.say(lounge.owner, lounge.group, "/unprotect")
        await lounge.until_said("I have kept this")
        await outside.lose_redis()
        await outside.redis.refuse()
    await lounge.until_said("Everybody may write here")
    await outside.redis.heal()

    await eventually(lambda: not lounge.muted(outside.muted), "everybody is free", within=RECOVERY_SECONDS)


async def test_when_there_is_no_room_the_admin_is_told(outside: Outside) -> None:
    """And nothing is changed, now or later."""
    lounge, sim = outside.lounge, outside.lounge.sim
    async with away(outside):
        await outside.fill_with_commands()
        sim.say(lounge.owner, lounge.group, "/unprotect")
        await lounge.until_said("too many commands wait")
        await sim.settled(RECOVERY_SECONDS)
    await outside.live_on()

    assert not any("Everybody may write" in text for text in lounge.said())


async def test_a_command_that_stays_unanswered_holds_up_the_others_for_a_while_only(
    outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Telegram answers nothing about one group: its command becomes a dead letter, and then the next one is done."""
    monkeypatch.setattr(catching_up, "_PATIENCE_SECONDS", 3.0)
    lounge, sim = outside.lounge, outside.lounge.sim
    terrace = add_group(sim, lounge.bot, lounge.owner, "Terrace")
    await sim.settled(RECOVERY_SECONDS)
    async with away(outside):
        for group, command in ((lounge.group, "/unprotect"), (terrace, f"/protect @{lounge.news.username}")):
            sim.say(lounge.owner, group, command)
            await sim.settled(RECOVERY_SECONDS)
        sim.faults.add(Fault(kind="error", chat=lounge.group.id, code=502, times=None))

    def answered() -> bool:
        return any("News" in text for text in lounge.said(terrace))

    await eventually(answered, "the second command is done", within=30)
    letters = await outside.platform.fetch("SELECT error FROM dead_letters")
    sim.faults.clear()

    assert ["kept in an outage" in row["error"] for row in letters] == [True]
    assert lounge.muted(outside.muted)


async def test_all_away_means_that_everything_waits(outside: Outside) -> None:
    """Without Redis, too, only what needs no effect is acknowledged; afterwards each effect is there."""
    lounge, sim = outside.lounge, outside.lounge.sim
    async with away(outside):
        await outside.redis.refuse()
        await outside.assert_known_members_speak()
        before = len(sim.deliveries)
        message = sim.say(lounge.stranger, lounge.group, "may I?")
        sim.join(outside.muted, lounge.news)
        await outside.until_answered("message", 503, since=before)
        await outside.until_answered("chat_member", 503, since=before)

        assert stands(outside, message)
        assert lounge.muted(outside.muted)
    await outside.redis.heal()
    await lounge.until_muted(lounge.stranger)
    await eventually(lambda: not lounge.muted(outside.muted), "who joined is free", within=RECOVERY_SECONDS)
    await outside.live_on()
