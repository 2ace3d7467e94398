"""The statements that databases are given, whichever way they go to the driver."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Connection, Engine

CARRYING_OUT = ("do_execute", "do_executemany", "do_execute_no_params")
"""How a dialect of SQLAlchemy hands a statement to its driver."""


@contextmanager
def told_of_statements(
    database: Engine | Connection, note: Callable[[str], None]
) -> Iterator[None]:
    """Calls `note` with the text of each statement, before it is carried out."""
    dialect = database.dialect
    with pytest.MonkeyPatch.context() as patch:
        for name in CARRYING_OUT:
            patch.setattr(dialect, name, _noting(note, getattr(dialect, name)))
        yield


@contextmanager
def watched_statements(database: Engine | Connection) -> Iterator[list[str]]:
    """The statements that a database gets meanwhile."""
    seen: list[str] = []
    with told_of_statements(database, seen.append):
        yield seen


def _noting(note: Callable[[str], None], original: Callable[..., None]) -> Callable[..., None]:
    def carry_out(cursor: Any, statement: str, *rest: Any) -> None:
        note(statement)
        original(cursor, statement, *rest)

    return carry_out
