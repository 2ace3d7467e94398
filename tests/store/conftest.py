"""A database with the default data, and a small world in it that each test makes for itself."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import Connection

from databases import KINDS, Databases
from packetserver.catalogue.fields import named, read_fields, read_filters
from packetserver.catalogue.loader import load_catalogue
from packetserver.catalogue.model import Named, ObjectType
from packetserver.records.filters import Filtering, SecretKeys, chosen_order, demanded
from packetserver.store.database import Database
from packetserver.store.derived import PRESENT
from packetserver.store.lists import Selection
from packetserver.store.plans import build_plan
from packetserver.store.rows import Rows
from packetserver.store.schema import Schema, build_schema
from packetserver.store.setup import prepare_database

NOW = datetime(2026, 3, 4, 12, 30, 45, 678000)
SYSTEM = 0
"""The user of the default data."""

FILLED = {"text": "", "integer": 0, "boolean": False, "timestamp": NOW}
WHERE = ("test.toml", "test")


class World:
    """Rows to read, and derivations and matches to read them with; all of it is rolled back."""

    def __init__(self, schema: Schema, connection: Connection) -> None:
        self.schema = schema
        self.connection = connection
        self.records = Rows(schema, connection, {PRESENT: NOW})

    def add(self, table: str, **values: Any) -> Any:
        """Insert a row, its mandatory columns filled; returns its key."""
        for column in self.schema.catalogue.tables[table].columns.values():
            key = column.name == self.schema.catalogue.tables[table].key
            if column.nullable or column.default is not None or column.name in values or key:
                continue
            if column.references not in {None, "access"}:
                raise AssertionError(f"{table}.{column.name} needs a value")
            values[column.name] = SYSTEM if column.references else FILLED[column.type]
        return self.records.insert_row(table, values)

    def add_user(self, name: str, **values: Any) -> int:
        """A user and the contact that it is; `contact` are columns of the latter."""
        contact = values.pop("contact", {})
        person = self.add("contact", **{"access_type": 1, "namelast": name, **contact})
        user = self.add("access", username=name, contact_id=person, **values)
        self.records.update_rows("contact", {"contact_id": person}, {"user_id": user})
        return int(user)

    def shown(self, element: str, key: Any, **line: Any) -> str:
        """What a record reads in a field that a schema would describe by this line."""
        fields, _ = read_fields(WHERE, {"tested": {"type": "text", **line}})
        described = self.schema.catalogue.objects[element]
        described = dataclasses.replace(described, fields={**described.fields, **fields})
        plan = build_plan(self._scope(described), ("tested",))
        assert described.key is not None
        row = self.records.read(described, plan, {described.key.column or "": key})
        assert row is not None
        value, field = plan.values(row)["tested"], described.fields["tested"]
        return field.unset if value is None else field.type.write(value)

    def listed(
        self,
        element: str,
        filters: Mapping[str, Mapping[str, Any]],
        *,
        always: Sequence[Mapping[str, Any]] = (),
        own_user: int | None = None,
        secret_keys: SecretKeys | None = None,
        least: int = 1,
        order: Sequence[str] = (),
        **values: Any,
    ) -> list[Any]:
        """The keys of the records that the filters leave, as a schema would describe them.

        Keys below ``least`` are left out: 0 is the own company, and the user of default data.
        """
        described = dataclasses.replace(
            self.schema.catalogue.objects[element],
            filters=read_filters(WHERE, filters)[0],
            always=tuple(_condition(each) for each in always),
        )
        scope = self._scope(described)
        asked = {"own_user": own_user, "secret_keys": secret_keys}
        filtering = Filtering(self.schema.catalogue, described, values, NOW, **asked)
        ordered = chosen_order(filtering, order)
        selection = Selection(scope, demanded(filtering), ordered)
        assert described.key is not None
        plan = build_plan(scope, (described.key.name,))
        rows = list(self.records.select(selection, plan))
        assert self.records.count(selection) == len(rows)
        return [row[-1] for row in rows if row[-1] >= least]

    def _scope(self, described: ObjectType) -> Any:
        return self.schema.scope(described)


def _condition(line: Mapping[str, Any]) -> Named:
    return named(line, "name")


@pytest.fixture(scope="session")
def schema() -> Schema:
    return build_schema(load_catalogue())


@pytest.fixture(scope="session", params=KINDS)
def filled_database(
    request: pytest.FixtureRequest, databases: Databases, schema: Schema
) -> Iterator[Database]:
    """A database of each kind with the default data, for tests that leave nothing in it."""
    with databases.empty(request.param) as url, contextlib.closing(Database(url)) as database:
        prepare_database(database, schema, NOW)
        yield database


@pytest.fixture
def world(filled_database: Database, schema: Schema) -> Iterator[World]:
    with filled_database.connect(writes=True) as connection:
        yield World(schema, connection)
