"""The only place that begins, commits or rolls back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from sqlalchemy import Connection

from packetserver.store.database import Database


class UnitOfWork:
    """What is committed as a whole; without a `commit` it never was."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def part(self, *, alone: bool) -> AbstractContextManager[object]:
        """A part of the work that is undone by itself when it raises.

        A part that is ``alone`` needs no savepoint: when it fails, the whole work is undone.
        """
        return nullcontext() if alone else self.connection.begin_nested()

    def commit(self) -> None:
        """Make it durable."""
        self.connection.commit()

    def rollback(self) -> None:
        """Undo it."""
        self.connection.rollback()


@contextmanager
def unit_of_work(database: Database, *, writes: bool) -> Iterator[UnitOfWork]:
    """A unit of work on a connection of its own.

    Raises StoreUnavailable when the database is away.
    """
    with database.connect(writes=writes) as connection:
        yield UnitOfWork(connection)
