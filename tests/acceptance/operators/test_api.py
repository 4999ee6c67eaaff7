"""The HTTP API of a running instance: what it does, for whom, and how it answers what is wrong."""

import asyncio
import json
from collections.abc import AsyncIterator

import aiohttp
import pytest
from structlog.testing import capture_logs

from bot.domain.api import Scope
from bot.simulator import Simulator
from tests.acceptance.kit import gated
from tests.kits.api import Api, Json, token_for
from tests.kits.platform import Lounge, Platform, eventually

pytestmark = pytest.mark.servers


@pytest.fixture
async def api(platform: Platform) -> AsyncIterator[Api]:
    """Run an instance that writes as fast as it is told to, and call it as an administrator."""
    async with (
        platform.instance(RATE_LIMIT_PER_CHAT="1000", RATE_LIMIT_GLOBAL="1000") as url,
        aiohttp.ClientSession() as session,
    ):
        await platform.webhook_is_set()
        yield Api(session, url, await token_for(platform, Scope.ADMIN))


@pytest.fixture
async def group(api: Api, lounge: Lounge) -> str:
    """Protect the lounge and return where the API has it."""
    await lounge.protect(lounge.news)
    path = f"/bots/gate_bot/groups/{lounge.group.id}"
    await eventually(lambda: _found(api, path), "the group is known")
    return path


async def _found(api: Api, path: str) -> bool:
    return (await api.get(path)).status == 200


async def test_everything_is_shown(api: Api, group: str, lounge: Lounge, platform: Platform) -> None:
    """Bots, groups, channels, decisions, the ledger, the audit, letters, instances and how things stand."""
    await gated(lounge, platform, lounge.stranger)

    (bot,) = (await api.get("/bots")).items
    (row,) = (await api.get("/groups", search="loun", state="protected", bot="gate_bot")).items
    shown = (await api.get(group)).json
    (channel,) = (await api.get("/channels")).items
    decisions = (await api.get("/events", bot="gate_bot", user=lounge.stranger.id)).items
    muted = (await api.get("/events", bot="gate_bot", user=lounge.stranger.id, kind="muted")).items
    (case,) = (await api.get("/restrictions", group=lounge.group.id)).items
    audit = (await api.get("/audit")).items
    (instance,) = (await api.get("/instances")).items
    summary = (await api.get("/summary")).json

    assert (bot["username"], bot["muted"]) == ("gate_bot", 1)
    assert (row["id"], row["title"], row["state"]) == (lounge.group.id, "Lounge", "protected")
    assert [each["id"] for each in shown["required"]] == [lounge.news.id]  # type: ignore[attr-defined] # JSON
    assert channel["title"] == "News"
    assert [each["kind"] for each in decisions] == ["muted", "stopped"]
    assert [each["kind"] for each in muted] == ["muted"]
    assert (case["user"], case["done"]) == (lounge.stranger.id, "muted")
    assert {"protect", "api_token_create"} <= {str(each["action"]) for each in audit}
    assert (await api.get("/letters")).items == []
    assert instance["is_alive"]
    assert (summary["status"], summary["protected"], summary["muted"]) == ("healthy", 1, 1)


async def test_a_group_is_paused_resumed_compared_warmed_and_written_to(
    api: Api, group: str, lounge: Lounge, platform: Platform
) -> None:
    """As the console does it, and each stands in the audit with the token as the actor."""
    await gated(lounge, platform, lounge.stranger)
    paused = await api.post(f"{group}/pause")
    again = await api.post(f"{group}/pause")
    await lounge.until_free(lounge.stranger)
    resumed = await api.post(f"{group}/resume")
    compared = await api.post(f"{group}/recheck", {})
    rights = await api.get(f"{group}/rights")
    sent = await api.post(f"{group}/messages", {"text": "Good <b>morning</b> & welcome"})
    warming = await api.post(f"{group}/warm")

    async def warmed() -> bool:
        return (await api.get(f"/warmings/{warming.json['job']}")).json["state"] == "done"

    await eventually(warmed, "the group is warmed")
    assert (paused.json, again.json) == ({"changed": True}, {"changed": False})
    assert (resumed.json, compared.json) == ({"gated": True}, {"gated": True})
    assert all(each["is_enough"] for each in rights.items)
    assert (sent.status, sent.json) == (201, {"parts": 1})
    assert "Good <b>morning</b> & welcome" in lounge.said(lounge.group)
    assert warming.status == 202
    written = await platform.fetch("SELECT action, actor, source FROM audit_log WHERE source = 'api' ORDER BY audit_id")
    assert [row["action"] for row in written] == ["pause", "resume", "recheck", "send_message", "warm"]
    assert {row["actor"] for row in written} == {-1}


async def test_a_bot_is_hosted_renewed_stopped_and_removed(api: Api, sim: Simulator) -> None:
    """Its token is asked of Telegram and shown nowhere."""
    bot = sim.add_bot(username="second_bot")
    added = await api.post("/bots", {"token": bot.token, "name": "second"})
    twice = await api.post("/bots", {"token": bot.token})
    renewed = [
        await api.post("/bots/second/rotate-secret"),
        await api.post("/bots/second/rotate-token", {"token": bot.token}),
    ]
    stopped = await api.post("/bots/second/disable", {"at_once": True})
    started = await api.post("/bots/@second_bot/enable")
    removed = await api.call("DELETE", f"/bots/{bot.id}", query={"abandon": "true"})

    assert (added.status, added.json["name"], twice.status) == (201, "second", 409)
    assert [each.status for each in renewed] == [200, 200]
    assert (stopped.json["state"], started.json["state"]) == ("disabled", "running")
    assert (removed.status, removed.text) == (204, "")
    assert (await api.get("/bots/second")).status == 404
    assert bot.token not in added.text + twice.text + renewed[1].text


async def test_a_token_opens_what_its_scope_says(api: Api, group: str, platform: Platform) -> None:
    """Nothing without one, reading with `read`, groups with `operate`; and nothing once it is revoked."""
    reader = api.as_(await token_for(platform, Scope.READ))
    operator = api.as_(await token_for(platform, Scope.OPERATE))

    for nobody in (api.as_(None), api.as_("gmbot_wrong"), api.as_("x" * 5000), api.as_("gmbot_é")):
        refused = await nobody.get("/bots")
        assert (refused.status, refused.headers["www-authenticate"]) == (401, 'Bearer realm="gmbot"')
    assert (await reader.get(group)).status == 200
    assert (await reader.post(f"{group}/pause")).status == 403
    assert (await operator.post(f"{group}/pause")).status == 200
    assert (await operator.post("/bots/gate_bot/disable", {})).status == 403
    tokens = await platform.fetch("SELECT * FROM api_tokens")
    assert not any(reader.token in str(dict(row)) for row in tokens if reader.token)
    await platform.fetch("DELETE FROM api_tokens WHERE name = 'read-0'")
    assert (await reader.get(group)).status == 401


async def test_a_token_of_one_bot_knows_no_other(
    api: Api, group: str, platform: Platform, sim: Simulator, lounge: Lounge
) -> None:
    """An owner of B asks for A in every way there is: it does not exist, and nothing of it changes."""
    other = sim.add_bot(username="second_bot")
    await api.post("/bots", {"token": other.token, "name": "second"})
    await platform.fetch(
        "INSERT INTO dead_letters (bot_id, update_id, body, error) VALUES ($1, 7, '{}', 'why')", lounge.bot.id
    )
    await platform.fetch(
        "INSERT INTO scheduled_actions (bot_id, kind, chat_id, due_at, dead_at) VALUES ($1, 'k', 1, now(), now())",
        lounge.bot.id,
    )
    action = (await platform.fetch("SELECT action_id FROM scheduled_actions WHERE kind = 'k'"))[0][0]
    stranger = api.as_(await token_for(platform, Scope.ADMIN, other.id))
    before = await platform.fetch("SELECT count(*) FROM audit_log")

    statuses = [
        (await stranger.get(group)).status,
        *[(await stranger.post(f"{group}/{act}")).status for act in ("pause", "resume", "recheck", "warm")],
        (await stranger.post(f"{group}/messages", {"text": "hello"})).status,
        *[(await stranger.post(f"/bots/gate_bot/{act}")).status for act in ("enable", "disable", "rotate-secret")],
        (await stranger.call("DELETE", "/bots/gate_bot")).status,
        (await stranger.get("/groups", bot="gate_bot")).status,
        # The letter says whose it is, whatever bot the token is for.
        *[
            (await stranger.post(f"/letters/{act}", {"letter": letter})).status
            for act in ("replay", "drop")
            for letter in (f"update/{lounge.bot.id}/7", f"action/{action}")
        ],
    ]

    assert set(statuses) == {404}
    assert (await stranger.post("/bots", {"token": other.token})).status == 403
    assert [bot["name"] for bot in (await stranger.get("/bots")).items] == ["second"]
    for path in ("/groups", "/channels", "/events", "/restrictions", "/letters"):
        assert (await stranger.get(path)).items == []
    assert await platform.fetch("SELECT count(*) FROM audit_log") == before
    assert (await api.post("/letters/replay", {"letter": f"action/{action}"})).status == 204


async def test_a_list_is_read_page_by_page(api: Api, platform: Platform) -> None:
    """Each row once, though rows come in between; a cursor that no list gave is refused."""
    await platform.fetch(
        "INSERT INTO audit_log (bot_id, actor, action) SELECT (SELECT min(bot_id) FROM bots), n, 'x'"
        " FROM generate_series(1, 25) n"
    )
    actors, cursor = list[object](), dict[str, str]()
    while True:
        page = await api.get("/audit", bot="gate_bot", limit=7, **cursor)
        actors += [row["actor"] for row in page.items if row["action"] == "x"]
        await platform.fetch("INSERT INTO audit_log (bot_id, actor, action) SELECT min(bot_id), 99, 'x' FROM bots")
        if page.json["next"] is None:
            break
        cursor = {"cursor": str(page.json["next"])}

    assert actors == list(range(25, 0, -1))
    for path in ("/audit", "/groups", "/channels", "/events", "/restrictions", "/letters"):
        for wrong in ("nonsense", "WzFd", "WyIiLCAiIl0", "2026-01-01T00:00:00Z/99999999999999999999"):
            answer = await api.get(path, cursor=wrong)
            assert answer.status in {400, 200}, (path, wrong, answer.text)
            assert answer.status == 200 or answer.refusal[2] == "cursor"
    assert (await api.get("/audit", limit=0)).refusal[2] == "limit"


async def test_the_same_key_does_it_once(api: Api, group: str, lounge: Lounge) -> None:
    """The answer comes again, a refusal too; with another body it is a fault, and it is each token's own."""
    texts = [await api.post(f"{group}/messages", {"text": "once"}, key="k1") for _ in range(3)]
    other = await api.post(f"{group}/messages", {"text": "twice"}, key="k1")
    refused = [await api.post(f"{group}/messages", {"text": " "}, key="k2") for _ in range(2)]
    strange = await api.post(f"{group}/pause", key="with space")

    assert [(each.status, each.json) for each in texts] == [(201, {"parts": 1})] * 3
    assert [each.headers.get("idempotency-replayed") for each in texts] == [None, "true", "true"]
    assert lounge.said(lounge.group).count("once") == 1
    assert other.status == 422
    assert [each.refusal for each in refused] == [(400, "Message cannot be empty", "text")] * 2
    assert strange.refusal[2] == "Idempotency-Key"


async def test_ten_at_once_have_one_outcome(api: Api, group: str, lounge: Lounge, platform: Platform) -> None:
    """Of ten that pause at the same moment one does it; of ten that write under one key one writes."""
    paused = await asyncio.gather(*(api.post(f"{group}/pause") for _ in range(10)))
    sent = await asyncio.gather(*(api.post(f"{group}/messages", {"text": "ten"}, key="ten") for _ in range(10)))
    bot = lounge.sim.add_bot(username="second_bot")
    added = await asyncio.gather(*(api.post("/bots", {"token": bot.token, "name": "second"}) for _ in range(10)))

    assert {each.status for each in paused} == {200}
    pauses = await platform.fetch("SELECT 1 FROM audit_log WHERE action = 'pause'")
    assert (len(pauses), sum(bool(each.json["changed"]) for each in paused) >= 1) == (1, True)
    assert {each.status for each in sent} <= {201, 409}
    assert lounge.said(lounge.group).count("ten") == 1
    assert sorted(each.status for each in added) == [201] + [409] * 9


async def test_a_hundred_messages_are_sent_in_order(api: Api, group: str, lounge: Lounge) -> None:
    """As fast as they come."""
    texts = [f"message {number}" for number in range(100)]
    statuses = [(await api.post(f"{group}/messages", {"text": text})).status for text in texts]

    assert set(statuses) == {201}
    assert [text for text in lounge.said(lounge.group) if text.startswith("message ")] == texts


async def test_a_message_is_bounded(api: Api, group: str, lounge: Lounge) -> None:
    """Empty: 400; up to 10 KB: cut at Telegram's 4096 characters; 50 KB and what no body may have: 413."""
    path = f"{group}/messages"
    words = "word " * 2000
    answers = [await api.post(path, {"text": text}) for text in ("", "  \n", words, "y" * 50 * 1024, "z" * 70 * 1024)]

    assert [each.status for each in answers] == [400, 400, 201, 413, 413]
    assert answers[0].refusal == (400, "Message cannot be empty", "text")
    assert answers[3].refusal[1] == "Message too long (limit 10 KB)"
    parts = [text for text in lounge.said(lounge.group) if text.startswith("word")]
    assert all(len(part) <= 4096 for part in parts)
    assert " ".join(parts).split() == words.split()


@pytest.mark.parametrize(
    "text",
    [
        "日本語 한국어",
        "שלום עולם — مرحبا",
        "👩‍👩‍👧‍👦🏳️‍🌈",
        "नमस्ते ไทย ελληνικά",
        "<script>alert(1)</script>",
        "a\u202eb\u0301",
    ],
)
async def test_every_script_arrives_unchanged(api: Api, group: str, lounge: Lounge, text: str) -> None:
    """What is sent is what is said, and nothing of it is taken for markup."""
    assert (await api.post(f"{group}/messages", {"text": text})).status == 201
    assert text in lounge.said(lounge.group)


async def test_fields_are_checked_by_name(api: Api, group: str, sim: Simulator) -> None:
    """Missing, null, of another type, unknown, or a name that is none: 400 with the field; never a value repeated."""
    token = sim.add_bot(username="second_bot").token
    wrong: list[tuple[str, Json, str]] = [
        ("/bots", {}, "token"),
        ("/bots", {"token": None}, "token"),
        ("/bots", {"token": 5}, "token"),
        ("/bots", {"token": ""}, "token"),
        ("/bots", {"token": token[:-1] + "é"}, "token"),
        ("/bots", {"token": token, "tokn": 1}, "tokn"),
        (f"{group}/messages", {"text": None}, "text"),
        (f"{group}/messages", {}, "text"),
        ("/bots/gate_bot/disable", {"at_once": "no"}, "at_once"),
        ("/letters/replay", {"letter": "nothing"}, "letter"),
        ("/letters/replay", {"letter": f"action/{2**70}"}, "letter"),
    ]
    wrong += [
        ("/bots", {"token": token, "name": name}, "name")
        for name in ("a b", "<b>", "x" * 65, "'; DROP TABLE bots; --", "ümlaut", "a/../b", "a\x00b")
    ]
    for path, body, field in wrong:
        answer = await api.post(path, body)
        assert (answer.status, answer.json.get("field")) == (400, field), (path, body, answer.text)
        assert token not in answer.text


async def test_a_body_that_is_no_json_is_refused_without_a_word_on_why(api: Api, group: str) -> None:
    """400 and one sentence; what is wrong with it stands in the log."""
    for body in (b"{", b"nothing", b'{"text": "a"', b"\xff\xfe", b'{"text": "\xff"}', b'{"text": "\\ud800"}'):
        with capture_logs() as logs:
            answer = await api.call("POST", f"{group}/messages", body)
        assert answer.refusal == (400, "the body is no valid JSON", "body"), body
        assert [bool(each["error"]) for each in logs if each["event"] == "api.malformed_body"] == [True], body
    for body in (b"[]", b'"text"', b"null", b"5", b"[" * 20_000, b'{"text":' * 5_000):
        assert (await api.call("POST", f"{group}/messages", body)).status == 400


async def test_sql_is_only_text(api: Api, group: str, platform: Platform) -> None:
    """In any field it is looked for, said or refused, and never run."""
    inert = [
        "'; DROP TABLE restrictions; --",
        "' OR '1'='1",
        "%' UNION SELECT token_encrypted FROM bots --",
        "\\",
        "$1",
        "%",
        "_",
    ]
    before = await platform.fetch("SELECT count(*) FROM bots")
    for text in inert:
        for path in ("/groups", "/channels"):
            assert len((await api.get(path, search=text)).items) <= (text == "_")
        assert (await api.get("/groups", bot=text)).status == 404
        assert text == "_" or (await api.get("/events", kind=text)).refusal[2] == "kind"
        assert (await api.get("/audit", chat=text)).refusal[2] == "chat"
        assert (await api.get("/audit", cursor=text)).refusal[2] == "cursor"
        assert (await api.post(f"{group}/messages", {"text": text})).status == 201
        assert (await api.post(f"{group}/pause", key=text.replace(" ", "_"))).status == 200
    assert await platform.fetch("SELECT count(*) FROM bots") == before
    assert (await api.get("/restrictions")).status == 200


async def test_no_path_leads_outside(api: Api) -> None:
    """Whatever way up is spelt, it is a bot or a group that is not there."""
    wrong = (
        "/../../etc/passwd",
        "/bots/..%2f..%2fetc%2fpasswd",
        "/bots/%2e%2e",
        "/bots/a/groups/..%2f1",
        "/%00",
        "/bots/gate_bot/groups/1;ls",
        "/bots/gate_bot/groups/%EF%BC%99",
        "/openapi.json/../x",
        "/warmings/..%2fx",
    )
    for path in wrong:
        answer = await api.call("GET", path)
        assert answer.status == 404, (path, answer.text)
        assert "root:" not in answer.text


async def test_headers_and_logs_take_no_lines(api: Api, group: str, capfd: pytest.CaptureFixture[str]) -> None:
    """A line break in a name becomes no header and no line of the log."""
    await api.get("/bots/a%0d%0aset-cookie:%20x=1")
    answer = await api.get("/groups", bot='x"}\r\n{"event": "forged"}')
    await api.call("POST", f"{group}/messages", b'{"text": "\r\n{\\"event\\": \\"forged\\"}"')

    assert "set-cookie" not in answer.headers
    lines = [line for line in capfd.readouterr().err.splitlines() if "forged" in line]
    assert not any(line.startswith('{"event": "forged"') for line in lines)


async def test_the_document_and_its_page_are_open_to_all(api: Api) -> None:
    """They need no token, name every operation, and each operation has a scope and its refusals."""
    document = (await api.as_(None).get("/openapi.json")).json
    async with api.session.get(f"{api.url}/api/v1/") as page:
        text = await page.text()

    paths = document["paths"]
    assert isinstance(paths, dict)
    assert document["openapi"] == "3.1.0"
    assert len(json.dumps(document)) > 10_000
    for path, methods in paths.items():
        assert f"/api/v1{path}" in text
        for operation in methods.values():
            assert {"400", "401", "403", "500"} <= set(operation["responses"])
