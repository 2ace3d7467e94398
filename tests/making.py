"""Makes records of any object of the catalogue, from its description alone."""

from __future__ import annotations

import itertools
import string
from collections.abc import Iterator

from driving import Driver

from packetserver.catalogue.model import Catalogue, Column, Field, ObjectType
from packetserver.catalogue.types import TYPES
from packetserver.records.rules import AT_INSERT
from packetserver.store.rows import Rows

USERS = "access"
DIGITS = string.digits + string.ascii_uppercase

FIRST = {
    "integer": "7",
    "double": "2.5",
    "boolean": "true",
    "text": "a",
    "timestamp": "2031-02-03 04:05:06.7",
    "date": "2031-02-03",
}
SECOND = {
    "integer": "8",
    "double": "1.0E9",
    "boolean": "false",
    "text": "ж",
    "timestamp": "2032-12-31 23:59:59.999",
    "date": "2032-12-31",
}
"""Two values of each type, in the form in which the server writes them."""


def creatable(catalogue: Catalogue) -> list[str]:
    """The elements whose records are stored."""
    return [each.element for each in catalogue.objects.values() if each.table is not None]


def is_odd(field: Field) -> bool:
    """Whether the field is a boolean that knows a few true texts and takes all else for false."""
    return field.type.name == "boolean" and field.type is not TYPES["boolean"]


class Maker:
    """Inserts records with what they need, and remembers one of each for others to refer to."""

    def __init__(self, driver: Driver) -> None:
        self.driver = driver
        self.catalogue = driver.engine.schema.catalogue
        self._known: dict[str, str] = {}
        self._numbers = itertools.count(1)
        self._chosen = itertools.count(1)

    def object(self, element: str) -> ObjectType:
        return self.catalogue.objects[element]

    def settable(self, element: str) -> list[Field]:
        """The fields that an insert stores as they are sent."""
        return [
            each
            for each in self.object(element).stored_fields
            if not each.key and each.insert and each.secret is None
        ]

    def value(self, field: Field, *, second: bool = False) -> str:
        """A text that the field takes, and that it reads back as; two different ones if it can."""
        if field.references is not None or field.references_table is not None:
            return self.reference(field)
        if is_odd(field):
            return "false"
        values = SECOND if second else FIRST
        if field.type.name == "text":
            letter = values["text"]
            length = min(field.max_length or 12, 12)
            return (letter + str(next(self._numbers)).rjust(length, letter))[-length:]
        return values[field.type.name]

    def reference(self, field: Field) -> str:
        """The key of a record that the field may point to."""
        if field.references is None:
            return self.row(field.references_table or "")
        return self.known(field.references)

    def row(self, table: str) -> str:
        """The key of a row of a table that no object covers."""
        if table not in self._known:
            self._known[table] = str(self._insert_row(table))
        return self._known[table]

    def _insert_row(self, table: str) -> object:
        engine = self.driver.engine
        described = self.catalogue.tables[table]
        with engine.database.connect(writes=True) as connection:
            records = Rows(engine.schema, connection)
            values = {
                name: self._plain(column)
                for name, column in described.columns.items()
                if not column.nullable and column.default is None and name != described.key
            }
            key = records.insert_row(table, values)
            connection.commit()
        return key

    def _plain(self, column: Column) -> object:
        if column.references is not None:
            # Users and accounts have a record 0, and nothing else is needed here.
            return 0
        engine = self.driver.engine
        return TYPES[column.type].read(FIRST[column.type], engine.preferences.zone)

    def known(self, element: str) -> str:
        """The key of some record of an object; users and accounts exist already."""
        if self.object(element).table == USERS:
            return "1"
        if element not in self._known:
            self._known[element] = self.insert(element)
        return self._known[element]

    def needed(self, element: str) -> dict[str, str]:
        """The values without which the record cannot be stored."""
        demanded = {*self.object(element).identified_by, *self._demanded_at_insert(element)}
        return {
            each.name: self.value(each)
            for each in self.settable(element)
            if each.required or each.name in demanded
        } | self._chosen_key(element)

    def _demanded_at_insert(self, element: str) -> Iterator[str]:
        """Fields that an insert demands even while validation is off."""
        for each in self.object(element).rules:
            if each.rule.text("at") == AT_INSERT:
                of = each.rule.texts("of") or (each.field,)
                yield from of[:1] if each.rule.name == "one_of_required" else of

    def _chosen_key(self, element: str) -> dict[str, str]:
        """A key that is no number is the client's to choose."""
        key = self.object(element).key
        if key is None or key.type.name == "integer":
            return {}
        # Short, and yet another one each time.
        digits = (DIGITS[number] for number in divmod(next(self._chosen), len(DIGITS)))
        return {key.name: "".join(digits)}

    def insert(self, element: str, values: dict[str, str] | None = None) -> str:
        """Insert a record without validation; returns its key ("" for a keyless object)."""
        sent = {**self.needed(element), **self.wire_only(element), **(values or {})}
        key = self.object(element).key
        meta = [key.name] if key is not None else []
        answer = self.driver.one(element, "insert", sent, meta, validate=False)
        assert answer.errors == (), f"{element} {sent}"
        return answer.records[0].texts[0] if meta else ""

    def named(self, element: str) -> dict[str, str]:
        """Insert a record; returns what names it: its key, or the fields that identify it."""
        described = self.object(element)
        identity = {
            name: text
            for name, text in self.needed(element).items()
            if name in described.identified_by
        }
        key = self.insert(element, identity)
        return identity if described.key is None else {described.key.name: key}

    def changed(self, element: str) -> dict[str, str]:
        """A value for a field that an update may change; empty when there is none."""
        described = self.object(element)
        free = (
            each
            for each in self.settable(element)
            if each.update and self.catalogue.table_of(each) is None
        )
        kept = {*described.identified_by, "modified"}
        found = next((each for each in free if each.name not in kept), None)
        return {} if found is None else {found.name: self.value(found, second=True)}

    def wire_only(self, element: str) -> dict[str, str]:
        """Secrets that a record needs, and controls that keep an insert from making others."""
        described = self.object(element)
        sent = {
            each.name: "0" * 31 + "a"
            for each in described.stored_fields
            if each.secret is not None and each.column == "password"
        }
        for name in ("addContact", "insertPrimaryContact"):
            if name in described.controls:
                sent[name] = "false"
        return sent
