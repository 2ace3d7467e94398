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

from packetserver.catalogue.model import Catalogue, Field, ObjectType
from packetserver.store.derived import DERIVATIONS
from packetserver.store.parameters import client
from packetserver.store.scope import Scope

UNMAPPED = -1
"""The client's id of a record that it does not know (PROTOCOL.md 4.7)."""

GUID = "guid"
"""What the filter by the client's id of a record is called, and what packets call that id."""

SYSTEM = 4
"""The systemId whose map is the catalogue (PROTOCOL.md 3.1)."""


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


def client_id(scope: Scope, of: str | None, element: str | None) -> ColumnElement[Any] | None:
    """The client's id of the record that the field ``of`` names, by default of the record itself.

    ``element`` is the list whose map is meant, by default that of what the field refers to. It is
    empty where the field refers to nothing. None for what can be no client's: a field that is no
    reference, and one that takes more than one column to tell.
    """
    if of is None:
        return own_guid(scope)
    found = scope.object.field(of)
    record = None if found is None else _value(scope, found)
    if found is None or record is None:
        return None
    if element is None and found.references_by is not None:
        return _by_choice(scope, found, record)
    if element is None and found.references is not None:
        element = map_element(scope.catalogue.objects[found.references])
    if element is None:
        return None
    return case((record.is_not(None), _mapped(scope, element, record)), else_=null())


def _by_choice(scope: Scope, found: Field, record: ColumnElement[Any]) -> ColumnElement[Any] | None:
    """A reference whose object is the record's own to say; empty where it refers to none."""
    choice = found.references_by
    deciding = scope.object.field(choice.field) if choice is not None else None
    value = _value(scope, deciding) if deciding is not None else None
    if choice is None or value is None:
        return None
    whens = [
        (value == code, _mapped(scope, map_element(scope.catalogue.objects[element]), record))
        for code, element in choice.elements.items()
    ]
    return case(*whens, else_=null())


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
