"""The only place that begins, commits or rolls back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection

from packetserver.store.database import Database


class UnitOfWork:
    """What is committed as a whole; without a `commit` it never was."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    @contextmanager
    def part(self) -> Iterator[None]:
        """A part of the work that is undone by itself when it raises."""
        with self.connection.begin_nested():
            yield

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
