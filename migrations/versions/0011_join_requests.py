"""People ask to be let in."""

from alembic import context

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Run migrations/sql/0011_up.sql."""
    context.config.attributes["run_sql"]("0011_up.sql")


def downgrade() -> None:
    """Run migrations/sql/0011_down.sql."""
    context.config.attributes["run_sql"]("0011_down.sql")
