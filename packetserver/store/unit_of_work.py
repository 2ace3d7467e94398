"""The only place that begins, commits or rolls back."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import TypeAlias, TypeVar

from sqlalchemy import Connection

from packetserver.errors import RefusalUnexplained, WorkUndone
from packetserver.store.database import Database
from packetserver.store.failures import commit_errors, errors_of_all, translated_errors

logger = logging.getLogger(__name__)

PAUSES = (0.05, 0.1, 0.2, 0.4, 0.8, 0.8, 0.8)
"""The longest pauses, in seconds, before work that the database undid is done once more.

They are drawn at random up to here, so that those who were in each other's way part.
"""

Result = TypeVar("Result")


class UnitOfWork:
    """What is committed as a whole; without a `commit` it never was."""

    def __init__(self, connection: Connection, *, keeps_rest: bool = False) -> None:
        """``keeps_rest`` says that a part which fails must never end what the others have."""
        self.connection = connection
        self._keeps_rest = keeps_rest
        self._hooks: list[Hook] = []

    def after_commit(self, hook: Hook) -> None:
        """Run a hook once this is committed; the same one only once.

        The hook is given this unit of work, and commits what it does itself; the rest is undone.
        Whatever it raises is logged, and the next hook runs.
        """
        if hook not in self._hooks:
            self._hooks.append(hook)

    @contextmanager
    def part(self, *, alone: bool) -> Iterator[None]:
        """A part of the work that is undone by itself when it raises, with the hooks it asked for.

        A part that is ``alone`` needs no savepoint: when it fails, the whole work is undone.
        Raises StoreUnavailable, as its kinds, for what the database fails at by itself.
        """
        before = list(self._hooks)
        try:
            with self._savepoint(alone=alone and not self._keeps_rest), translated_errors():
                yield
        except BaseException:
            self._hooks = before
            raise

    @contextmanager
    def _savepoint(self, *, alone: bool) -> Iterator[None]:
        with errors_of_all(), nullcontext() if alone else self.connection.begin_nested():
            yield

    def commit(self) -> None:
        """Make it durable, and then run the hooks.

        Raises CommitUnknown when the database is lost meanwhile, and StoreUnavailable when it could
        not commit. Neither may be tried again here: only the client knows what it wants then.
        """
        try:
            with commit_errors():
                self.connection.commit()
        except BaseException:
            # SQLAlchemy takes the transaction for ended, and would hand on the connection with it.
            self.connection.invalidate()
            raise
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
def unit_of_work(
    database: Database, *, writes: bool, patience: float | None = None
) -> Iterator[UnitOfWork]:
    """A unit of work on a connection of its own.

    Raises StoreUnavailable when the database is away, and for ``patience`` see Database.connect.
    """
    with database.connect(writes=writes, patience=patience) as connection:
        yield UnitOfWork(connection)


def repetitions(undo: Callable[[], None]) -> Iterator[AbstractContextManager[object]]:
    """Attempts at the same work, made again while the database undoes them for others.

    Each is made within what is yielded, and commits last, so that one which is made again has left
    nothing behind. ``undo`` gives free what it still holds, before the pause. The last one raises
    WorkUndone.
    """
    for longest in PAUSES:
        yield _Attempt(undo, longest)
    yield translated_errors()


class _Attempt:
    """An attempt that may be made again: it keeps to itself that the database undid it."""

    def __init__(self, undo: Callable[[], None], longest: float) -> None:
        self._undo = undo
        self._longest = longest

    def __enter__(self) -> None:
        """Begin it."""

    def __exit__(self, _: object, error: BaseException | None, _traceback: object) -> bool:
        """Whether it is to be made again. Raises what the database failed at otherwise."""
        if error is None:
            return False
        try:
            with translated_errors():
                raise error
        except RefusalUnexplained:
            # Nobody was in the way, and it goes another way now.
            self._undo()
        except WorkUndone:
            self._undo()
            time.sleep(random.uniform(0, self._longest))
        return True


def repeated(attempt: Callable[[], Result], undo: Callable[[], None]) -> Result:
    """What an attempt returns, see `repetitions`."""
    for repetition in repetitions(undo):
        with repetition:
            return attempt()
    raise WorkUndone("the work was undone as often as it was tried")
