"""A deletion is found by its message."""

from alembic import context

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Run migrations/sql/0017_up.sql."""
    context.config.attributes["run_sql"]("0017_up.sql")


def downgrade() -> None:
    """Run migrations/sql/0017_down.sql."""
    context.config.attributes["run_sql"]("0017_down.sql")
