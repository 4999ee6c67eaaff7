"""Primaries are written down as they come."""

from alembic import context

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Run migrations/sql/0018_up.sql."""
    context.config.attributes["run_sql"]("0018_up.sql")


def downgrade() -> None:
    """Run migrations/sql/0018_down.sql."""
    context.config.attributes["run_sql"]("0018_down.sql")
