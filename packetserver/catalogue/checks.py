"""Does every name in an object's definition lead somewhere?"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from packetserver.catalogue.model import Catalogue, Field, ObjectType
from packetserver.errors import CatalogueError

Problems = Iterator[str]


def check_object(described: ObjectType, catalogue: Catalogue) -> None:
    """Raises CatalogueError for the first name of an object that leads nowhere."""
    for check in CHECKS:
        for problem in check(described, catalogue):
            raise CatalogueError(described.file, described.element, problem)


def _references(described: ObjectType, catalogue: Catalogue) -> Problems:
    for field in described.fields.values():
        for target in _referenced_elements(field):
            if target not in catalogue.objects:
                yield f"{field.name} references {target}, which is no object"
        if field.references_table and field.references_table not in catalogue.tables:
            yield f"{field.name} references the table {field.references_table}, which is none"
        if field.references_also and not _has_column(catalogue, field, field.references_also):
            yield f"{field.name} names records by {field.references_also}, which is no column"
        if field.references_by is not None and described.field(field.references_by.field) is None:
            yield f"{field.name} depends on {field.references_by.field}, which is no field"


def _has_column(catalogue: Catalogue, field: Field, column: str) -> bool:
    table = catalogue.tables.get(catalogue.table_of(field) or "")
    return table is not None and column in table.columns


def _referenced_elements(field: Field) -> Iterator[str]:
    if field.references is not None:
        yield field.references
    if field.references_by is not None:
        yield from field.references_by.elements.values()


def _aliases(described: ObjectType, catalogue: Catalogue) -> Problems:
    for alias, target in described.aliases.items():
        if target not in described.fields:
            yield f"{alias} is another name of {target}, which is no field"
    for alias, target in described.filter_aliases.items():
        if target not in described.filters:
            yield f"the filter {alias} is another name of {target}, which is no filter"


def _columns(described: ObjectType, catalogue: Catalogue) -> Problems:
    columns = _known_columns(described, catalogue)
    for one in described.filters.values():
        if one.column is not None and one.column not in columns:
            yield f"the filter {one.name} compares {one.column}, which is no column"
    for column in (described.sync_inserted, described.sync_updated):
        if column is not None and column not in columns:
            yield f"the sync column {column} is no column"
    for name in (*described.order, *described.order_paged):
        bare = name.removeprefix("-")
        if bare not in columns and not bare.startswith("path:"):
            yield f"is ordered by {bare}, which is no column"


def _fields(described: ObjectType, catalogue: Catalogue) -> Problems:
    own = () if described.own_records is None else (described.own_records,)
    for name in (*described.forced_to_user, *described.identified_by, *own, *described.known_by):
        if described.field(name) is None:
            yield f"{name} is no field"
    owned = () if described.owned is None else (described.owned.access, described.owned.owner)
    for name in (*owned, *described.belongs_to):
        field = described.field(name)
        if field is None or not (field.column and tuple(_referenced_elements(field))):
            yield f"{name} is no reference"


def _removals(described: ObjectType, catalogue: Catalogue) -> Problems:
    for table, column in described.removes:
        known = catalogue.tables.get(table)
        if known is None or column not in known.columns:
            yield f"removes {table}.{column}, which is no column"


def _key(described: ObjectType, catalogue: Catalogue) -> Problems:
    identified = described.key is not None or described.identified_by
    if described.table and not identified and described.kind != "table":
        yield "has neither a key nor identified_by"


def _known_columns(described: ObjectType, catalogue: Catalogue) -> Collection[str]:
    table = catalogue.tables.get(described.table or "")
    return () if table is None else table.columns


CHECKS: tuple[Callable[[ObjectType, Catalogue], Problems], ...] = (
    _references,
    _aliases,
    _columns,
    _fields,
    _removals,
    _key,
)
