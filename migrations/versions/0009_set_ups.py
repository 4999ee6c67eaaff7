"""Groups are set up in private, without typing."""

from alembic import context

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Run migrations/sql/0009_up.sql."""
    context.config.attributes["run_sql"]("0009_up.sql")


def downgrade() -> None:
    """Run migrations/sql/0009_down.sql."""
    context.config.attributes["run_sql"]("0009_down.sql")
