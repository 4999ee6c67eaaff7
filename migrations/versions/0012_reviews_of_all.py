"""Reviews find those who went away by their index, too."""

from alembic import context

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Run migrations/sql/0012_up.sql."""
    context.config.attributes["run_sql"]("0012_up.sql")


def downgrade() -> None:
    """Run migrations/sql/0012_down.sql."""
    context.config.attributes["run_sql"]("0012_down.sql")
