"""Requests to join a channel, which may count as having joined it."""

from alembic import context

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    """Run migrations/sql/0025_up.sql."""
    context.config.attributes["run_sql"]("0025_up.sql")


def downgrade() -> None:
    """Run migrations/sql/0025_down.sql."""
    context.config.attributes["run_sql"]("0025_down.sql")
