"""The checks themselves: they refuse what is not Bot API, at any depth."""

import copy
from typing import Any

import pytest

from bot.simulator import Call
from tests.kits.simulator import assert_calls_valid, assert_valid_result, assert_valid_update

UPDATE: dict[str, Any] = {
    "update_id": 5,
    "message": {
        "message_id": 1,
        "date": 1790000000,
        "chat": {"id": -1001, "type": "supergroup", "title": "Lounge"},
        "from": {"id": 7, "is_bot": False, "first_name": "Ben"},
        "text": "hello",
    },
}


def call(method: str, **params: object) -> Call:
    """Return a recorded call."""
    return Call(1, 0.0, 1, method, params)


def test_a_good_update_passes() -> None:
    """What Telegram sends is accepted."""
    assert_valid_update(UPDATE)


@pytest.mark.parametrize(
    ("path", "name", "value"),
    [
        (("message", "from"), "nickname", "B"),
        (("message",), "new_chat_participant", {"id": 7}),
        (("message",), "forward_date", 1790000000),
        (("message", "chat"), "id", "-1001"),
        (("message", "from"), "is_bot", 0),
        (("message",), "text", 5),
        ((), "massage", {}),
    ],
)
def test_bad_updates_are_refused(path: tuple[str, ...], name: str, value: object) -> None:
    """Unknown fields, fields of long ago and wrong types are errors."""
    update = copy.deepcopy(UPDATE)
    inner = update
    for step in path:
        inner = inner[step]
    inner[name] = value

    with pytest.raises(AssertionError):
        assert_valid_update(update)


def test_a_missing_field_is_refused() -> None:
    """Required fields are required."""
    update = copy.deepcopy(UPDATE)
    del update["message"]["chat"]

    with pytest.raises(AssertionError):
        assert_valid_update(update)


def test_results_are_checked_by_method() -> None:
    """The same value fits one method and not another."""
    user = {"id": 7, "is_bot": False, "first_name": "Ben"}
    assert_valid_result("getChatMember", {"user": user, "status": "left"})

    with pytest.raises(AssertionError):
        assert_valid_result("getMe", {"user": user, "status": "left"})


@pytest.mark.parametrize(
    "bad",
    [
        call("sendMassage", chat_id=1, text="x"),
        call("sendMessage", chat_id=1),
        call("sendMessage", chat_id=1, text="x", silent=True),
        call("sendMessage", chat_id=1, text="x", reply_to_message_id=5),
        call("restrictChatMember", chat_id=1, user_id=2, permissions={"can_sing": True}),
        call("sendMessage", chat_id=1, text="x", reply_markup={"inline_keyboard": [[{"text": "x", "data": "y"}]]}),
    ],
)
def test_bad_calls_are_refused(bad: Call) -> None:
    """Unknown methods, missing, unknown and retired fields are errors, inside nested values too."""
    with pytest.raises(AssertionError):
        assert_calls_valid([bad])


def test_a_good_call_passes() -> None:
    """What the bot should send is accepted."""
    keyboard = {"inline_keyboard": [[{"text": "x", "callback_data": "y", "style": "success"}]]}
    assert_calls_valid(
        [
            call("sendMessage", chat_id=1, text="x", parse_mode="HTML", reply_markup=keyboard),
            call("sendMessage", chat_id=1, text="x", ephemeral_message_parameters={"receiver_user_id": 7}),
        ]
    )
