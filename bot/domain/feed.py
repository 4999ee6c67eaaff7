"""One line of the live feed: something that was decided, changed or given up."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from bot.domain.ids import BotId


@dataclass(frozen=True, slots=True)
class Line:
    """What happened. `kind` is an event's kind, an action of the audit log, or `dead_letter`."""

    name: str
    """The same wherever the line is shown, so that nothing is shown twice."""
    at: datetime
    bot_id: BotId
    chat_id: int | None
    chat_title: str | None
    user_id: int | None
    user_name: str | None
    kind: str
    reason: str | None

    @property
    def is_change(self) -> bool:
        """Whether a person or the bot changed the configuration."""
        return self.name.startswith("a")


@dataclass(frozen=True, slots=True)
class Published:
    """A line with its place in the stream. Without a line, some before this place were lost: look them up."""

    place: str
    line: Line | None


def line_to_json(line: Line) -> Mapping[str, object]:
    """Write a line."""
    return {
        "name": line.name,
        "at": line.at.isoformat(),
        "bot_id": line.bot_id,
        "chat_id": line.chat_id,
        "chat_title": line.chat_title,
        "user_id": line.user_id,
        "user_name": line.user_name,
        "kind": line.kind,
        "reason": line.reason,
    }


def line_from_json(value: Mapping[str, object]) -> Line:
    """Read a line. Raises KeyError, TypeError or ValueError for what a newer release may have written."""
    fields = {name: value[name] for name in Line.__dataclass_fields__}
    return Line(**{**fields, "at": datetime.fromisoformat(str(value["at"]))})  # type: ignore[arg-type]  # written above
