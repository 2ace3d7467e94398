"""What the row of a new record has before anything is sent: worked out once for each object."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from packetserver.catalogue.model import NOW, Field
from packetserver.store.schema import Schema

OBJECTS_KEPT = 1024


@dataclass(frozen=True, slots=True)
class NewRow:
    """The row of an object's new record.

    ``columns`` are the defaults, where None stands for none, without a key that counts itself;
    ``times`` and ``dates`` are the columns that have the present instead. ``taken`` are the fields
    that a client may set, by name; ``checked`` those that may not be empty or that are secret, in
    the catalogue's order; ``own`` the columns that refer to the object's own table; ``empty`` those
    that stay empty when a statement does not name them.
    """

    columns: Mapping[str, Any]
    times: tuple[str, ...]
    dates: tuple[str, ...]
    taken: Mapping[str, Field]
    checked: tuple[Field, ...]
    own: tuple[str, ...]
    empty: frozenset[str]


@lru_cache(maxsize=OBJECTS_KEPT)
def new_row(schema: Schema, element: str) -> NewRow:
    """The row of a new record of an object that has a table."""
    described = schema.catalogue.objects[element]
    table = schema.catalogue.tables[described.table or ""].columns
    fields = [each for each in described.stored_fields if not counts_itself(each)]
    covered = {each.column for each in fields}
    # Times that no field covers are this server's too: syncs go by them.
    beside = [each.name for each in table.values() if each.default == NOW]
    present = [each for each in fields if each.initial is None and each.default == NOW]
    return NewRow(
        columns={each.column or "": _constant(each) for each in fields},
        times=(
            *(each.column or "" for each in present if each.type.name != "date"),
            *(name for name in beside if name not in covered),
        ),
        dates=tuple(each.column or "" for each in present if each.type.name == "date"),
        taken={each.name: each for each in fields if each.insert},
        checked=tuple(each for each in fields if not each.nullable or each.secret is not None),
        own=tuple(each.name for each in table.values() if each.references == described.table),
        empty=frozenset(each.name for each in table.values() if each.default is None),
    )


def counts_itself(field: Field) -> bool:
    """Whether a field is a key that the database gives, unless the client may choose it."""
    return field.key and field.type.name == "integer"


def _constant(field: Field) -> Any:
    if field.initial is not None:
        return field.initial
    return None if field.default == NOW else field.default
