"""Groups have figures."""

from alembic import context

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Run migrations/sql/0013_up.sql."""
    context.config.attributes["run_sql"]("0013_up.sql")


def downgrade() -> None:
    """Run migrations/sql/0013_down.sql."""
    context.config.attributes["run_sql"]("0013_down.sql")
