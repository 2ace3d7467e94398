"""The only place that begins, commits or rolls back."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import TypeAlias

from sqlalchemy import Connection

from packetserver.store.database import Database

logger = logging.getLogger(__name__)


class UnitOfWork:
    """What is committed as a whole; without a `commit` it never was."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._hooks: list[Hook] = []

    def after_commit(self, hook: Hook) -> None:
        """Run a hook once this is committed; the same one only once (DECISIONS.md, Hooks).

        The hook is given this unit of work, and commits what it does itself; the rest is undone.
        Whatever it raises is logged, and the next hook runs.
        """
        if hook not in self._hooks:
            self._hooks.append(hook)

    @contextmanager
    def part(self, *, alone: bool) -> Iterator[None]:
        """A part of the work that is undone by itself when it raises, with the hooks it asked for.

        A part that is ``alone`` needs no savepoint: when it fails, the whole work is undone.
        """
        before = list(self._hooks)
        try:
            with nullcontext() if alone else self.connection.begin_nested():
                yield
        except BaseException:
            self._hooks = before
            raise

    def commit(self) -> None:
        """Make it durable, and then run the hooks."""
        self.connection.commit()
        hooks, self._hooks = self._hooks, []
        for hook in hooks:
            self._run(hook)

    def rollback(self) -> None:
        """Undo it."""
        self._hooks.clear()
        self.connection.rollback()

    def _run(self, hook: Hook) -> None:
        for step in (partial(hook, self), self.connection.rollback):
            try:
                step()
            # The client's records are stored, and it must hear so: nothing else can be told it.
            except Exception:
                logger.exception("What was to happen after a commit did not happen")


Hook: TypeAlias = Callable[[UnitOfWork], None]


@contextmanager
def unit_of_work(database: Database, *, writes: bool) -> Iterator[UnitOfWork]:
    """A unit of work on a connection of its own.

    Raises StoreUnavailable when the database is away.
    """
    with database.connect(writes=writes) as connection:
        yield UnitOfWork(connection)
