"""Access keys, challenges and sessions of the web service.

Revision ID: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

KEYS, CHALLENGES, SESSIONS = (
    "packetserver_access_key",
    "packetserver_challenge",
    "packetserver_session",
)


def upgrade() -> None:
    # A database that was adopted, or that a server beside this one upgrades, may have them already.
    if sa.inspect(op.get_bind()).has_table(KEYS):
        return
    op.create_table(
        KEYS,
        _user(KEYS),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("sealed", sa.String(255), nullable=False),
        sa.UniqueConstraint("user_id"),
    )
    op.create_table(
        CHALLENGES,
        sa.Column("token", sa.String(32), primary_key=True),
        sa.Column("subject", sa.String(64), nullable=False),
        sa.Column("expires", _double(), nullable=False),
    )
    op.create_table(
        SESSIONS,
        sa.Column("session_id", sa.Integer, primary_key=True),
        sa.Column("digest", sa.String(64), nullable=False),
        _user(SESSIONS),
        sa.Column("key_number", sa.Integer, nullable=False),
        sa.Column("address", sa.String(80), nullable=False),
        sa.Column("began", _double(), nullable=False),
        sa.Column("used", _double(), nullable=False),
        sa.UniqueConstraint("digest"),
        sqlite_autoincrement=True,
    )
    for table in (KEYS, SESSIONS):
        op.create_index(f"{table}_user_id_idx", table, ["user_id"])
    for column in ("subject", "expires"):
        op.create_index(f"{CHALLENGES}_{column}_idx", CHALLENGES, [column])


def _user(table: str) -> sa.Column[int]:
    key = sa.ForeignKey("access.user_id", name=f"{table}_user_id_fkey", ondelete="CASCADE")
    return sa.Column("user_id", sa.Integer, key, nullable=False)


def _double() -> sa.types.TypeEngine[float]:
    return sa.Double().with_variant(sa.Float(), "sqlite")


def downgrade() -> None:
    for table in (SESSIONS, CHALLENGES, KEYS):
        op.drop_table(table)
