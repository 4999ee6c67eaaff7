"""Why a database's schema does not fit this release."""

from bot.domain.errors import BotError


class MigrationError(BotError):
    """The schema could not be brought to the wanted revision; it is as it was."""


class SchemaTooNewError(BotError):
    """A newer release changed the schema in a way this code cannot live with."""

    def __init__(self, *, min_code: int, code_level: int) -> None:
        super().__init__(
            f"the database's schema needs code level {min_code} and this release has code level {code_level}: "
            "run a newer release of GMBot, or take the schema back with the newer one first"
        )
        self.min_code = min_code
        self.code_level = code_level


class SchemaTooOldError(BotError):
    """The schema lacks migrations and this instance may not run them."""

    def __init__(self, *, revision: str | None, head: str) -> None:
        super().__init__(
            f"the database's schema is at {revision or 'nothing'} and this release needs {head}: run `gmbot migrate`"
        )
        self.revision = revision
        self.head = head
