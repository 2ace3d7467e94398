"""Reading records, as far as their reader may see them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from packetserver.catalogue import conditions as tree
from packetserver.catalogue.conditions import (
    EVERY,
    All,
    AsSeen,
    Compare,
    Condition,
    Empty,
    In,
    Not,
    Shown,
    Text,
)
from packetserver.catalogue.model import Field, ObjectType
from packetserver.catalogue.types import misfit
from packetserver.failures import Failure, Kind, Refused
from packetserver.records.filters import Filtering, demanded
from packetserver.records.permissions import demand_any, demand_of_stored, denied
from packetserver.records.ways import VIEW
from packetserver.records.writing import identity_of
from packetserver.store.derivations.rows import has_one_column
from packetserver.store.lists import FIELD, Selection
from packetserver.store.plans import Plan, Row

if TYPE_CHECKING:
    from packetserver.records.records import Records


def retrieve(
    records: Records, described: ObjectType, key: Any, show: Plan, given: Mapping[str, Any]
) -> Row | None:
    """See Records.retrieve."""
    opened, identity = demand_any(records, described, VIEW), identity_of(described, key)
    trashed = described.trashed_column
    present = identity if trashed is None else {**identity, trashed: None}
    row = records.rows.read(described, show, present, opened)
    if row is None:
        # Whether it is there is for those alone who might see it.
        demand_of_stored(records, described, VIEW, identity, given)
    elif opened != EVERY and not row[-1]:
        raise denied(described, VIEW)
    return row


def selection(
    records: Records, described: ObjectType, where: Condition, order: Sequence[str]
) -> Selection:
    """See Records.selection."""
    schema = records.schema
    rights = demand_any(records, described, VIEW)
    own = Filtering(schema.catalogue, described, {}, records.now(), rights)
    asked = AsSeen(_checked(records, described, where), described.element)
    ordered = tuple(_ordering(records, described, each) for each in order)
    condition = All((asked, demanded(own)))
    found = Selection(schema.scope(described), condition, ordered or described.order)
    return found.seen_by(records.rights.sight(schema.lists.looked_at(found)))


def _checked(records: Records, described: ObjectType, where: Condition) -> Condition:
    """The same condition; what nothing is stored for is asked of what its field shows.

    Raises Refused for a field that is not there, or can be compared with nothing, and for a value
    that is none of its type.
    """
    match where:
        case All(of):
            return All(tuple(_checked(records, described, each) for each in of))
        case tree.Any(of):
            return tree.Any(tuple(_checked(records, described, each) for each in of))
        case Not(of):
            return Not(_checked(records, described, of))
        case Compare(left) | In(left) | Text(left) | Empty(left) if isinstance(
            left, tree.Field | Shown
        ):
            path = left.path if isinstance(left, tree.Field) else left.name
            field, is_stored = _field_at(records, described, path)
            _check_values(described, field, where)
            return replace(where, left=tree.Field(path) if is_stored else Shown(path))
    reason = "conditions of this kind cannot be asked for"
    raise Refused(Failure(Kind.UNSUPPORTED, described.element, reason=reason))


def _ordering(records: Records, described: ObjectType, name: str) -> str:
    """A field in an order, as the store names it."""
    path = name.removeprefix("-")
    _field_at(records, described, path)
    return f"{name[: len(name) - len(path)]}{FIELD}{path}"


def _field_at(records: Records, described: ObjectType, path: str) -> tuple[Field, bool]:
    """The field that a path leads to, and whether all on the way is stored as it is shown."""
    name, _, rest = path.partition(".")
    found = described.field(name)
    if found is None:
        raise _refused(described, path, Kind.UNKNOWN, "there is no such field")
    is_stored = found.column is not None and found.shown is None
    if rest:
        other = records.schema.catalogue.objects.get(found.references or "")
        if other is None or found.column is None:
            raise _refused(described, path, Kind.UNKNOWN, f"{name} refers to no record")
        field, is_stored_there = _field_at(records, other, rest)
        return field, is_stored and is_stored_there
    if found.secret is not None:
        raise _refused(described, path, Kind.NOT_READABLE, "it is secret")
    if not is_stored and not has_one_column(records.schema.scope(described), found.name):
        raise _refused(described, path, Kind.NOT_READABLE, "nothing can be found by it")
    return found, is_stored


def _check_values(described: ObjectType, field: Field, leaf: Compare | In | Text | Empty) -> None:
    """Raises Refused for a value that is none of the field's type, or is no value."""
    match leaf:
        case Compare(_, _, tree.Literal(value)):
            values: Sequence[Any] = (value,)
        case Compare(_, _, tree.Fact()) | Empty():
            values = ()
        case In(_, several):
            values = several
        case Text(_, _, text):
            values = (text,)
        case _:
            raise _refused(described, field.name, Kind.UNSUPPORTED, "only values can be compared")
    kind = "text" if isinstance(leaf, Text) else field.type.name
    for value in values:
        reason = None if value is None else misfit(kind, value)
        if reason is not None or (kind == "text" and field.type.name != "text"):
            raise _refused(described, field.name, Kind.VALUE, reason or "not a text")


def _refused(described: ObjectType, name: str, kind: Kind, reason: str) -> Refused:
    return Refused(Failure(kind, described.element, None, name, reason))
