"""All that a database holds: read, compared, and brought back."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Sequence
from typing import Any, Protocol

import psycopg
from psycopg import sql
from sqlalchemy.engine import make_url

Content = dict[str, tuple[Any, ...]]
"""The rows of every table, in an order of their own."""

PATIENCE_SECONDS = 30
"""How long PostgreSQL may take to notice that a client is gone."""


_ALL, _EMPTY, _FILL = 'SELECT * FROM "{}"', 'DELETE FROM "{}"', 'INSERT INTO "{}" VALUES ({})'


class Store(Protocol):
    """The database behind an engine's back."""

    def content(self) -> Content:
        """All rows of all tables."""

    def restore(self, wanted: Content) -> None:
        """Make it hold this again."""

    def sequences(self) -> Any:
        """Where the keys stand that no rollback takes back."""

    def set_sequences(self, wanted: Any) -> None:
        """Let keys be given once more."""

    def close(self) -> None:
        """Be done with it."""


def open_store(url: str) -> Store:
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return SqliteStore(parsed.database or "")
    plain = parsed.set(drivername="postgresql").render_as_string(hide_password=False)
    return PostgresStore(plain)


class SqliteStore:
    def __init__(self, path: str) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.execute("PRAGMA synchronous = OFF")
        names = self._connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        self._tables = sorted(name for (name,) in names)

    def content(self) -> Content:
        return {
            table: tuple(sorted(map(repr, self._connection.execute(_ALL.format(table)))))
            for table in self._tables
        }

    def restore(self, wanted: Content) -> None:
        found = self.content()
        self._connection.execute("BEGIN IMMEDIATE")
        for table in (each for each in self._tables if found[each] != wanted[each]):
            self._connection.execute(_EMPTY.format(table))
            rows = [_read(row) for row in wanted[table]]
            if rows:
                places = ", ".join("?" * len(rows[0]))
                self._connection.executemany(_FILL.format(table, places), rows)
        self._connection.execute("COMMIT")

    def sequences(self) -> None:
        return None

    def set_sequences(self, wanted: Any) -> None:
        return

    def close(self) -> None:
        self._connection.close()


def _read(row: str) -> Any:
    return eval(row, {"__builtins__": {}})  # noqa: S307 (it was written by repr)


class PostgresStore:
    def __init__(self, url: str) -> None:
        self._connection = psycopg.connect(url, autocommit=True)
        # References are not looked at while tables are filled one by one.
        self._connection.execute("SET session_replication_role = replica")
        names = self._connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY 1"
        )
        self._tables = [name for (name,) in names]
        self._known: tuple[Content, int] | None = None

    def content(self) -> Content:
        last = self._last_transaction()
        if self._known is not None and not self._committed_since(self._known[1], last):
            return self._known[0]
        found = {table: self._rows(table) for table in self._tables}
        self._known = found, last
        return found

    def _last_transaction(self) -> int:
        """The first number of a transaction that is still to come, once those that were cut off end."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self._one(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND backend_xid IS NOT NULL"
        ):
            assert time.monotonic() < deadline, "PostgreSQL does not end a transaction"
            time.sleep(0.002)
        return int(self._one("SELECT pg_snapshot_xmax(pg_current_snapshot())::text"))

    def _one(self, statement: str, parameters: Sequence[int] = ()) -> Any:
        row = self._connection.execute(statement, parameters).fetchone()
        assert row is not None
        return row[0]

    def _committed_since(self, first: int, last: int) -> bool:
        """Whether any transaction since then has been committed: otherwise nothing can differ."""
        committed = self._one(
            "SELECT count(*) FROM generate_series(%s::bigint, %s::bigint) AS number"
            " WHERE pg_xact_status(number::text::xid8) <> 'aborted'",
            [first, last - 1],
        )
        return bool(committed)

    def _rows(self, table: str) -> tuple[bytes, ...]:
        statement = sql.SQL("COPY {} TO STDOUT").format(sql.Identifier(table))
        with self._connection.cursor().copy(statement) as lines:
            return tuple(sorted(bytes(each) for each in lines))

    def restore(self, wanted: Content) -> None:
        found = self.content()
        for table in (each for each in self._tables if found[each] != wanted[each]):
            name = sql.Identifier(table)
            self._connection.execute(sql.SQL("DELETE FROM {}").format(name))
            with self._connection.cursor().copy(sql.SQL("COPY {} FROM STDIN").format(name)) as rows:
                for row in wanted[table]:
                    rows.write(row)

    def sequences(self) -> dict[str, tuple[int | None, int]]:
        rows = self._connection.execute(
            "SELECT sequencename, last_value, start_value FROM pg_sequences"
            " WHERE schemaname = current_schema()"
        )
        return {name: (last, start) for name, last, start in rows.fetchall()}

    def set_sequences(self, wanted: dict[str, tuple[int | None, int]]) -> None:
        for name, found in self.sequences().items():
            if found != wanted[name]:
                last, start = wanted[name]
                place = (f'"{name}"', start if last is None else last, last is not None)
                self._connection.execute("SELECT setval(%s::regclass, %s, %s)", place)

    def close(self) -> None:
        with contextlib.suppress(psycopg.OperationalError):
            self._connection.close()


def differing(one: Content, other: Content) -> set[str]:
    """The tables that differ."""
    return {table for table in one if one[table] != other[table]}
