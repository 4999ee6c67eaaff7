"""The control API: what the chat page and operators use to see and move the simulated world.

Everything is JSON over HTTP under `/control/`. Identifiers are those in Telegram's updates. Times are Unix seconds of
the simulator's clock. Errors are `{"error": "a sentence"}` with 400 (not understood), 403 (the world does not allow it:
muted, not a member, no right) or 404 (no such user, chat, message).

`GET /control/state?viewer=<user_id>` -> everything that user can see (without `viewer`: an omniscient view)

    {"sequence": 17, "now": 1790000000.25, "clock_moves": true, "viewer": 101,
     "users": [{"id": 101, "name": "Sam", "first_name": "Sam", "last_name": null, "username": null, "is_bot": false,
                "language_code": "en"}],
     "bots":  [{"id": 5000000001, "name": "GMBot", "username": "gm_demo_bot", "token": "5000000001:SIM...",
                "delivery": "webhook" | "polling" | "none", "webhook_url": "", "pending_updates": 0, "last_error": null,
                "private_chat_id": 101 | null}],
     "chats": [CHAT], "faults": [FAULT], "calls": 42}

  `private_chat_id` is the viewer's private chat with the bot once either side wrote (its id is the viewer's own, so
  it is addressed by `"chat": <bot id>` in this API; see CHAT.key). A CHAT is

    {"key": "-1001234567890", "id": -1001234567890, "type": "channel" | "supergroup" | "group" | "private",
     "title": "GM Lounge", "username": null | "gm_news", "is_forum": false, "linked": null | chat id,
     "link": "https://t.me/gm_news" | "https://t.me/+AbC..." | "https://t.me/gm_demo_bot",
     "description": null, "join_by_request": false, "members_count": 4,
     "commands": [{"command": "protect", "description": "...", "bot": "gm_demo_bot"}],
     "topics": [{"id": 7, "name": "News", "is_closed": false}],
     "me": {"status": "creator" | "administrator" | "member" | "restricted" | "left" | "kicked", "is_in": true,
            "can_speak": true, "can_read": true, "can_join": false, "has_requested": false,
            "is_muted": false, "until_date": 0, "muted_by": null | {"id": 1, "name": "GMBot", "is_bot": true},
            "rights": ["can_restrict_members", ...], "is_anonymous": false,
            "silence": null | "not_a_member" | "muted" | "channel" | "closed" | "banned"},
     "members": [{"id": 101, "name": "Sam", "username": null, "is_bot": false, "status": "restricted", "is_in": true,
                  "is_muted": true, "until_date": 1790003600, "rights": [], "is_anonymous": false,
                  "custom_title": null}],
     "join_requests": [{"id": 101, "name": "Sam", "at": 1790000000}],
     "messages": [MESSAGE]}

  `key` is how a chat is addressed in every call of this API: the chat's id, or the bot's id for the viewer's private
  chat with that bot. `commands` is the menu the viewer sees, in their language. `can_read` is false for private chats
  one is not in: then `messages` and `members` are empty. `members` holds people who are in the chat, restricted or
  banned; `me.silence` says why the composer is closed (null: it is open). Channels list members to their admins only.
  Oldest message first, at most 200. A MESSAGE is

    {"id": 12, "ephemeral_id": null | 3, "at": 1790000000.2, "edited_at": null, "topic": null, "mine": false,
     "from": {"id": 5000000001, "name": "GMBot", "is_bot": true, "as_chat": false}, "signature": null,
     "receiver": null | {"id": 101, "name": "Sam"},
     "text": "Join GM News", "entities": [{"type": "bold", "offset": 0, "length": 4, "url": "only for text_link"}],
     "service": null | "joined" | "left" | "other", "service_text": null | "Sam joined the group",
     "photo": false, "picture": null | "/pictures/-1001/12?af",
     "media_group_id": null, "reply_to": null | 11, "is_automatic_forward": false,
     "buttons": [[{"text": "GM News", "url": "https://t.me/gm_news", "chat": null | "-1001234567890", "style": null},
                  {"text": "I joined", "data": "v:1", "style": "success"}]],
     "keyboard": null | [[{"text": "Pick a channel", "request_id": null | 1, "wants_channel": null | true}]],
     "can_edit": false, "can_delete": false}

  Entity offsets are UTF-16 code units, as JavaScript strings count. `chat` beside a button's `url` is the key of the
  simulated chat (or bot) the link leads to, when it is one, even where the viewer cannot read it yet.
  `keyboard` is a reply keyboard: a key writes its text, or with a `request_id` lets the viewer pick a chat.

`POST /control/act` with `{"action": ..., "user": <acting user id>, ...}` ->
`{"result": ..., "sequence": 18}`; chats are keys (strings or numbers)

    say       chat, text, topic?, reply_to?, photo?, media_group_id?, as_channel?   -> MESSAGE (in every chat)
    comment   chat, text                            comment in a discussion group without membership
    edit      chat, message, text                   delete   chat, message
    press     chat, message, data, ephemeral?       -> {"query": "77"}: poll `answer`, or read it from the event stream
    answer    query                                 -> null | {"text": "Not yet", "show_alert": true, "url": null}
    join      chat | link    leave  chat            request_join  chat | link
    start     bot, payload?                         sends /start to a bot        block / unblock  bot
    add       chat, target        remove  chat, target        ban / unban  chat, target, until?
    mute      chat, target, until? | permissions?   unmute  chat, target         (a human moderator's restriction)
    promote   chat, target, rights: ["can_restrict_members", ...]?, anonymous?   demote  chat, target
    approve   chat, target        decline  chat, target                          (join requests)
    share_chat  bot, request_id, shared             picks the chat `shared` for a key with a request_id
    configure   chat, join_by_request?, join_to_send_messages?, hidden_members?
    migrate   chat                set_permissions  chat, permissions            link_discussion  chat (channel), group
    add_user  name, username?, language_code?       -> USER
    add_bot   name, username                        -> {"id", "username", "token"}, as /newbot does at @BotFather
    add_channel / add_group  title, username?, forum? -> {"key"}
    add_topic chat, name                            close_topic / open_topic  chat, topic

`GET /control/calls?after=<number>&limit=200` -> `{"calls": [CALL], "last": 42}`, oldest first; a CALL is

    {"number": 42, "at": 1790000000.2, "bot": 5000000001, "method": "restrictChatMember", "params": {...},
     "status": 200 | null while it runs, "ms": 1.3, "result": ..., "error": null | "Bad Request: ...",
     "fault": null | "flood"}

`GET /control/deliveries?after=<number>` -> `{"deliveries": [{"number", "bot", "update_id", "kind", "queue", "attempt",
    "status", "error", "started", "finished", "url"}], "last": 7}`
`GET /control/events` -> Server-Sent Events; each `data:` is one JSON object:
    event `changed`  {"sequence": 18}                read the state again
    event `call`     CALL                            a Bot API call has been answered
    event `answer`   {"query": "77", "user": 101, "text": "Not yet", "show_alert": true, "url": null}
`POST /control/clock {"advance": 60}` -> `{"now": ...}`
`POST /control/faults {"add": FAULT}` | `{"remove": 3}` | `{"clear": true}` -> `{"faults": [FAULT]}`; a FAULT is

    {"id": 3, "kind": "flood" | "error" | "delay" | "drop" | "lose_answer" | "lie", "method": null | "getChatMember",
     "chat": null, "user": null, "bot": null, "times": null (for ever) | 2, "retry_after": 5, "code": 500,
     "description": "Internal Server Error", "seconds": 0.0, "result": null}

`POST /control/reset` -> `{"sequence": ...}`: the world as it was when it was remembered; bots keep tokens and webhooks,
and those that were made since stay.
`GET /` is the chat page's index.html, `GET /page/<file>` its other files.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from .acts import Act, NotUnderstood
from .backend import Backend
from .errors import NotAllowed, NotFound, SimulatorError
from .faults import Fault
from .model import JsonObject, User
from .people import People
from .record import Call, Delivery
from .state import StateView, fault_json

MOST_ENTRIES = 200
# A silent stream is given a sign of life, so that a dead connection is noticed.
SIGN_OF_LIFE_SECONDS = 15.0

Endpoint = Callable[[Request], Awaitable[Response]]


class Control:
    """The endpoints under `/control/`."""

    def __init__(self, *, people: People, backend: Backend) -> None:
        self._people = people
        self._backend = backend

    def routes(self) -> list[Route]:
        """Return the endpoints for the application."""
        return [
            Route("/control/state", _guarded(self._state)),
            Route("/control/act", _guarded(self._act), methods=["POST"]),
            Route("/control/calls", _guarded(self._calls)),
            Route("/control/deliveries", _guarded(self._deliveries)),
            Route("/control/events", self._events),
            Route("/control/clock", _guarded(self._clock), methods=["POST"]),
            Route("/control/faults", _guarded(self._faults), methods=["POST"]),
            Route("/control/reset", _guarded(self._reset), methods=["POST"]),
        ]

    async def _state(self, request: Request) -> object:
        viewer: User | None = None
        if request.query_params.get("viewer"):
            viewer = self._backend.world.user(_number(request, "viewer"))
        return StateView(backend=self._backend, viewer=viewer).json()

    async def _act(self, request: Request) -> object:
        act = Act(people=self._people, backend=self._backend, body=await _body(request))
        result = act.run()
        self._backend.record.changed()
        return {"result": result, "sequence": self._backend.record.sequence}

    async def _calls(self, request: Request) -> object:
        after, limit = _number(request, "after"), _number(request, "limit", MOST_ENTRIES)
        calls = self._backend.record.calls_after(after)
        shown = [call_json(call) for call in calls[max(0, len(calls) - limit) :]]
        return {"calls": shown, "last": self._backend.record.last_call}

    async def _deliveries(self, request: Request) -> object:
        after = _number(request, "after")
        entries = self._backend.record.deliveries_after(after)
        shown = [delivery_json(entry) for entry in entries[-MOST_ENTRIES:]]
        return {"deliveries": shown, "last": self._backend.record.last_delivery}

    async def _clock(self, request: Request) -> object:
        seconds = (await _body(request)).get("advance")
        if not isinstance(seconds, int | float) or seconds < 0:
            raise NotUnderstood("advance must be a number of seconds, not negative")
        self._backend.clock.advance(seconds)
        self._backend.record.changed()
        return {"now": self._backend.clock.now()}

    async def _faults(self, request: Request) -> object:
        body = await _body(request)
        faults = self._backend.faults
        if body.get("clear") is True:
            faults.clear()
        elif isinstance(body.get("remove"), int):
            faults.remove(int(str(body["remove"])))
        else:
            faults.add(_read_fault(body.get("add")))
        self._backend.record.changed()
        return {"faults": [fault_json(fault) for fault in faults.active]}

    async def _reset(self, request: Request) -> object:
        del request
        self._backend.reset()
        return {"sequence": self._backend.record.sequence}

    async def _events(self, request: Request) -> Response:
        del request
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(self._stream(), media_type="text/event-stream", headers=headers)

    async def _stream(self) -> AsyncIterator[str]:
        record = self._backend.record
        event = record.subscribe()
        last, answers = record.last_call, len(record.answers)
        running = list(record.running.values())
        try:
            yield _event("changed", {"sequence": record.sequence})
            while not record.is_closing:
                if not await _is_set(event):
                    yield ": alive\n\n"
                    continue
                running += record.calls_after(last)
                last = record.last_call
                for call in [each for each in running if not each.is_running]:
                    yield _event("call", call_json(call))
                running = [each for each in running if each.is_running]
                for answer in record.answers[answers:]:
                    yield _event("answer", answer.data)
                answers = len(record.answers)
                yield _event("changed", {"sequence": record.sequence})
        finally:
            record.unsubscribe(event)


async def _is_set(event: asyncio.Event) -> bool:
    """Wait for the event and clear it; false when a sign of life is due instead."""
    try:
        async with asyncio.timeout(SIGN_OF_LIFE_SECONDS):
            await event.wait()
    except TimeoutError:
        return False
    event.clear()
    return True


def _event(name: str, data: JsonObject) -> str:
    return f"event: {name}\ndata: {msgspec.json.encode(data).decode()}\n\n"


def call_json(call: Call) -> JsonObject:
    """Return one CALL."""
    return {
        "number": call.number,
        "at": call.at,
        "bot": call.bot_id,
        "method": call.method,
        "params": call.params,
        "status": None if call.is_running else call.status,
        "ms": round(call.seconds * 1000, 1),
        "result": call.result,
        "error": call.error,
        "fault": call.fault,
    }


def delivery_json(entry: Delivery) -> JsonObject:
    """Return one attempt to deliver an update."""
    return {
        "number": entry.number,
        "bot": entry.bot_id,
        "update_id": entry.update_id,
        "kind": entry.kind,
        "queue": entry.queue,
        "attempt": entry.attempt,
        "status": entry.status,
        "error": entry.error,
        "started": entry.started,
        "finished": entry.finished,
        "url": entry.url,
    }


def _read_fault(value: object) -> Fault:
    fields = {} if not isinstance(value, dict) else {name: each for name, each in value.items() if name != "id"}
    try:
        return msgspec.convert(fields, Fault)
    except msgspec.ValidationError as error:
        raise NotUnderstood(f"add must be a fault: {error}") from error


def _number(request: Request, name: str, default: int = 0) -> int:
    text = request.query_params.get(name, str(default))
    if not text.isascii() or not text.isdigit():
        raise NotUnderstood(f"{name} must be a number")
    return int(text)


async def _body(request: Request) -> JsonObject:
    try:
        value = json.loads(await request.body())
    except ValueError:
        raise NotUnderstood("the body must be JSON") from None
    if not isinstance(value, dict):
        raise NotUnderstood("the body must be a JSON object")
    return value


def _guarded(serve: Callable[[Request], Awaitable[object]]) -> Endpoint:
    """Answer in JSON, refusals too."""

    async def endpoint(request: Request) -> Response:
        # Another site's page in the same browser has no business here.
        if request.headers.get("sec-fetch-site", "same-origin") == "cross-site":
            return _json({"error": "not from another site"}, 403)
        try:
            return _json(await serve(request))
        except NotAllowed as error:
            return _json({"error": str(error)}, 403)
        except NotFound as error:
            return _json({"error": str(error)}, 404)
        except SimulatorError as error:
            return _json({"error": str(error)}, 400)

    return endpoint


def _json(value: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, {"Cache-Control": "no-store"}, media_type="application/json")
