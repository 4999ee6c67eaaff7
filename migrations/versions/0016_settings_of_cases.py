"""A case says by which settings it is to be judged at least."""

from alembic import context

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Run migrations/sql/0016_up.sql."""
    context.config.attributes["run_sql"]("0016_up.sql")


def downgrade() -> None:
    """Run migrations/sql/0016_down.sql."""
    context.config.attributes["run_sql"]("0016_down.sql")
