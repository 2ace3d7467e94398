"""The sync client that a packet comes from: its session, its anchor, its turn (PROTOCOL.md 6.2).

How its last session ended and what that sent is in sync_end and sync_ended. The answer to a syncEnd
can be lost. Then the client begins again where that session began, and is sent the same once more;
so that is kept until the next session ends.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    DateTime,
    MetaData,
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
from packetserver.sync.unconfirmed import (
    COLUMNS,
    IDENTITY,
    INSERT,
    TABLE,
    UPDATE,
    confirm,
    expect_loss,
    next_batch,
)
from packetserver.sync.windows import is_same_anchor

CLIENTS, SESSIONS, KEY = "sync_client", "sync_session", "client_id"


def take_turn_of_client(connection: Connection, metadata: MetaData, client_id: int) -> None:
    """Wait until no other writing packet of the client runs, and let none begin before this ends.

    So a packet sees all that an earlier one has mapped. SQLite has one writer at a time anyway.
    """
    table = metadata.tables[CLIENTS]
    statement = select(table.c[KEY]).where(table.c[KEY] == client_id)
    connection.execute(statement.with_for_update(key_share=True))


def has_client(rows: Rows, client_id: int | None) -> bool:
    """Whether the client is known."""
    return client_id is not None and rows.exists(CLIENTS, {KEY: client_id})


def is_in_session(rows: Rows, client_id: int, last: datetime | None) -> bool:
    """Whether the client has begun a session, and goes on from the anchor that it ended at."""
    anchors_agree = is_same_anchor(_anchor(rows, client_id), last)
    return anchors_agree and rows.exists(SESSIONS, {KEY: client_id})


def begin_session(rows: Rows, client_id: int, last: datetime | None, now: datetime) -> bool:
    """Begin a session from an anchor; whether it is one that the client may go on from.

    That is where the last session ended. It is also where the last session began, for its end may
    not have reached the client; then all that was sent since is sent again. A client that begins
    without having ended may have lost answers.
    """
    if not has_client(rows, client_id):
        return False
    if not is_same_anchor(_anchor(rows, client_id), last):
        ends = find_ends(rows, client_id)
        if not any(is_same_anchor(each, last) for each in ends):
            return False
        rows.update_rows(CLIENTS, {KEY: client_id}, {"anchor": last})
        doubt_ended(rows, client_id)
    rows.delete_rows(SESSIONS, {KEY: client_id})
    rows.insert_row(SESSIONS, {KEY: client_id, "started": now})
    expect_loss(rows, client_id)
    return True


def heed_repetition(rows: Rows, client_id: int, digest: Callable[[], str]) -> None:
    """A packet that comes twice in a row, within a session, was not answered the first time.

    HTTP libraries send a request again by themselves when a connection breaks. So what the packet
    sent before is sent once more. ``digest`` tells packets apart.
    """
    table = rows.table(SESSIONS)
    last = select(table.c.packet, table.c.first_batch).where(table.c[KEY] == client_id)
    row = rows.connection.execute(last).first()
    if row is None:
        return
    packet = digest()
    if row.packet == packet:
        expect_loss(rows, client_id, row.first_batch)
    values = {"packet": packet, "first_batch": next_batch(rows, client_id)}
    rows.update_rows(SESSIONS, {KEY: client_id}, values)


def end_session(
    rows: Rows,
    client_id: int,
    next_anchor: datetime | None,
    now: datetime,
    *,
    exchanges: bool,
) -> None:
    """The client has all that was sent to it, and is in sync as far as the anchor.

    ``exchanges`` says that the packet itself does more than to end the session. A session in which
    nothing was exchanged has no end that could be lost.
    """
    last = _anchor(rows, client_id)
    used = exchanges or rows.value(SESSIONS, "packet", {KEY: client_id}) is not None
    if used or not is_same_anchor(last, next_anchor):
        keep_ended(rows, client_id, (last, next_anchor) if used else None)
    confirm(rows, client_id)
    rows.delete_rows(SESSIONS, {KEY: client_id})
    values = {"anchor": next_anchor, "modified": now}
    rows.update_rows(CLIENTS, {KEY: client_id}, values)


def is_last_anchor(rows: Rows, client_id: int, last: datetime | None) -> bool:
    """Whether a time is the anchor that the client's last session ended at."""
    return last is not None and is_same_anchor(_anchor(rows, client_id), last)


def _anchor(rows: Rows, client_id: int) -> datetime | None:
    anchor: Any = rows.value(CLIENTS, "anchor", {KEY: client_id})
    return anchor if isinstance(anchor, datetime) else None


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
