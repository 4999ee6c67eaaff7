"""One prompt for many, and prompts that only their member sees."""

from alembic import context

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    """Run migrations/sql/0023_up.sql."""
    context.config.attributes["run_sql"]("0023_up.sql")


def downgrade() -> None:
    """Run migrations/sql/0023_down.sql."""
    context.config.attributes["run_sql"]("0023_down.sql")
