"""How a client's last session ended, and what it sent: the tables sync_end and sync_ended.

The answer to a syncEnd can be lost. Then the client begins again where that session began, and is
sent the same once more; so that is kept until the next session ends.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    DateTime,
    Table,
    and_,
    cast,
    exists,
    insert,
    literal,
    not_,
    null,
    select,
    update,
)

from packetserver.store.rows import Rows
from packetserver.sync.unconfirmed import COLUMNS, IDENTITY, INSERT, TABLE, UPDATE, next_batch

ENDS, ENDED, MAP = "sync_end", "sync_ended", "sync_map"
SENT = (*IDENTITY, "kind", "gone")
MAPPED = (*IDENTITY, "cuid", "complete")


def find_ends(rows: Rows, client_id: int) -> tuple[datetime | None, ...]:
    """The anchors between which the last session went; none when there is no such session."""
    table = rows.table(ENDS)
    statement = select(table.c.last_anchor, table.c.next_anchor)
    row = rows.connection.execute(statement.where(table.c.client_id == client_id)).first()
    return () if row is None else tuple(row)


def keep_ended(
    rows: Rows, client_id: int, ends: tuple[datetime | None, datetime | None] | None
) -> None:
    """Keep what a session sent that ends now, instead of what the one before sent.

    ``ends`` are its anchors, None for a session that has no end which could be lost.
    """
    for name in (ENDS, ENDED):
        rows.delete_rows(name, {"client_id": client_id})
    if ends is None:
        return
    last, following = ends
    values = {"client_id": client_id, "last_anchor": last, "next_anchor": following}
    rows.insert_row(ENDS, values)
    sent, ids = rows.table(TABLE), rows.table(MAP)
    came = and_(sent.c.client_id == client_id, sent.c.resend.is_(False))
    columns = [sent.c[name] for name in SENT]
    plain = select(*columns).where(came, sent.c.gone.is_(False))
    gone = select(*columns, ids.c.cuid, ids.c.complete).join(ids, _same(ids, sent))
    gone = gone.where(came, sent.c.gone.is_(True))
    ended = rows.table(ENDED)
    for names, chosen in ((SENT, plain), ((*SENT, "cuid", "complete"), gone)):
        rows.connection.execute(insert(ended).from_select(names, chosen))


def doubt_ended(rows: Rows, client_id: int) -> None:
    """What the last session sent is sent again: new records, changes, and what was gone."""
    _map_again(rows, client_id)
    _send_again(rows, client_id)
    _forget_changes(rows, client_id)
    rows.delete_rows(ENDED, {"client_id": client_id})


def _map_again(rows: Rows, client_id: int) -> None:
    """What was gone has its number again, unless the client has given that to another record."""
    ended, ids = rows.table(ENDED), rows.table(MAP)
    taken = ids.alias()
    same_list = and_(*(taken.c[name] == ended.c[name] for name in ("client_id", "table_id")))
    is_taken = (taken.c.cuid == ended.c.cuid) | (taken.c.record_id == ended.c.record_id)
    chosen = select(*(ended.c[name] for name in MAPPED)).where(
        ended.c.client_id == client_id,
        ended.c.gone.is_(True),
        not_(exists().where(same_list, is_taken)),
    )
    rows.connection.execute(insert(ids).from_select(MAPPED, chosen))


def _send_again(rows: Rows, client_id: int) -> None:
    ended, sent, ids = (rows.table(name) for name in (ENDED, TABLE, MAP))
    columns: dict[str, ColumnElement[Any]] = {
        **{name: ended.c[name] for name in (*IDENTITY, "kind", "gone")},
        "seen": cast(null(), DateTime),
        "resend": literal(value=True),
        "batch": literal(next_batch(rows, client_id)),
    }
    chosen = select(*(columns[name] for name in COLUMNS)).where(
        ended.c.client_id == client_id,
        (ended.c.kind == INSERT) | ended.c.gone.is_(True),
        exists().where(_same(ids, ended)),
        not_(exists().where(_same(sent, ended))),
    )
    rows.connection.execute(insert(sent).from_select(COLUMNS, chosen))


def _forget_changes(rows: Rows, client_id: int) -> None:
    """Which change the client has of a record is not known any more."""
    ended, ids = rows.table(ENDED), rows.table(MAP)
    changed = exists().where(_same(ended, ids), ended.c.kind == UPDATE, ended.c.gone.is_(False))
    rows.connection.execute(
        update(ids).where(ids.c.client_id == client_id, changed).values(status_date=None)
    )


def _same(one: Table, other: Table) -> ColumnElement[bool]:
    return and_(*(one.c[name] == other.c[name] for name in IDENTITY))
