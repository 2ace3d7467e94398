"""Whether a condition holds for a single record, stored or about to be: the database knows the others."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Any

from sqlalchemy import Connection

from packetserver.catalogue.conditions import EVERY, Condition
from packetserver.catalogue.model import ObjectType
from packetserver.store.row_locks import Strength
from packetserver.store.schema import Schema
from packetserver.store.scope import given_parameter

Judged = tuple[dict[str, Any] | None, bool]
"""The values of a record by field, None when there is no such record, and whether it fulfils."""


class Judgements:
    """Asks the database; of records that are not stored it remembers the answers."""

    def __init__(
        self,
        schema: Schema,
        parameters: Mapping[str, Any],
        connect: Callable[..., Connection],
    ) -> None:
        """``connect`` gives the connection for a statement that looks at tables of these names."""
        self._connect = connect
        self._schema = schema
        self._parameters = parameters
        self._answers: dict[Hashable, bool] = {}
        self._looked_at: set[str] = set()

    def forget(self, table: str | None = None) -> None:
        """Another answer may be right, because rows have changed; of one ``table``, or of any."""
        if table is None or table in self._looked_at:
            self._answers.clear()

    def of_stored(
        self,
        connection: Connection,
        described: ObjectType,
        identity: Mapping[str, Any],
        condition: Condition,
        lock: Strength | None,
    ) -> Judged:
        """What is stored of a record, and whether a condition holds for it; in one statement."""
        scope, statements = self._schema.scope(described), self._schema.statements
        prepared = statements.judged(scope, condition, identity, self._parameters, lock)
        row = prepared.first(connection)
        if row is None:
            return None, False
        values = {each.name: row[i] for i, each in enumerate(described.stored_fields)}
        return values, condition == EVERY or bool(row[-1])

    def of_given(
        self,
        described: ObjectType,
        condition: Condition,
        values: Mapping[str, Any],
    ) -> bool:
        """Whether a condition holds for a record with these values, by field, if it were stored."""
        question = (described.element, condition, *values.items())
        if question not in self._answers:
            scope = self._schema.scope(described)
            statement, tables = self._schema.statements.given(scope, condition)
            given = {given_parameter(name): value for name, value in values.items()}
            found = statement.value(self._connect(*tables), {**self._parameters, **given})
            self._answers[question] = bool(found)
            self._looked_at |= tables
        return self._answers[question]
