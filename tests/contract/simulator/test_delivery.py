"""Webhook delivery: form, order, concurrency, back-off, Retry-After, expiry, the stall."""

import asyncio
import random
from collections.abc import Awaitable, Callable

import pytest
from aiohttp import web

from bot.simulator import Clock, Hold, MovableClock, Simulator
from bot.simulator.faults import Duplicate
from tests.contract.simulator.conftest import Small
from tests.kits.simulator import BotClient, Received, WebhookSink


@pytest.fixture
def sim_clock() -> Clock:
    """Move time by hand."""
    return MovableClock()


async def until(condition: Callable[[], bool], *, description: str) -> None:
    """Wait for the other side of a socket."""
    for _ in range(6_000):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise AssertionError(f"never happened: {description}")


async def all_answered(sim: Simulator, number: int) -> None:
    """Wait until so many deliveries were answered, and the simulator has drawn its conclusions."""
    await until(
        lambda: len(sim.deliveries) == number and all(each.finished is not None for each in sim.deliveries),
        description=f"{number} answers",
    )
    await go_on()


async def go_on() -> None:
    """Let everybody do what they can do now; so many turns, however long the machine looks away."""
    for _ in range(40):
        await asyncio.sleep(0.001)


def failing(status: int, **headers: str) -> Callable[[Received], Awaitable[web.Response]]:
    """Return a webhook that always refuses."""

    async def respond(received: Received) -> web.Response:
        del received
        return web.Response(status=status, headers={name.replace("_", "-"): value for name, value in headers.items()})

    return respond


async def test_body_and_headers_are_telegrams(sim: Simulator, world: Small, hook: WebhookSink) -> None:
    """A delivery has Telegram's line break, its headers and the secret."""
    sim.say(world.ben, world.lounge, "hello")
    await sim.settled()

    received = hook.received[0]
    assert received.raw.startswith(b'{"update_id":%d,\n"message":{' % received.update["update_id"])
    assert list(received.headers) == [
        "Host",
        "X-Telegram-Bot-Api-Secret-Token",
        "Content-Type",
        "Content-Length",
        "Connection",
        "Accept-Encoding",
    ]
    assert received.headers["X-Telegram-Bot-Api-Secret-Token"] == "s3"


async def test_update_ids_grow_by_one(sim: Simulator, world: Small, hook: WebhookSink) -> None:
    """Ids follow the order of creation."""
    for number in range(5):
        sim.say(world.ben, world.lounge, str(number))
    await sim.settled()

    ids = [each.update["update_id"] for each in hook.received]
    assert ids == list(range(hook.received[0].update["update_id"], hook.received[0].update["update_id"] + 5))


async def test_one_chats_messages_wait_for_each_other(sim: Simulator, world: Small, hook: WebhookSink) -> None:
    """A chat's second message is sent after the first was acknowledged."""
    gate = asyncio.Event()

    async def slow(received: Received) -> web.Response:
        del received
        await gate.wait()
        return web.Response()

    hook.respond = slow
    sim.say(world.ben, world.lounge, "first")
    sim.say(world.ben, world.lounge, "second")
    await until(lambda: len(hook.received) == 1, description="the first message")
    await go_on()
    seen_before = len(hook.received)
    gate.set()
    await sim.settled()

    assert seen_before == 1
    assert [each.update["message"]["text"] for each in hook.received] == ["first", "second"]


async def test_queues_are_concurrent(sim: Simulator, world: Small, hook: WebhookSink) -> None:
    """A join, the newcomer's message and another's do not wait for each other."""
    gate = asyncio.Event()

    async def slow(received: Received) -> web.Response:
        del received
        await gate.wait()
        return web.Response()

    hook.respond = slow
    sim.join(world.cat, world.news)
    sim.join(world.ben, world.news)
    sim.say(world.ben, world.lounge, "hello")
    await until(lambda: len(hook.received) == 3, description="all three at once")
    gate.set()
    await sim.settled()

    assert sorted(hook.kinds) == ["chat_member", "chat_member", "message"]


async def test_no_more_than_max_connections(sim: Simulator, world: Small, api: BotClient, hook: WebhookSink) -> None:
    """No more deliveries are under way than the bot asked for."""
    await api("deleteWebhook")
    sim.clock.advance(2)
    await api("setWebhook", url=hook.url, max_connections=2)
    gate = asyncio.Event()

    async def slow(received: Received) -> web.Response:
        del received
        await gate.wait()
        return web.Response()

    hook.respond = slow
    for number in range(5):
        sim.join(sim.add_user(f"U{number}"), world.news)
    await until(lambda: len(hook.received) == 2, description="two deliveries")
    await go_on()
    under_way = len(hook.received)
    gate.set()
    await sim.settled()

    assert under_way == 2
    assert len(hook.received) == 5


async def test_back_off_doubles_after_one_immediate_try(sim: Simulator, world: Small, hook: WebhookSink) -> None:
    """A failing update is tried again at once, then after 2, 4 and 8 seconds."""
    hook.respond = failing(500)
    sim.say(world.ben, world.lounge, "hello")
    await until(lambda: len(hook.received) == 2, description="the immediate second try")
    begin = sim.clock.now()
    for tries, step in ((3, 2.0), (4, 4.0), (5, 8.0)):
        await all_answered(sim, tries - 1)
        sim.clock.advance(step - 0.01)
        await go_on()
        early = len(hook.received)
        sim.clock.advance(0.02)
        await until(lambda tries=tries: len(hook.received) == tries, description=f"try {tries}")  # type: ignore[misc]  # mypy infers no type for a lambda with a default

        assert early == tries - 1
    await all_answered(sim, 5)
    hook.respond = failing(200)
    sim.clock.advance(16.1)
    await sim.settled()

    assert [delivery.attempt for delivery in sim.deliveries] == [1, 2, 3, 4, 5, 6]
    assert sim.clock.now() - begin == pytest.approx(30.13, abs=0.2)


async def test_retry_after_replaces_the_back_off(sim: Simulator, world: Small, hook: WebhookSink) -> None:
    """A whole number of seconds in Retry-After is obeyed."""
    hook.respond = failing(503, Retry_After="7")
    sim.say(world.ben, world.lounge, "hello")
    await all_answered(sim, 1)
    hook.respond = failing(200)
    sim.clock.advance(6.9)
    await go_on()
    early = len(hook.received)
    sim.clock.advance(0.2)
    await sim.settled()

    assert early == 1
    assert len(hook.received) == 2
    assert [delivery.retry_after for delivery in sim.deliveries] == [7, None]


async def test_a_press_is_given_up_after_150_seconds(
    sim: Simulator, world: Small, api: BotClient, hook: WebhookSink
) -> None:
    """A press that cannot be delivered in time is dropped and the user's next press follows."""
    keyboard = {"inline_keyboard": [[{"text": "Go", "callback_data": "go"}]]}
    sent = await api("sendMessage", chat_id=world.lounge.id, text="Press", reply_markup=keyboard)
    hook.respond = failing(500)
    first = sim.press(world.ben, world.lounge, sent.fields["message_id"], "go")
    for _ in range(12):
        await go_on()
        sim.clock.advance(20)
    hook.respond = failing(200)
    second = sim.press(world.ben, world.lounge, sent.fields["message_id"], "go")
    await sim.settled()

    ids = [each.update["callback_query"]["id"] for each in hook.received]
    assert ids[-1] == second.id
    assert ids.count(first.id) == len(ids) - 1


async def test_failing_queues_stall_the_whole_bot(
    sim: Simulator, world: Small, api: BotClient, hook: WebhookSink
) -> None:
    """With twice max_connections queues in back-off no other chat's updates are even loaded."""
    await api("deleteWebhook")
    sim.clock.advance(2)
    await api("setWebhook", url=hook.url, max_connections=1)
    hook.respond = failing(500)
    for number in range(2):
        sim.join(sim.add_user(f"U{number}"), world.news)
    await all_answered(sim, 4)
    sim.say(world.ben, world.lounge, "hello")
    await go_on()

    assert "message" not in hook.kinds
    hook.respond = failing(200)
    sim.clock.advance(3)
    await sim.settled()
    assert "message" in hook.kinds


async def test_an_answer_may_take_sixty_seconds(sim: Simulator, world: Small, hook: WebhookSink) -> None:
    """A silent webhook is given up after a minute and the update comes again."""
    gate = asyncio.Event()

    async def silent(received: Received) -> web.Response:
        del received
        await gate.wait()
        return web.Response()

    hook.respond = silent
    sim.say(world.ben, world.lounge, "hello")
    await until(lambda: len(hook.received) == 1, description="the delivery")
    sim.clock.advance(60.5)
    await until(lambda: len(hook.received) == 2, description="the second try")
    gate.set()
    await sim.settled()

    assert sim.deliveries[0].error == "Read timeout expired"


async def test_a_method_in_the_answer_is_called(sim: Simulator, world: Small, hook: WebhookSink) -> None:
    """The webhook's answer may carry one call."""

    async def reply(received: Received) -> web.Response:
        del received
        return web.json_response({"method": "sendMessage", "chat_id": world.lounge.id, "text": "Hi"})

    hook.respond = reply
    sim.say(world.ben, world.lounge, "hello")
    await sim.settled()

    assert [message.text for message in sim.messages(world.lounge)][-1] == "Hi"


async def test_held_updates_wait_and_others_pass(sim: Simulator, world: Small, hook: WebhookSink) -> None:
    """A test reorders queues by holding one back."""
    sim.faults.hold(Hold(kind="chat_member"))
    sim.join(world.cat, world.lounge)
    sim.say(world.cat, world.lounge, "hello")
    await sim.settled()
    before = list(hook.kinds)
    sim.faults.release()
    await sim.settled()

    assert before == ["message", "message"]
    assert hook.kinds == ["message", "message", "chat_member"]


@pytest.mark.parametrize("at_once", [False, True])
async def test_duplicates_are_identical(sim: Simulator, world: Small, hook: WebhookSink, *, at_once: bool) -> None:
    """An update may come again, byte for byte."""
    sim.faults.duplicates.append(Duplicate(copies=3, at_once=at_once))
    sim.say(world.ben, world.lounge, "hello")
    await sim.settled()

    assert len(hook.received) == 3
    assert len({each.raw for each in hook.received}) == 1


async def test_gone_for_a_day_removes_the_webhook(
    sim: Simulator, world: Small, api: BotClient, hook: WebhookSink
) -> None:
    """410 answers that go on for 23 hours remove the webhook."""
    hook.respond = failing(410)
    sim.say(world.ben, world.lounge, "hello")
    await all_answered(sim, 2)
    sim.clock.advance(23 * 3600 + 1)
    await all_answered(sim, 3)

    info = await api("getWebhookInfo")
    assert info.fields["url"] == ""


async def test_order_and_delivery_under_random_failures(sim: Simulator, world: Small, hook: WebhookSink) -> None:
    """However often the webhook fails, every message arrives, in each chat's order, one at a time per chat."""
    dice = random.Random(7)
    busy: set[int] = set()
    done: dict[int, list[str]] = {}
    overlaps: list[int] = []

    async def flaky(received: Received) -> web.Response:
        message = received.update["message"]
        chat = message["chat"]["id"]
        if chat in busy:
            overlaps.append(chat)
        busy.add(chat)
        await asyncio.sleep(dice.random() * 0.004)
        busy.discard(chat)
        if dice.random() < 0.4:
            return web.Response(status=dice.choice([302, 400, 500, 503]))
        done.setdefault(chat, []).append(message["text"])
        return web.Response(status=dice.choice([200, 201, 204]))

    groups = [sim.add_group(f"G{number}", owner=world.ann) for number in range(6)]
    for group in groups:
        sim.add_member(group, world.bot)
        sim.promote(group, world.bot)
    await sim.settled()
    hook.respond = flaky
    for number in range(10):
        for group in groups:
            sim.say(world.ann, group, str(number))
    for _ in range(4_000):
        await asyncio.sleep(0.005)
        sim.clock.advance(2)
        if sum(map(len, done.values())) == 60:
            break
    await sim.settled()

    assert done == {group.id: [str(number) for number in range(10)] for group in groups}
    assert overlaps == []


async def test_webhook_info_tells_the_last_error(
    sim: Simulator, world: Small, api: BotClient, hook: WebhookSink
) -> None:
    """An operator sees what the webhook answered and what waits."""
    hook.respond = failing(502)
    sim.say(world.ben, world.lounge, "hello")
    await all_answered(sim, 2)
    info = await api("getWebhookInfo")

    assert info.fields["last_error_message"] == "Wrong response from the webhook: 502 Bad Gateway"
    assert info.fields["pending_update_count"] == 1
    assert info.fields["url"] == hook.url


async def test_only_wanted_kinds_are_created(sim: Simulator, world: Small, api: BotClient) -> None:
    """chat_member must be asked for; the filter works when an update is made, not when it is sent."""
    before = len(sim.updates(world.bot))
    sim.join(world.cat, world.news)
    unasked = len(sim.updates(world.bot))
    await api("setWebhook", url="http://127.0.0.1:9/", allowed_updates=["Chat_Member", "nonsense"])
    await api("deleteWebhook")
    sim.leave(world.cat, world.news)
    sim.say(world.ben, world.lounge, "hello")

    assert unasked == before
    assert [kind for update in sim.updates(world.bot)[before:] for kind in update if kind != "update_id"] == [
        "chat_member"
    ]
