"""The names that an item may use, each under both cases of its first letter (docs/filters.md).

All that follows sees a property under the name that the catalogue gives it, however it was sent.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from packetserver.catalogue.model import ObjectType
from packetserver.catalogue.names import in_either_case
from packetserver.engine.packet import Item, Property
from packetserver.engine.triples import PARTS
from packetserver.store.guid_columns import GUID
from packetserver.store.schema import Schema

OWN_TABLE_INPUTS = frozenset({"tableName", "table", "uniqueField"})
IDENTITY = "-identity"
"""The end of a property that says from where the new records of a list are numbered."""

NAMES_KEPT = 1024


@dataclass(frozen=True, slots=True)
class KnownNames:
    """The properties of an element: ``spellings`` has the name that each spelling stands for.

    ``offered`` are the names that somebody who misspells one may have meant.
    """

    spellings: Mapping[str, str]
    offered: Collection[str]

    def spelt(self, item: Item) -> tuple[Item, Sequence[Property]]:
        """The item with every known property under its own name, and the properties of no name."""
        spellings = self.spellings
        odd = [each for each in item.properties if spellings.get(each.name) != each.name]
        if not odd:
            return item, ()
        unknown = [each for each in odd if each.name not in spellings]
        if len(unknown) == len(odd):
            return item, unknown
        properties = (
            replace(each, name=spellings.get(each.name, each.name)) for each in item.properties
        )
        return replace(item, properties=tuple(properties)), unknown


@lru_cache(maxsize=NAMES_KEPT)
def known_names(schema: Schema, element: str, *, is_list: bool) -> KnownNames:
    """The names of an object, singly or of its list; worked out once."""
    described = schema.catalogue.objects[element]
    inputs = _filters(described) if is_list else _inputs(described)
    offered = inputs | _controls(schema, described)
    references = {f"{name[:-2]}Guid" for name in inputs if name.endswith("Id") and name != "Id"}
    every = offered | references | {GUID}
    return KnownNames(in_either_case({name: name for name in every}), offered)


def _filters(described: ObjectType) -> set[str]:
    return {*described.filters, *described.filter_aliases, *described.ignored_filters}


def _inputs(described: ObjectType) -> set[str]:
    return {*described.fields, *described.aliases, *described.controls}


def _controls(schema: Schema, described: ObjectType) -> set[str]:
    """What some kinds of objects take besides: their own table, triples, numbers of lists."""
    found: set[str] = set()
    if described.kind in {"lookup", "table"}:
        found |= OWN_TABLE_INPUTS
    if described.kind == "table":
        found |= PARTS
    if described.kind == "action":
        lists = (each.list_element for each in schema.catalogue.objects.values())
        found |= {f"{name}{IDENTITY}" for name in lists if name is not None}
    return found
