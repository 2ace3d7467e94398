"""The table of failed logins.

Revision ID: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TABLE = "packetserver_login"


def upgrade() -> None:
    # A database that was adopted, or that a server beside this one upgrades, may have it already.
    if sa.inspect(op.get_bind()).has_table(TABLE):
        return
    op.create_table(
        TABLE,
        sa.Column("subject", sa.String(64), primary_key=True),
        sa.Column("level", _double(), nullable=False),
        sa.Column("counted", _double(), nullable=False),
        sa.Column("welcomed", _double()),
        sa.Column("kept_until", _double(), nullable=False),
    )
    op.create_index(f"{TABLE}_kept_until_idx", TABLE, ["kept_until"])


def _double() -> sa.types.TypeEngine[float]:
    return sa.Double().with_variant(sa.Float(), "sqlite")


def downgrade() -> None:
    op.drop_table(TABLE)
