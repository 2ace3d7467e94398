"""Which outage an error of a database means, by its code."""

from __future__ import annotations

import sqlite3

from packetserver.errors import Outage

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
