"""Rows that are fetched a page at a time while they are used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import Connection, CursorResult, Row, Select

PAGE_OF_ROWS = 500
"""How many rows a cursor fetches at a time: memory stays flat however long a list is."""


class Streams:
    """The statements of a transaction whose rows are still being used."""

    def __init__(self) -> None:
        self._open: dict[CursorResult[Any], None] = {}

    def rows(
        self, connection: Connection, statement: Select[Any], parameters: Mapping[str, Any]
    ) -> Iterator[Row[Any]]:
        """The rows of a statement. Whoever does not read them to the end closes this, or calls `end`."""
        streamed = statement.execution_options(yield_per=PAGE_OF_ROWS)
        result = connection.execute(streamed, parameters)
        self._open[result] = None
        try:
            yield from result
        finally:
            self._open.pop(result, None)
            result.close()

    @property
    def is_open(self) -> bool:
        """Whether there are rows that the database still keeps for somebody."""
        return bool(self._open)

    def end(self) -> None:
        """Use no more rows: the database keeps the rest no longer."""
        while self._open:
            self._open.popitem()[0].close()
