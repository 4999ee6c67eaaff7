"""Tokens of the HTTP API, and what it answered."""

from alembic import context

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    """Run migrations/sql/0021_up.sql."""
    context.config.attributes["run_sql"]("0021_up.sql")


def downgrade() -> None:
    """Run migrations/sql/0021_down.sql."""
    context.config.attributes["run_sql"]("0021_down.sql")
