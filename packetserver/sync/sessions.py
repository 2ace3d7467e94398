"""The sync client that a packet comes from: its session, its anchor, its turn (PROTOCOL.md 6.2)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, MetaData, select

from packetserver.store.rows import Rows
from packetserver.sync.ends import doubt_ended, find_ends, keep_ended
from packetserver.sync.unconfirmed import confirm, expect_loss, next_batch
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
