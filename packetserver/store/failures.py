"""What a failure of the database means: it is away, or busy, or it undid the work for others."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from packetserver.errors import (
    CommitUnknown,
    Outage,
    PacketServerError,
    StatementTooLong,
    StoreBusy,
    StoreUnavailable,
    WorkUndone,
)

BY_STATE = {
    "25006": Outage.READ_ONLY,
    "25P03": Outage.LOST,
    "25P04": Outage.LOST,
    "28000": Outage.NOT_LET_IN,
    "28P01": Outage.WRONG_PASSWORD,
    "3D000": Outage.NO_DATABASE,
    "42501": Outage.NO_RIGHT,
    "53100": Outage.DISK_FULL,
    "53200": Outage.NO_MEMORY,
    "53300": Outage.NO_CONNECTION_LEFT,
    "55000": Outage.NOT_LET_IN,
    "57P01": Outage.STOPPED,
    "57P02": Outage.STOPPED,
    "57P03": Outage.STARTING,
    "57P04": Outage.NO_DATABASE,
    "58030": Outage.DISK_BROKEN,
    "58P01": Outage.DISK_BROKEN,
    "XX001": Outage.DAMAGED,
    "XX002": Outage.DAMAGED,
}
"""By SQLSTATE (PostgreSQL, appendix A)."""

ONLY_AT_CONNECTING = frozenset({"28000", "28P01", "55000"})
"""In a statement these mean something else, or cannot be."""

BY_CLASS = {"08": Outage.LOST, "53": Outage.NO_MEMORY, "57": Outage.AWAY}

BY_CODE = {
    sqlite3.SQLITE_FULL: Outage.DISK_FULL,
    sqlite3.SQLITE_READONLY: Outage.FILE_READ_ONLY,
    sqlite3.SQLITE_PERM: Outage.FILE_READ_ONLY,
    sqlite3.SQLITE_AUTH: Outage.FILE_READ_ONLY,
    sqlite3.SQLITE_CANTOPEN: Outage.NO_FILE,
    sqlite3.SQLITE_NOTADB: Outage.NO_DATABASE_FILE,
    sqlite3.SQLITE_CORRUPT: Outage.DAMAGED,
    sqlite3.SQLITE_NOMEM: Outage.NO_MEMORY,
    sqlite3.SQLITE_IOERR: Outage.DISK_BROKEN,
}
"""By SQLite's primary result code."""

FULL_CODES = frozenset({sqlite3.SQLITE_IOERR_SHMSIZE})
"""The file that SQLite shares between processes could not grow."""


class NotConnected(psycopg.OperationalError):
    """No connection could be made; ``outage`` says why."""

    def __init__(self, outage: Outage, words: str) -> None:
        super().__init__(words)
        self.outage = outage


def outage_of_state(state: str) -> Outage | None:
    """What a code of SQL means, at whatever time; None when the database is well."""
    return BY_STATE.get(state) or BY_CLASS.get(state[:2])


def outage_of_statement(state: str) -> Outage | None:
    """What a code of SQL means that a statement was answered with."""
    return None if state in ONLY_AT_CONNECTING else outage_of_state(state)


def outage_of_code(code: int) -> Outage | None:
    """What an extended result code of SQLite means; None when the file is well."""
    if code in FULL_CODES:
        return Outage.DISK_FULL
    return BY_CODE.get(code & 0xFF)


TOO_LONG = "57014"
LOCKED = "55P03"
UNDONE = frozenset({"40001", "40P01"})
"""A serialisation failure, and a deadlock that was ended at this transaction's expense."""

AGAIN_SQLITE = frozenset({sqlite3.SQLITE_BUSY_SNAPSHOT, sqlite3.SQLITE_BUSY_RECOVERY})
NOT_BROKEN = frozenset({sqlite3.SQLITE_ERROR, sqlite3.SQLITE_MISUSE})
"""A statement that is wrong; all other failures of SQLite are those of the file."""

LONGEST_WORDS = 300
"""Characters of the database's own words that an operator is told."""


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
            text = f"nothing could be committed: {meaning}"
            raise StoreUnavailable(text, _outage(meaning)) from error
        raise CommitUnknown("the database did not say whether it has committed") from error


def _meaning_before(error: DBAPIError) -> PacketServerError | None:
    """What led to an error: a savepoint cannot be undone when the database has undone everything."""
    before = error.__context__
    while before is not None and not isinstance(before, DBAPIError):
        before = before.__context__
    return None if before is None else _meaning(before) or _meaning_before(before)


def _meaning(error: DBAPIError) -> PacketServerError | None:
    if isinstance(error.orig, sqlite3.Error):
        return _meaning_of_sqlite(error, error.orig)
    state = getattr(error.orig, "sqlstate", None)
    if state in UNDONE:
        return WorkUndone("the database undid the work in favour of another transaction")
    if state == LOCKED:
        return StoreBusy("another transaction keeps a record locked for too long")
    if state == TOO_LONG and not error.connection_invalidated:
        return StatementTooLong("the database broke off a statement that took too long")
    outage = _outage_of_server(error, state)
    return None if outage is None else _unavailable(outage, error)


def _outage_of_server(error: DBAPIError, state: str | None) -> Outage | None:
    if isinstance(error.orig, NotConnected):
        return error.orig.outage
    outage = None if state is None else outage_of_statement(state)
    if outage is not None:
        return outage
    is_unanswered = state is None and isinstance(error, InterfaceError | OperationalError)
    return Outage.LOST if error.connection_invalidated or is_unanswered else None


def _unavailable(outage: Outage, error: DBAPIError) -> StoreUnavailable:
    return StoreUnavailable(outage.told(words_of(error)), outage)


def words_of(error: DBAPIError) -> str:
    """The database's own words, on one line and without the rows that they may show."""
    facts = getattr(error.orig, "diag", None)
    words = " ".join((getattr(facts, "message_primary", None) or str(error.orig)).split())
    return words if len(words) <= LONGEST_WORDS else words[: LONGEST_WORDS - 1] + "…"


def _outage(meaning: PacketServerError) -> Outage:
    return meaning.outage if isinstance(meaning, StoreUnavailable) else Outage.AWAY


def _meaning_of_sqlite(error: DBAPIError, original: sqlite3.Error) -> PacketServerError | None:
    code = getattr(original, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    if code in AGAIN_SQLITE:
        return WorkUndone("another writer was faster")
    if code & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return StoreBusy("the database is in use by another writer")
    outage = outage_of_code(code)
    if outage is not None:
        return _unavailable(outage, error)
    is_of_file = isinstance(original, sqlite3.OperationalError) and code & 0xFF not in NOT_BROKEN
    return _unavailable(Outage.DISK_BROKEN, error) if is_of_file else None


def _is_told(error: DBAPIError) -> bool:
    """Whether the database itself says that it could not commit, and is there to say so."""
    if isinstance(error.orig, sqlite3.Error):
        # What a disk that fails has written of a commit shows when it is read again.
        return error.orig.sqlite_errorcode & 0xFF == sqlite3.SQLITE_FULL
    return not error.connection_invalidated and getattr(error.orig, "sqlstate", None) is not None
