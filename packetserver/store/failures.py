"""What a failure of the database means: it is away, or busy, or it undid the work for others."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from packetserver.errors import (
    CommitUnknown,
    PacketServerError,
    StatementTooLong,
    StoreBusy,
    StoreUnavailable,
    WorkUndone,
)

TOO_LONG = "57014"
LOCKED = "55P03"
UNDONE = frozenset({"40001", "40P01"})
"""A serialisation failure, and a deadlock that was ended at this transaction's expense."""

AWAY = frozenset({"25006", "25P03", "25P04", "58030"})
"""A server that only reads (a standby), a transaction that rested too long, a broken disk."""

AWAY_CLASSES = frozenset({"08", "53", "57"})
"""The connection, resources such as room on the disk, and an operator who intervenes."""

AGAIN_SQLITE = frozenset({sqlite3.SQLITE_BUSY_SNAPSHOT, sqlite3.SQLITE_BUSY_RECOVERY})
NOT_BROKEN = frozenset({sqlite3.SQLITE_ERROR, sqlite3.SQLITE_MISUSE})
"""A statement that is wrong; all other failures of SQLite are those of the file."""


@contextmanager
def translated_errors() -> Iterator[None]:
    """Turns what the database fails at by itself into StoreUnavailable; other errors pass.

    Raises its kinds WorkUndone, StatementTooLong and StoreBusy where it is no more than that.
    """
    try:
        yield
    except PoolTimeout as error:
        raise StoreBusy("every connection to the database is in use") from error
    except DBAPIError as error:
        meaning = _meaning(error) or _meaning_before(error)
        if meaning is None:
            raise
        raise meaning from error


@contextmanager
def errors_of_all() -> Iterator[None]:
    """As translated_errors, where no part of the work can be undone by itself any more.

    A time-out of the database is StoreBusy here; a StatementTooLong from within passes.
    """
    try:
        yield
    except DBAPIError as error:
        meaning = _meaning(error) or _meaning_before(error)
        if meaning is None:
            raise
        if isinstance(meaning, StatementTooLong):
            raise StoreBusy(str(meaning)) from error
        raise meaning from error


def is_kept_by_others(error: DBAPIError) -> bool:
    """Whether PostgreSQL has waited for another transaction as long as it may."""
    return getattr(error.orig, "sqlstate", None) == LOCKED


@contextmanager
def commit_errors() -> Iterator[None]:
    """As translated_errors, for a commit: after it nothing is tried again.

    Raises CommitUnknown when the answer to the commit is lost; every other error means that
    nothing is stored.
    """
    try:
        yield
    except DBAPIError as error:
        meaning = _meaning(error)
        if meaning is None:
            raise
        if isinstance(meaning, StoreBusy):
            raise StoreBusy(f"nothing could be committed: {meaning}") from error
        if _is_told(error):
            raise StoreUnavailable(f"nothing could be committed: {meaning}") from error
        raise CommitUnknown("the database did not say whether it has committed") from error


def _meaning_before(error: DBAPIError) -> PacketServerError | None:
    """What led to an error: a savepoint cannot be undone when the database has undone everything."""
    before = error.__context__
    while before is not None and not isinstance(before, DBAPIError):
        before = before.__context__
    return None if before is None else _meaning(before) or _meaning_before(before)


def _meaning(error: DBAPIError) -> PacketServerError | None:
    if isinstance(error.orig, sqlite3.Error):
        return _meaning_of_sqlite(error.orig)
    state = getattr(error.orig, "sqlstate", None)
    if state in UNDONE:
        return WorkUndone("the database undid the work in favour of another transaction")
    if state == LOCKED:
        return StoreBusy("another transaction keeps a record locked for too long")
    if state == TOO_LONG and not error.connection_invalidated:
        return StatementTooLong("the database broke off a statement that took too long")
    if error.connection_invalidated or _is_away(error, state):
        return StoreUnavailable("the database does not answer")
    return None


def _is_away(error: DBAPIError, state: str | None) -> bool:
    if state is None:
        # No answer at all.
        return isinstance(error, InterfaceError | OperationalError)
    return state in AWAY or state[:2] in AWAY_CLASSES


def _meaning_of_sqlite(error: sqlite3.Error) -> PacketServerError | None:
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    if code in AGAIN_SQLITE:
        return WorkUndone("another writer was faster")
    if code & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return StoreBusy("the database is in use by another writer")
    is_of_file = isinstance(error, sqlite3.OperationalError) and code & 0xFF not in NOT_BROKEN
    if is_of_file or code & 0xFF in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
        return StoreUnavailable("the database's file cannot be used")
    return None


def _is_told(error: DBAPIError) -> bool:
    """Whether the database itself says that it could not commit, and is there to say so."""
    if isinstance(error.orig, sqlite3.Error):
        # What a disk that fails has written of a commit shows when it is read again.
        return error.orig.sqlite_errorcode & 0xFF == sqlite3.SQLITE_FULL
    return not error.connection_invalidated and getattr(error.orig, "sqlstate", None) is not None
