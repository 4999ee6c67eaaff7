"""Events say why, are kept by the week, and are found by bot, group and user."""

from alembic import context

revision = "0004"
down_revision = "0002"


def upgrade() -> None:
    """Run migrations/sql/0004_up.sql."""
    context.config.attributes["run_sql"]("0004_up.sql")


def downgrade() -> None:
    """Run migrations/sql/0004_down.sql."""
    context.config.attributes["run_sql"]("0004_down.sql")
