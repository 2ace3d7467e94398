"""Every field that can be read filters its list, beside what schemas declare (docs/filters.md)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType

from packetserver.catalogue.model import Catalogue, Field, Filter, Named, ObjectType, Target
from packetserver.catalogue.types import TYPES
from packetserver.store.derived import is_shaped
from packetserver.store.guid_columns import GUID, is_mappable

READS, OWN_GUID = "field_reads", "guid_reads"
"""The matches of these filters: what a field reads as, and what a client calls the record."""


def with_field_filters(catalogue: Catalogue) -> Catalogue:
    """The catalogue with a filter for each field that the database can compare.

    A filter that a schema declares under the same name stays as it is; secrets have none.
    """
    objects = {each.element: _completed(each) for each in catalogue.objects.values()}
    targets = {
        element: Target(objects[each.object.element], each.is_list)
        for element, each in catalogue.targets.items()
    }
    return replace(catalogue, objects=MappingProxyType(objects), targets=MappingProxyType(targets))


def uncompared_fields(described: ObjectType) -> Iterator[Field]:
    """The readable fields of an object that are no filters: what they read as is shaped later."""
    for each in described.fields.values():
        if (
            each.secret is None
            and each.name not in described.filters
            and is_shaped(described, each)
        ):
            yield each


def _completed(described: ObjectType) -> ObjectType:
    if described.list_element is None or described.table is None:
        return described
    added = _missing(described)
    return replace(
        described,
        filters=MappingProxyType({**described.filters, **added}),
        ignored_filters=described.ignored_filters - set(added),
    )


def _missing(described: ObjectType) -> Mapping[str, Filter]:
    aliases = {alias: described.fields[name] for alias, name in described.aliases.items()}
    found = {GUID: _guid_filter()} if is_mappable(described) else {}
    for name, each in {**described.fields, **aliases}.items():
        if each.secret is None and not is_shaped(described, each):
            # Where a field takes odd words for true, it reads as `true` all the same.
            kind = TYPES[each.type.name]
            found[name] = Filter(name, kind, Named(READS), each.column, field=each)
    declared = {*described.filters, *described.filter_aliases}
    return {name: each for name, each in found.items() if name not in declared}


def _guid_filter() -> Filter:
    return Filter(GUID, TYPES["integer"], Named(OWN_GUID))
