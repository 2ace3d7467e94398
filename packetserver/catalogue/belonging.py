"""What belongs to what: the references by which records go with the one that they refer to.

A record belongs to every record that it refers to whose object has a trashed date, unless the field
`mentions` it only; and to every record whose object `removes` it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from packetserver.catalogue.model import Field, ObjectType, Part

REFERENCED = "referenced"


def parts_of(objects: Mapping[str, ObjectType]) -> tuple[Part, ...]:
    """Every way in which rows of a table belong to those of another, each once."""
    return tuple(dict.fromkeys(_parts(objects)))


def _parts(objects: Mapping[str, ObjectType]) -> Iterator[Part]:
    for each in objects.values():
        owner = each.table
        if owner is not None:
            yield from (Part(table, column, owner) for table, column in each.removes)
            for field in each.stored_fields:
                if not field.mentions:
                    yield from _of_field(objects, each, field)


def _of_field(
    objects: Mapping[str, ObjectType], described: ObjectType, field: Field
) -> Iterator[Part]:
    table, column = described.table or "", field.column or ""
    for owner in _trashable(objects, [field.references]):
        yield Part(table, column, owner.table or "")
    if field.references_by is not None:
        path = _path(described, field.references_by.field)
        for value, element in field.references_by.elements.items():
            for owner in _trashable(objects, [element]) if path else ():
                yield Part(table, column, owner.table or "", path, value)


def _trashable(
    objects: Mapping[str, ObjectType], elements: Iterable[str | None]
) -> Iterator[ObjectType]:
    for element in elements:
        if element is not None and objects[element].trashed_column is not None:
            yield objects[element]


def _path(described: ObjectType, name: str) -> str | None:
    """Where a field is stored: its column, or `column.column` in the record that it is read from."""
    field = described.field(name)
    if field is None or field.column is not None or field.derived is None:
        return None if field is None else field.column
    if field.derived.name != REFERENCED:
        return None
    by = described.field(field.derived.text("of"))
    return None if by is None else f"{by.column}.{field.derived.text('reads')}"
