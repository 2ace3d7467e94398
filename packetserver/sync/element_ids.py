"""The numbers that elements have in sync_table; they never change once they are given."""

from __future__ import annotations

import weakref
from collections.abc import Mapping

from sqlalchemy import Connection, Engine, MetaData, func, select

from packetserver.errors import TransactionFailure
from packetserver.store.guid_columns import SYSTEM

_KNOWN: weakref.WeakKeyDictionary[Engine, Mapping[str, int]] = weakref.WeakKeyDictionary()
"""By database: an installation has one, a test many."""


def element_id(connection: Connection, metadata: MetaData, element: str) -> int:
    """The number of an element.

    Raises TransactionFailure for an element that the database has no number for.
    """
    known = _KNOWN.get(connection.engine, {})
    if element not in known:
        known = _KNOWN[connection.engine] = _read(connection, metadata)
    if element not in known:
        raise TransactionFailure.because(f"{element} is not known to sync clients here")
    return known[element]


def _read(connection: Connection, metadata: MetaData) -> Mapping[str, int]:
    table = metadata.tables["sync_table"]
    numbers = select(table.c.element_name, func.min(table.c.table_id))
    numbers = numbers.where(table.c.system_id == SYSTEM).group_by(table.c.element_name)
    return {row[0]: row[1] for row in connection.execute(numbers)}
