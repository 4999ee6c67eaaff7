"""The statements that the repositories run, each with values, the index it is to use, and how much it may read."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bot.domain.heartbeat import DEAD_AFTER
from bot.utils.optimizer.samples import Sample

Values = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Probe:
    """One statement under examination."""

    statement: str
    values: Callable[[Sample], Values]
    indexes: tuple[str, ...] = ()
    """Every one of these has to be used, or one of two that serve as well; none where the table is small by nature."""
    read_per_row: float = 3.0
    """Rows read for each row returned or changed, at most."""
    spare: float = 8.0
    """Rows read beside these, whatever is returned: parents, neighbours, another partition's first row."""
    before: str | None = None
    """A statement of this list that makes the ground for it, in the same transaction."""
    is_write: bool = False
    by_size: bool = False
    """It is about a whole group, page or deployment, so its time grows with that."""


_OPEN, _DUE, _GATE = "restrictions_open", "restrictions_due", "protected_groups_pkey|protected_groups_one_gate"
_USER, _OPEN_HERE = "restrictions_open_user", "restrictions_open|restrictions_open_user"


def probes() -> Sequence[Probe]:
    """Return every probe: reads, then writes."""
    return (*_reads(), *_lists(), *_updates(), *_cases(), *_intents(), *_upkeep())


def _reads() -> Sequence[Probe]:
    return (
        Probe("get_protected_group", lambda s: _of(s.group, "bot_id", "group_id"), (_GATE,)),
        Probe(
            "get_group_channels",
            lambda s: (s.group["bot_id"], [s.group["group_id"]]),
            ("group_channel_links_pkey", "channels_pkey"),
        ),
        Probe("former_ids", lambda s: (s.group["bot_id"], [s.group["group_id"]])),
        Probe("groups_changed_since", lambda s: (s.group["seq"], 0, 0, 10), ("protected_groups_seq",)),
        Probe("config_seq", lambda _: ()),
        Probe("enabled_bots", lambda _: ()),
        Probe("bot_summaries", lambda _: (), by_size=True, spare=1_000_000),
        Probe("update_state", lambda s: _of(s.update, "bot_id", "update_id"), ("updates_done_pkey",)),
        Probe("due_cases", lambda _: (200, [0]), (_DUE,)),
        Probe("muting_cases", lambda s: (*_of(s.open_case, "bot_id", "group_id", "user_id"), 200), (_OPEN,),
              spare=2_000),
        Probe("cases_of_user", lambda s: _of(s.open_case, "bot_id", "user_id", "channel_id"), (_USER,)),
        Probe("restriction_is_ours", lambda s: (*_of(s.open_case, "bot_id", "group_id", "user_id"), s.now),
              (_OPEN_HERE, "restrictions_closed_user")),
        Probe("open_case_of", lambda s: _of(s.open_case, "bot_id", "group_id", "user_id"), (_OPEN_HERE,)),
        Probe(
            "prompt_stands",
            lambda s: _of(s.open_case, "bot_id", "group_id", "prompt_message_id"),
            ("restrictions_prompt",),
            spare=200_000,
            by_size=True,
        ),
        Probe(
            "count_open_cases",
            lambda s: _of(s.open_case, "bot_id", "group_id"),
            (_OPEN,),
            spare=200_000,
            by_size=True,
        ),
        Probe("count_under_review", lambda _: (), ("restrictions_in_review",)),
        Probe("get_bot_events", lambda s: (*_of(s.event, "bot_id", "at", "event_id"), 50),
              ("verification_events_bot|verification_events_pkey",), spare=60, read_per_row=8),
        Probe("get_group_events", lambda s: (*_of(s.event, "bot_id", "group_id"), None, None, None, 50),
              ("verification_events_group",), spare=60, read_per_row=6),
        # Of a small table the planner may rather sort the few hundred rows of a chat.
        Probe("get_group_audit", lambda s: (*_of(s.event, "bot_id", "group_id"), 50), ("audit_log_chat",), spare=500),
        Probe("get_user_events", lambda s: (*_of(s.event, "bot_id", "user_id"), None, None, None, None, 50),
              ("verification_events_user",), spare=60, read_per_row=6),
        Probe("count_group_events", lambda s: (*_of(s.event, "bot_id", "group_id"), 7), ("verification_events_group",),
              spare=200_000, by_size=True),
        Probe("group_figures", lambda s: (*_of(s.event, "bot_id", "group_id"), [s.event["group_id"]], 28),
              ("verification_events_group", "group_members_seen_joined", "group_days_pkey"),
              spare=200_000, by_size=True),
        Probe("get_user_history", lambda s: (*_of(s.closed_case, "bot_id", "user_id"), 50),
              (_USER, "restrictions_closed_user")),
        Probe("letters_to_replay", lambda s: ([s.dead["bot_id"]], 10), spare=100),
        Probe("count_dead", lambda _: (), ("scheduled_actions_dead",), spare=1_000),
    )  # fmt: skip


def _lists() -> Sequence[Probe]:
    """Page through everything, as operators do."""
    start = ("", -(2**62), -(2**62))
    return (
        Probe("list_groups", lambda _: (*start, None, 51), ("protected_groups_title",), spare=200_000,
              by_size=True),
        Probe("list_groups_in_state", lambda _: (*start, None, "open", 51), ("protected_groups_state",), spare=200_000,
              by_size=True),
        # Whatever it finds, a search may have to read every name.
        Probe("find_groups", lambda s: (*start, None, None, 51, "%no group has this name%", s.group["group_id"]),
              spare=200_000, by_size=True),
        Probe("list_channels", lambda _: (*start, None, None, None, 51), ("channels_title",), spare=200_000,
              by_size=True),
        Probe("list_audit", lambda _: (2**62, None, 51), ("audit_log_pkey",)),
        Probe("list_audit_of_bots", lambda s: (2**62, [s.event["bot_id"]], None, 51), ("audit_log_bot",)),
        Probe("list_events", lambda _: (None, None, None, None, 51), ("verification_events_pkey",), spare=60,
              read_per_row=8),
        Probe("list_cases", lambda _: (2**62, None, None, None, 51), spare=200_000, by_size=True),
    )  # fmt: skip


def _updates() -> Sequence[Probe]:
    """Receive and settle an update."""
    return (
        Probe("claim_update", lambda s: (s.update["bot_id"], 10**12 + s.number, s.instance, DEAD_AFTER),
              ("updates_done_pkey",), is_write=True),
        Probe("finish_update", lambda s: (s.update["bot_id"], 10**12 + s.number, s.instance), ("updates_done_pkey",),
              before="claim_update", is_write=True),
        Probe("release_update", lambda s: (s.update["bot_id"], 10**12 + s.number, s.instance, 1),
              ("updates_done_pkey",), before="claim_update", is_write=True),
        Probe("beat", lambda s: (s.instance, "host", "1", DEAD_AFTER), is_write=True, spare=100),
        Probe("members_seen", _sightings, ("group_members_seen_pkey",), is_write=True),
        Probe("count_unasked", lambda s: ([s.group["bot_id"]], [s.group["group_id"]], [9]), ("group_days_pkey",),
              is_write=True),
        Probe("save_event", lambda s: (*_of(s.event, "bot_id", "group_id", "user_id"), "muted", "message", []),
              is_write=True),
    )  # fmt: skip


def _cases() -> Sequence[Probe]:
    """Work on a case."""

    def leased(statement: str, *values: object) -> Probe:
        def chosen(sample: Sample) -> Values:
            return sample.open_case["restriction_id"], sample.instance, *values

        return Probe(statement, chosen, ("restrictions_pkey",), before="lease_case", is_write=True)

    until = datetime(2030, 1, 1, tzinfo=UTC)
    return (
        Probe("lease_case", lambda s: (s.open_case["restriction_id"], s.instance), ("restrictions_pkey",),
              is_write=True),
        leased("renew_case"), leased("give_back_case"), leased("want_case", 1, "check"),
        leased("case_did", "muted", []), leased("case_lifted", 1), leased("case_muting", 1, None, until),
        leased("case_deleted", []), leased("case_prompted", "sent", 7, None, []), leased("rest_case", 1, None),
        leased("case_prompting", [], 5, 1.0), leased("close_case", 1, "freed"), leased("postpone_case", 1, 5.0),
    )  # fmt: skip


def _intents() -> Sequence[Probe]:
    """Do what an update obliges to."""
    who = ("bot_id", "group_id", "user_id")
    return (
        Probe("share_groups", lambda s: (s.group["bot_id"], [s.group["group_id"]]), (_GATE,),
              is_write=True),
        Probe("see_member", lambda s: _of(s.member, *who), ("group_members_seen_pkey",), is_write=True),
        Probe("open_case", _opening, (_GATE, _OPEN), is_write=True),
        Probe("want_cases", lambda s: ([s.open_case["restriction_id"]], "free", "press"), ("restrictions_pkey",),
              is_write=True),
        Probe("recheck_for_channel", lambda s: (*_of(s.open_case, "bot_id", "user_id", "channel_id"), []), (_USER,),
              is_write=True),
        Probe("regate", lambda s: (*_of(s.member, "bot_id", "user_id", "channel_id"), "Sam", None),
              ("group_members_seen_user", _OPEN), is_write=True, spare=30),
        Probe("moderated_free", lambda s: (*_of(s.open_case, *who), False), (_OPEN_HERE,), is_write=True),
        Probe("moderated_restricted", lambda s: (*_of(s.open_case, *who), None, True), (_OPEN_HERE,), is_write=True),
        Probe("went_away", lambda s: _of(s.open_case, *who), (_OPEN_HERE,), is_write=True),
        Probe("echo_open", lambda s: _of(s.open_case, *who, "our_until"), (_OPEN_HERE,), is_write=True),
        Probe("echo_orphan", lambda s: _of(s.closed_case, *who, "our_until"), ("restrictions_closed_user", _OPEN_HERE),
              is_write=True, spare=20),
        Probe("want_open_cases", lambda s: (*_of(s.open_case, "bot_id", "group_id"), "free", "unprotect"),
              (_OPEN,), is_write=True, by_size=True, read_per_row=4),
        Probe("pause_group", lambda s: (*_of(s.group, "bot_id", "group_id"), "why", 10**9, None), (_GATE,),
              is_write=True),
    )  # fmt: skip


def _upkeep() -> Sequence[Probe]:
    """Keep house."""
    return (
        Probe("take_actions", lambda s: (s.instance, 50), ("scheduled_actions_due",), is_write=True),
        Probe("delete_later", lambda s: (*_of(s.group, "bot_id", "group_id"), [1, 2], 60.0), is_write=True),
        Probe("keep_message", lambda s: (*_of(s.action, "bot_id", "chat_id", "message_id"), 60.0),
              ("scheduled_actions_message",), is_write=True),
        Probe("lasting_message", lambda s: _of(s.action, "bot_id", "chat_id"), ("scheduled_actions_message",)),
        Probe("actions_done", lambda s: ([s.action["action_id"]], s.instance), ("scheduled_actions_pkey",),
              is_write=True),
        Probe("put_under_review", lambda s: (s.now, 20), ("restrictions_review",), is_write=True,
              by_size=True, spare=1_000_000),
        Probe("forget_updates", lambda _: (500,), ("updates_done_age",), is_write=True),
        Probe("forget_cases", lambda _: (29, 500), ("restrictions_closed",), is_write=True),
        Probe("forget_audit", lambda _: (290, 500), ("audit_log_pkey",), is_write=True),
        Probe("forget_days", lambda _: (25, 500), ("group_days_by_age",), is_write=True),
        Probe("forget_members", lambda s: (149, *_of(s.member, "bot_id", "group_id", "user_id"), 500),
              ("group_members_seen_pkey",), is_write=True, read_per_row=500, spare=1_500),
    )  # fmt: skip


def _of(row: object, *names: str) -> Values:
    if not isinstance(row, dict):
        raise TypeError("a sample is a row")
    return tuple(row[name] for name in names)


def _sightings(sample: Sample) -> Values:
    row = sample.member
    return [row["bot_id"]], [row["group_id"]], [row["user_id"]], [sample.now + timedelta(minutes=10)]


def _opening(sample: Sample) -> Values:
    where = sample.group
    who = (where["bot_id"], where["group_id"], 10**12 + sample.number)
    return (*who, "Sam", "en", "mute", [1], None, sample.now, "message", [])
