"""Reading and making the records of other objects that an effect or a rule needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from packetserver.catalogue.model import NOW, Field
from packetserver.failures import Refused, unfit
from packetserver.store.rows import Rows

if TYPE_CHECKING:
    from packetserver.records.records import Records


def rows_of(
    rows: Rows, table: str, columns: Sequence[str], identity: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Some columns of every row with equal columns, the oldest key first."""
    key = rows.schema.catalogue.tables[table].key
    prepared = rows.schema.statements.read(table, columns, identity, order=key)
    return [dict(zip(columns, row, strict=True)) for row in prepared.rows(rows.connection)]


def column_of(rows: Rows, table: str, column: str, key: Any) -> Any:
    """A column of the row with this key; None without a key or a row."""
    if key is None:
        return None
    name = rows.schema.catalogue.tables[table].key or ""
    return rows.value(table, column, {name: key})


def add_record(records: Records, element: str, values: Mapping[str, Any]) -> Any:
    """Store a record of another object, given by field names; returns its key.

    Fields that are not given have what a new record has when a client sends nothing.
    """
    described = records.rows.schema.catalogue.objects[element]
    unknown = set(values) - set(described.fields)
    if unknown:
        raise KeyError(f"{element} has no field {sorted(unknown)}")
    columns = {
        each.column or "": _value(records, each, values)
        for each in described.stored_fields
        if not each.key or each.name in values
    }
    return add_row(records, described.table or "", columns)


def add_row(records: Records, table: str, values: Mapping[str, Any]) -> Any:
    """Store a row of any table; returns its key. Times that are not given are the present."""
    now = records.now()
    described = records.rows.schema.catalogue.tables[table]
    times = {each.name: now for each in described.columns.values() if each.default == NOW}
    return records.rows.insert_row(table, {**times, **values})


def _value(records: Records, field: Field, values: Mapping[str, Any]) -> Any:
    value = values.get(field.name)
    if value is not None:
        return value
    if field.initial is not None:
        return field.initial
    if field.default != NOW:
        return field.default
    now = records.now()
    return now.date() if field.type.name == "date" else now


def refuse(field: str, message: str) -> Refused:
    """The failure of a record that cannot be stored at all, with validation off too."""
    return unfit(field, message)
