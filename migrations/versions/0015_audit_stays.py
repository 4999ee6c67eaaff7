"""The audit log is not changed."""

from alembic import context

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Run migrations/sql/0015_up.sql."""
    context.config.attributes["run_sql"]("0015_up.sql")


def downgrade() -> None:
    """Run migrations/sql/0015_down.sql."""
    context.config.attributes["run_sql"]("0015_down.sql")
