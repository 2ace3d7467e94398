"""The catalogue with its tables and its plans: one a process, shared by all connections."""

from __future__ import annotations

from functools import lru_cache

from sqlalchemy import MetaData

from packetserver.catalogue.model import Catalogue, ObjectType
from packetserver.errors import CatalogueError
from packetserver.store import derivations, matches
from packetserver.store.derived import DERIVATIONS
from packetserver.store.field_filters import with_field_filters
from packetserver.store.filters import MATCHES
from packetserver.store.plans import Plan, build_plan
from packetserver.store.scope import Scope
from packetserver.store.statements import Statements
from packetserver.store.tables import build_tables

PLANS_KEPT = 2048

# Importing them is what registers the functions that the catalogue refers to by name.
NAMED_FUNCTIONS = (derivations, matches)


class Schema:
    """What the store knows of every object."""

    def __init__(self, catalogue: Catalogue, metadata: MetaData) -> None:
        self.catalogue = catalogue
        self.metadata = metadata
        self.plan = lru_cache(maxsize=PLANS_KEPT)(self._plan)
        self.belongings = _belongings(catalogue)
        self.statements = Statements(metadata.tables)

    def scope(self, described: ObjectType) -> Scope:
        """The object within a query of its own table."""
        table = self.metadata.tables[described.table or ""]
        return Scope(self.catalogue, self.metadata, described, table)

    def _plan(self, element: str, names: tuple[str, ...]) -> Plan:
        return build_plan(self.scope(self.catalogue.objects[element]), names)


def _belongings(catalogue: Catalogue) -> dict[str, list[tuple[str, str]]]:
    """By table: the columns whose rows go with a row of it."""
    found: dict[str, list[tuple[str, str]]] = {}
    for table in catalogue.tables.values():
        for column in table.columns.values():
            if column.belongs and column.references is not None:
                found.setdefault(column.references, []).append((table.name, column.name))
    return found


def build_schema(catalogue: Catalogue) -> Schema:
    """The schema of a catalogue, whose lists are filtered by every field that can be read.

    Raises CatalogueError for a derivation or a match that this server does not have.
    """
    for each in catalogue.objects.values():
        for problem in _unknown_names(each):
            raise CatalogueError(each.file, each.element, problem)
    return Schema(with_field_filters(catalogue), build_tables(catalogue))


def _unknown_names(described: ObjectType) -> list[str]:
    derived = [
        f"{field.name} is derived by {named.name}, which is unknown"
        for field in described.fields.values()
        for named in (field.derived, field.shown)
        if named is not None and named.name not in DERIVATIONS
    ]
    matched = [
        f"the match {named.name} is unknown"
        for named in (*described.always, *(one.match for one in described.filters.values()))
        if named.name not in MATCHES
    ]
    return derived + matched
