"""What is known, as the API gives it."""

from bot.domain.delivery import Delivery
from bot.domain.event import Event
from bot.domain.hosting import BotSummary
from bot.domain.listing import AuditRow, CaseRow, ChannelRow, GroupRow, InstanceRow, LetterRow
from bot.services.operating.explaining import Explanation as Explained
from bot.services.operating.groups import RightsOf
from bot.services.operating.jobs import Job
from bot.web.api.shapes import (
    Bot,
    Channel,
    Decision,
    Entry,
    Explanation,
    Group,
    Instance,
    Letter,
    Reason,
    Restriction,
    Rights,
    Warming,
    Webhook,
)


def bot_shape(bot: BotSummary) -> Bot:
    """Show a bot."""
    return Bot(
        id=bot.bot_id,
        name=bot.name,
        username=bot.username,
        state=bot.state,
        groups=bot.groups,
        muted=bot.held,
        added_at=bot.added_at,
        refused_since=bot.refused_at,
    )


def webhook_shape(delivery: Delivery) -> Webhook:
    """Show what Telegram knows of a webhook."""
    return Webhook(
        url=delivery.address,
        is_foreign=delivery.is_foreign,
        waiting=delivery.waiting,
        max_connections=delivery.connections,
        last_error=delivery.fault,
        last_error_at=delivery.failed_at,
    )


def group_shape(row: GroupRow) -> Group:
    """Show a group."""
    return Group(
        bot=row.bot_id,
        id=row.group_id,
        title=row.title,
        username=row.username,
        state=row.state,
        enforcement=row.enforcement,
        paused_reason=row.paused_reason,
        channels=row.channels,
        muted=row.held,
        updated_at=row.updated_at,
    )


def rights_shape(of: RightsOf) -> Rights:
    """Show rights."""
    return Rights(
        chat=of.chat_id,
        title=of.title,
        is_channel=of.is_channel,
        is_admin=of.is_admin,
        rights=dict((*of.rights, *of.wanted)),
        is_enough=of.is_enough,
    )


def warming_shape(job: Job) -> Warming:
    """Show a job."""
    return Warming(job=job.job, state=job.state, done=job.done, expected=job.expected, detail=job.detail)


def channel_shape(row: ChannelRow) -> Channel:
    """Show a channel."""
    return Channel(
        bot=row.bot_id,
        id=row.channel_id,
        title=row.title,
        username=row.username,
        link=row.invite_link,
        groups=row.groups,
    )


def decision_shape(event: Event) -> Decision:
    """Show an event."""
    return Decision(
        at=event.key.at,
        bot=event.bot_id,
        group=event.group_id,
        user=event.user_id,
        kind=event.kind,
        reason=event.reason,
        channels=event.channels,
        case=event.case_id,
        seconds=event.seconds,
    )


def restriction_shape(row: CaseRow) -> Restriction:
    """Show a case."""
    return Restriction(
        case=row.case_id,
        bot=row.bot_id,
        group=row.group_id,
        group_title=row.group_title,
        user=row.user_id,
        user_name=row.user_name,
        wanted=row.wanted,
        done=row.done,
        cause=row.cause,
        outcome=row.outcome,
        opened_at=row.opened_at,
        closed_at=row.closed_at,
        due_at=row.due_at,
        attempts=row.attempts,
    )


def explanation_shape(found: Explained) -> Explanation:
    """Show why."""
    return Explanation(
        verdict=found.verdict,
        group_title=found.group_title,
        user_name=found.user_name,
        reasons=tuple(Reason(decision=decision_shape(step.event), text=step.text) for step in found.steps),
        cases=tuple(restriction_shape(row) for row in found.cases),
    )


def entry_shape(row: AuditRow) -> Entry:
    """Show an entry of the audit."""
    return Entry(
        number=row.number,
        at=row.at,
        bot=row.bot_id,
        actor=row.actor,
        source=row.source,
        action=row.action,
        chat=row.chat_id,
        detail=row.detail,
    )


def letter_shape(row: LetterRow) -> Letter:
    """Show a letter."""
    return Letter(name=row.name, bot=row.bot_id, died_at=row.died_at, error=row.error, is_waiting=row.is_waiting)


def instance_shape(row: InstanceRow) -> Instance:
    """Show an instance."""
    return Instance(
        id=row.instance_id,
        host=row.host,
        version=row.version,
        started_at=row.started_at,
        beat_at=row.beat_at,
        is_alive=row.is_alive,
    )
