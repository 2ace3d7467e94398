"""What was answered to whoever syncs, how sessions ended, and what was trashed with its owner.

Revision ID: 0004
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0002"
branch_labels = None
depends_on = None

TABLES = ("sync_answer", "sync_answered", "sync_end", "sync_ended", "trashed_part")


def upgrade() -> None:
    known = sa.inspect(op.get_bind()).get_table_names()
    # A database that was adopted, or that a server beside this one upgrades, may have them already.
    if TABLES[0] in known:
        return
    _create_answers()
    _create_ends()
    _create_parts()


def _create_answers() -> None:
    op.create_table(
        "sync_answer",
        sa.Column("answer_id", sa.Integer, primary_key=True),
        _reference("sync_answer", "client_id", "sync_client.client_id", nullable=True),
        _reference("sync_answer", "user_id", "access.user_id", nullable=True),
        _element("sync_answer"),
        sa.Column("filters", sa.String(64), nullable=False),
        sa.Column("last_anchor", _time()),
        sa.Column("next_anchor", _time(), nullable=False),
        sa.Column("reach", _time()),
        sa.Column("answered", _time(), nullable=False),
        sa.Column("first_batch", sa.Integer),
        sa.Column("last_batch", sa.Integer),
        sa.Column("complete", sa.Boolean, nullable=False, server_default=sa.text("true")),
        sqlite_autoincrement=True,
    )
    for column in ("client_id", "user_id"):
        op.create_index(f"sync_answer_{column}_idx", "sync_answer", [column])
    op.create_table(
        "sync_answered",
        _reference("sync_answered", "answer_id", "sync_answer.answer_id"),
        sa.Column("record_id", sa.Integer, nullable=False),
        sa.Column("seen", _time()),
        sa.Column("kind", sa.String(10)),
        sa.Column("place", sa.Integer),
        sa.Column("page", sa.Integer),
        sa.UniqueConstraint("answer_id", "record_id"),
    )


def _create_ends() -> None:
    op.create_table(
        "sync_end",
        _reference("sync_end", "client_id", "sync_client.client_id"),
        sa.Column("last_anchor", _time()),
        sa.Column("next_anchor", _time()),
        sa.UniqueConstraint("client_id"),
    )
    op.create_table(
        "sync_ended",
        _reference("sync_ended", "client_id", "sync_client.client_id"),
        _element("sync_ended"),
        sa.Column("record_id", sa.Integer, nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("gone", sa.Boolean, nullable=False, server_default=sa.text("false")),
        sa.Column("cuid", sa.Integer),
        sa.Column("complete", sa.Boolean),
        sa.UniqueConstraint("client_id", "table_id", "record_id"),
    )
    for table in ("sync_end", "sync_ended"):
        op.create_index(f"{table}_client_id_idx", table, ["client_id"])


def _create_parts() -> None:
    op.create_table(
        "trashed_part",
        sa.Column("table_name", sa.String(63), nullable=False),
        sa.Column("record_id", sa.Integer, nullable=False),
        sa.Column("owner_table", sa.String(63), nullable=False),
        sa.Column("owner_id", sa.Integer, nullable=False),
        sa.UniqueConstraint("table_name", "record_id"),
    )
    columns = ["owner_table", "owner_id"]
    op.create_index("trashed_part_owner_table_owner_id_idx", "trashed_part", columns)


def _reference(table: str, column: str, target: str, *, nullable: bool = False) -> sa.Column[int]:
    key = sa.ForeignKey(target, name=f"{table}_{column}_fkey", ondelete="CASCADE")
    return sa.Column(column, sa.Integer, key, nullable=nullable)


def _element(table: str) -> sa.Column[int]:
    key = sa.ForeignKey("sync_table.table_id", name=f"{table}_table_id_fkey")
    return sa.Column("table_id", sa.Integer, key, nullable=False)


def _time() -> sa.DateTime:
    return sa.DateTime().with_variant(postgresql.TIMESTAMP(precision=3), "postgresql")


def downgrade() -> None:
    for name in reversed(TABLES):
        op.drop_table(name)
