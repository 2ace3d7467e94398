"""Faults at one of the steps that an engine takes on its database: a statement, a commit, a rollback."""

from __future__ import annotations

import enum
import os
import signal
import socket
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from psycopg.pq import TransactionStatus
from sqlalchemy import Engine
from watching import CARRYING_OUT

EXECUTE, COMMIT, ROLLBACK = "execute", "commit", "rollback"
READING = ("SELECT", "PRAGMA")


class Kind(enum.Enum):
    """What goes wrong."""

    LOST = "connection lost"
    UNDONE = "deadlock or serialisation failure"
    TOO_LONG = "statement time-out"
    FULL = "disk full"
    KILLED = "worker killed"
    UNANSWERED = "answer to the commit lost"


STATES = {Kind.TOO_LONG: "57014", Kind.FULL: "53100"}
UNDONE = ("40P01", "40001")
CODES = {
    Kind.LOST: sqlite3.SQLITE_IOERR_WRITE,
    Kind.UNDONE: sqlite3.SQLITE_BUSY_SNAPSHOT,
    Kind.TOO_LONG: sqlite3.SQLITE_BUSY,
    Kind.FULL: sqlite3.SQLITE_FULL,
    Kind.UNANSWERED: sqlite3.SQLITE_IOERR_FSYNC,
}


@dataclass(frozen=True)
class Step:
    """What an engine asks of its database."""

    kind: str
    text: str
    is_alone: bool = False
    """Whether it was a transaction by itself, and wrote something."""

    @property
    def commits(self) -> bool:
        """Whether something is there to stay after it."""
        return self.kind == COMMIT or self.is_alone

    @property
    def faults(self) -> tuple[Kind, ...]:
        """What can go wrong with it."""
        if self.kind == ROLLBACK:
            return (Kind.LOST, Kind.KILLED)
        always = (Kind.LOST, Kind.UNDONE, Kind.TOO_LONG, Kind.FULL, Kind.KILLED)
        return (*always, Kind.UNANSWERED) if self.kind == COMMIT else always


@dataclass
class Watched:
    """The steps of an engine, counted from one; the one at ``place`` fails, once or ``always``.

    The ``after_commit`` is called after every commit, ``on_fault`` at a fault.
    """

    place: int = 0
    kind: Kind = Kind.LOST
    always: bool = False
    after_commit: Callable[[], None] = lambda: None
    on_fault: Callable[[], None] = lambda: None
    steps: list[Step] = field(default_factory=list)
    commits: int = 0
    fired: int = 0

    def take(self, step: Step, connection: Any, carry_out: Callable[[], None]) -> None:
        """Take a step, or let it fail."""
        self.steps.append(step)
        due = len(self.steps) == self.place or (self.always and len(self.steps) > self.place > 0)
        if due and self.kind in step.faults:
            self.fired += 1
            self.on_fault()
            if self.kind is Kind.UNANSWERED:
                self._carry_out(step, connection, carry_out)
            _fail(connection, self.kind, self.place)
        self._carry_out(step, connection, carry_out)

    def _carry_out(self, step: Step, connection: Any, carry_out: Callable[[], None]) -> None:
        carry_out()
        if step.kind == EXECUTE and not step.text.startswith(READING):
            step = self.steps[-1] = replace(step, is_alone=not _is_in_transaction(connection))
        if step.commits:
            self.commits += 1
            self.after_commit()


def _is_in_transaction(connection: Any) -> bool:
    if isinstance(connection, sqlite3.Connection):
        return connection.in_transaction
    return bool(connection.info.transaction_status != TransactionStatus.IDLE)


def _fail(connection: Any, kind: Kind, place: int) -> None:
    """Let the database fail: PostgreSQL by itself, SQLite as if."""
    if kind is Kind.KILLED:
        os.kill(os.getpid(), signal.SIGKILL)
    if isinstance(connection, sqlite3.Connection):
        _fail_as_sqlite(connection, kind)
    elif kind in {Kind.LOST, Kind.UNANSWERED}:
        with socket.socket(fileno=os.dup(connection.fileno())) as wire:
            wire.shutdown(socket.SHUT_RDWR)
        if kind is Kind.UNANSWERED:
            connection.execute("SELECT 1")
    else:
        state = STATES.get(kind, UNDONE[place % 2])
        connection.execute(
            f"DO $$ BEGIN RAISE EXCEPTION 'a fault' USING ERRCODE = '{state}'; END $$"
        )


def _fail_as_sqlite(connection: sqlite3.Connection, kind: Kind) -> None:
    if kind is Kind.FULL and connection.in_transaction:
        # It may undo all by itself then, and nobody who relies on a savepoint must fall over that.
        connection.rollback()
    error = sqlite3.OperationalError("a fault")
    error.sqlite_errorcode = CODES[kind]
    raise error


@contextmanager
def watched(engine: Engine, **how: Any) -> Iterator[Watched]:
    """Watch an engine, and let it fail once."""
    seen, dialect = Watched(**how), engine.dialect
    with pytest.MonkeyPatch.context() as patch:
        for name in CARRYING_OUT:
            patch.setattr(dialect, name, _statement(seen, getattr(dialect, name)))
        for name, kind in (("do_commit", COMMIT), ("do_rollback", ROLLBACK)):
            patch.setattr(dialect, name, _ending(seen, kind, getattr(dialect, name)))
        yield seen


def _statement(seen: Watched, original: Callable[..., None]) -> Callable[..., None]:
    def carry_out(cursor: Any, statement: str, *rest: Any) -> None:
        seen.take(
            Step(EXECUTE, statement),
            cursor.connection,
            lambda: original(cursor, statement, *rest),
        )

    return carry_out


def _ending(seen: Watched, kind: str, original: Callable[[Any], None]) -> Callable[[Any], None]:
    def end(connection: Any) -> None:
        driver = getattr(connection, "driver_connection", connection)
        seen.take(Step(kind, kind.upper()), driver, lambda: original(connection))

    return end
