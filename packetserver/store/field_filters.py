"""Every field that can be read filters its list, beside what schemas declare (docs/filters.md)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType

from packetserver.catalogue.model import Catalogue, Field, Filter, Named, ObjectType, Target
from packetserver.catalogue.types import TYPES
from packetserver.store.derived import is_shaped

READS = "field_reads"
"""The match of these filters."""


def with_field_filters(catalogue: Catalogue) -> Catalogue:
    """The catalogue with a filter for each field that the database can compare.

    A filter that a schema declares under the same name stays as it is; secrets have none.
    """
    objects = {each.element: _completed(each) for each in catalogue.objects.values()}
    targets = {
        element: Target(objects[each.object.element], each.is_list)
        for element, each in catalogue.targets.items()
    }
    return Catalogue(MappingProxyType(objects), catalogue.tables, MappingProxyType(targets))


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
    fields = {
        **described.fields,
        **{a: described.fields[of] for a, of in described.aliases.items()},
    }
    return {
        # Where a field takes odd words for true, it reads as `true` all the same.
        name: Filter(name, TYPES[each.type.name], Named(READS), each.column, field=each)
        for name, each in fields.items()
        if name not in described.filters
        and name not in described.filter_aliases
        and each.secret is None
        and not is_shaped(described, each)
    }
