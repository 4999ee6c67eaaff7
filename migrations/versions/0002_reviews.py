"""Cases are reviewed, and dead letters come back."""

from alembic import context

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Run migrations/sql/0002_up.sql."""
    context.config.attributes["run_sql"]("0002_up.sql")


def downgrade() -> None:
    """Run migrations/sql/0002_down.sql."""
    context.config.attributes["run_sql"]("0002_down.sql")
