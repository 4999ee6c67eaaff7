"""Bots are added, stopped and rotated while instances run."""

from alembic import context

revision = "0006"
down_revision = "0004"


def upgrade() -> None:
    """Run migrations/sql/0006_up.sql."""
    context.config.attributes["run_sql"]("0006_up.sql")


def downgrade() -> None:
    """Run migrations/sql/0006_down.sql."""
    context.config.attributes["run_sql"]("0006_down.sql")
