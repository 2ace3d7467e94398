"""The tables of the first version; a new database already has them.

Revision ID: 0001
"""

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing to do: `init-db` makes the first tables from the catalogue."""


def downgrade() -> None:
    """Nothing to undo."""
