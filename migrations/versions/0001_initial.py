"""Everything of the first release."""

from alembic import context

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Run migrations/sql/0001_up.sql."""
    context.config.attributes["run_sql"]("0001_up.sql")


def downgrade() -> None:
    """Run migrations/sql/0001_down.sql."""
    context.config.attributes["run_sql"]("0001_down.sql")
