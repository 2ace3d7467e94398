"""A client's own ids as columns of a select: indexed look-ups in its map, one for each record read.

The statements leave the client open, as a parameter, so that they are worked out once for all
clients; without a client every record is unmapped.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    ColumnElement,
    MetaData,
    case,
    func,
    literal,
    null,
    select,
)

from packetserver.catalogue.model import Catalogue, Field, ObjectType, other_case
from packetserver.store.derived import DERIVATIONS
from packetserver.store.parameters import client
from packetserver.store.scope import Scope, reference_field

UNMAPPED = -1
"""The guid of a record that the client does not know (PROTOCOL.md 4.7)."""

GUID = "guid"
GUIDS = frozenset({GUID, other_case(GUID)})
SYSTEM = 4
"""The systemId whose map is the catalogue (PROTOCOL.md 3.1)."""


def is_guid(name: str) -> bool:
    """Whether a property is the client's own id of the record, in either case of its first letter."""
    return name in GUIDS


def map_element(described: ObjectType) -> str:
    """The element that the map knows an object's records by: its list's, where it has a list."""
    return described.list_element or described.element


def is_mappable(described: ObjectType) -> bool:
    """Whether a client can have its own ids of the records: those with an integer for a key."""
    return described.key is not None and described.key.type.name == "integer"


def list_of(catalogue: Catalogue, name: str) -> str | None:
    """The list element `tList` of a `t` that a client names, None when there is no such list."""
    target = catalogue.target(f"{name}List")
    return f"{name}List" if target is not None and target.is_list else None


def guid_of(metadata: MetaData, element: str, record: ColumnElement[Any]) -> ColumnElement[Any]:
    """The client's id of a record, empty when it has none."""
    elements, ids = metadata.tables["sync_table"].alias(), metadata.tables["sync_map"].alias()
    table_id = select(func.min(elements.c.table_id)).where(
        elements.c.system_id == SYSTEM, elements.c.element_name == element
    )
    return (
        select(ids.c.cuid)
        .where(ids.c.client_id == client())
        .where(ids.c.table_id == table_id.scalar_subquery())
        .where(ids.c.record_id == record)
        .scalar_subquery()
    )


def own_guid(scope: Scope) -> ColumnElement[Any] | None:
    """The client's id of the record itself; None where it cannot have one."""
    if not is_mappable(scope.object):
        return None
    return _mapped(scope, map_element(scope.object), scope.key)


def asked_guid(scope: Scope, name: str) -> ColumnElement[Any] | None:
    """What a meta property asks of the map (PROTOCOL.md 3.5); None when it reads as empty.

    The forms are `xGuid`, `f^tGuid`, `f^${c}Guid` and `a.guid`.
    """
    first, separator, rest = name.partition("^")
    if separator:
        return _by_notation(scope, first, rest)
    path, separator, last = name.partition("." if "." in name else "_")
    if separator and is_guid(last):
        return _of_sub_object(scope, path)
    if name.endswith("Guid"):
        return _by_field(scope, f"{name.removesuffix('Guid')}Id", name.removesuffix("Guid"))
    return None


def _by_notation(scope: Scope, field_name: str, notation: str) -> ColumnElement[Any] | None:
    if not notation.endswith("Guid"):
        return None
    name = notation.removesuffix("Guid")
    if not name.startswith("${"):
        return _by_field(scope, field_name, name)
    found = scope.object.field(field_name)
    return None if found is None else _by_choice(scope, found)


def _by_field(scope: Scope, field_name: str, name: str) -> ColumnElement[Any] | None:
    """What holds no number names no record, whatever the field is called."""
    element, found = list_of(scope.catalogue, name), scope.object.field(field_name)
    if found is None or found.type.name != "integer":
        return None
    record = _value(scope, found)
    return None if element is None or record is None else _mapped(scope, element, record)


def _by_choice(scope: Scope, found: Field) -> ColumnElement[Any] | None:
    """A reference whose object is the record's own to say; empty where it refers to none."""
    choice, record = found.references_by, _value(scope, found)
    deciding = scope.object.field(choice.field) if choice is not None else None
    value = _value(scope, deciding) if deciding is not None else None
    if choice is None or record is None or value is None:
        return None
    whens = [
        (value == code, _mapped(scope, map_element(scope.catalogue.objects[element]), record))
        for code, element in choice.elements.items()
    ]
    return case(*whens, else_=null())


def _of_sub_object(scope: Scope, name: str) -> ColumnElement[Any] | None:
    """`a.guid`: empty while the record refers to nothing."""
    found = reference_field(scope, name)
    if found is None or found.references is None or found.column is None:
        return None
    referenced = scope.catalogue.objects[found.references]
    element = list_of(scope.catalogue, name) or map_element(referenced)
    record = scope.column(found.column)
    return case((record.is_not(None), _mapped(scope, element, record)), else_=null())


def _mapped(scope: Scope, element: str, record: ColumnElement[Any]) -> ColumnElement[Any]:
    return func.coalesce(guid_of(scope.metadata, element, record), literal(UNMAPPED))


def _value(scope: Scope, found: Field) -> ColumnElement[Any] | None:
    """What a field holds, None when it takes more than one column to tell."""
    if found.column is not None:
        return scope.column(found.column)
    if found.derived is None:
        return None
    derived = DERIVATIONS[found.derived.name](scope, found, found.derived)
    return derived.columns[0] if derived.show is None and derived.columns else None
