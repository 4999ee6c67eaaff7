"""Groups choose a policy; some of their members are exempt or spared."""

from alembic import context

revision = "0008"
down_revision = "0006"


def upgrade() -> None:
    """Run migrations/sql/0008_up.sql."""
    context.config.attributes["run_sql"]("0008_up.sql")


def downgrade() -> None:
    """Run migrations/sql/0008_down.sql."""
    context.config.attributes["run_sql"]("0008_down.sql")
