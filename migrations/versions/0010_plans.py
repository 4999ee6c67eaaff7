"""Indexes and statistics that keep the reads small where there are many groups and bots."""

from alembic import context

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Run migrations/sql/0010_up.sql."""
    context.config.attributes["run_sql"]("0010_up.sql")


def downgrade() -> None:
    """Run migrations/sql/0010_down.sql."""
    context.config.attributes["run_sql"]("0010_down.sql")
