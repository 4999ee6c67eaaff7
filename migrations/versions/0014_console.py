"""Operators list everything, and change things from elsewhere than a chat."""

from alembic import context

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Run migrations/sql/0014_up.sql."""
    context.config.attributes["run_sql"]("0014_up.sql")


def downgrade() -> None:
    """Run migrations/sql/0014_down.sql."""
    context.config.attributes["run_sql"]("0014_down.sql")
