"""The time until a kick counts from the change."""

from alembic import context

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    """Run migrations/sql/0022_up.sql."""
    context.config.attributes["run_sql"]("0022_up.sql")


def downgrade() -> None:
    """Run migrations/sql/0022_down.sql."""
    context.config.attributes["run_sql"]("0022_down.sql")
