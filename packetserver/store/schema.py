"""The catalogue with its tables and its plans: one a process, shared by all connections."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from sqlalchemy import MetaData

from packetserver.catalogue.model import Catalogue, ObjectType
from packetserver.errors import CatalogueError
from packetserver.store import derivations, specials
from packetserver.store.derived import DERIVATIONS
from packetserver.store.field_filters import with_field_filters
from packetserver.store.lists import Lists
from packetserver.store.plans import Asked, Plan, build_plan
from packetserver.store.scope import Scope
from packetserver.store.sight import ALL_SEEING, LookedAt, Onlooker, Sight
from packetserver.store.statements import Statements
from packetserver.store.tables import build_tables

PLANS_KEPT = 2048


# Importing them is what registers the functions that the catalogue and conditions refer to by name.
NAMED_FUNCTIONS = (derivations, specials)


class Schema:
    """What the store knows of every object."""

    def __init__(self, catalogue: Catalogue, metadata: MetaData) -> None:
        self.catalogue = catalogue
        self.metadata = metadata
        keep = lru_cache(maxsize=PLANS_KEPT)
        self.plan = keep(self._plan)
        self.plan_seen = keep(self._plan_seen)
        self.looked_at = keep(self._looked_at)
        self._scopes: dict[str, Scope] = {}
        self.belongings = _belongings(catalogue)
        self.statements = Statements(metadata.tables)
        self.lists = Lists()

    def scope(self, described: ObjectType, sight: Sight = ALL_SEEING) -> Scope:
        """The object within a query of its own table; ``sight`` is for what stands beside it."""
        if sight is not ALL_SEEING:
            return replace(self.scope(described), sight=sight)
        found = self._scopes.get(described.element)
        if found is None or found.object is not described:
            table = self.metadata.tables[described.table or ""]
            found = Scope(self.catalogue, self.metadata, described, table)
            self._scopes[described.element] = found
        return found

    def _plan(self, element: str, asked: tuple[Asked, ...]) -> Plan:
        return self._plan_seen(element, asked, ALL_SEEING)

    def _plan_seen(self, element: str, asked: tuple[Asked, ...], sight: Sight) -> Plan:
        """The plan for whoever sees no more of other rows than that; ``sight`` is a key, too."""
        return build_plan(self.scope(self.catalogue.objects[element], sight), asked)

    def _looked_at(self, element: str, asked: tuple[Asked, ...]) -> LookedAt:
        """What a plan looks at beside the object's own records."""
        onlooker = Onlooker()
        self._plan_seen(element, asked, onlooker)
        return onlooker.looked_at


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

    Raises CatalogueError for a derivation that this server does not have.
    """
    for each in catalogue.objects.values():
        for problem in _unknown_names(each):
            raise CatalogueError(each.file, each.element, problem)
    return Schema(with_field_filters(catalogue), build_tables(catalogue))


def _unknown_names(described: ObjectType) -> list[str]:
    return [
        f"{field.name} is derived by {named.name}, which is unknown"
        for field in described.fields.values()
        for named in (field.derived, field.shown)
        if named is not None and named.name not in DERIVATIONS
    ]
