"""Who may do what to which records: for every object and verb, the ways that are open to somebody.

A way is a permission and a condition: who holds the permission may do it to the records for which
the condition holds. They are worked out once; what a principal holds of them makes one condition,
which is joined to every query and asked of every record (docs/security.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from packetserver.catalogue.conditions import (
    BELOW,
    EVERY,
    READER,
    All,
    Any,
    Compare,
    Condition,
    Exists,
    Field,
    Not,
    Rows,
    Special,
    equals,
    parts,
    paths,
    simplified,
)
from packetserver.catalogue.model import Catalogue, ObjectType
from packetserver.catalogue.model import Field as ObjectField
from packetserver.security.principal import VERBS

VIEW, ADD, EDIT, DELETE = VERBS

FREE = "everybody"
BY_CLIENT = "whoever has logged in as a sync client"
THROUGH_CLIENT = "a user by way of his sync client"
"""What stands for a permission where none is needed."""

UNNAMED = frozenset({FREE, BY_CLIENT, THROUGH_CLIENT})

ACCESS_TYPES, RULE = "lookupAccessTypes", "rule_id"
PERSONAL, CONTROLLED = 626030333, 626030335
"""The rules of access types that keep a record to its owner, and to him and those above him."""

CONDITIONS_KEPT = 8192


@dataclass(frozen=True, slots=True)
class Way:
    """Who holds the ``permission``, a full name, may do it to records ``where`` this holds."""

    permission: str
    where: Condition = EVERY


@dataclass(frozen=True, slots=True)
class Asked:
    """What a rule is asked: the ways to do ``verb`` to records of an object."""

    object: ObjectType
    verb: str
    catalogue: Catalogue

    def way(self, base: str | None, where: Condition = EVERY, verb: str = "") -> Way:
        """The way of a base permission, with the ending of the verb; without one all are free."""
        return Way(FREE if base is None else f"{base}-{verb or self.verb}", where)

    def references_to(self, element: str) -> Iterator[str]:
        """The fields that refer to records of an object."""
        return (each.name for each in self.object.stored_fields if each.references == element)


PermissionRule = Callable[[Asked], Sequence[Way]]
PERMISSION_RULES: dict[str, PermissionRule] = {}
"""By name: the ways that an object's records are open."""


def permission_rule(name: str) -> Callable[[PermissionRule], PermissionRule]:
    """Registers a function under the name that `permission_rule` of a schema uses."""

    def register(function: PermissionRule) -> PermissionRule:
        PERMISSION_RULES[name] = function
        return function

    return register


@permission_rule("plain")
def _plain(asked: Asked) -> Sequence[Way]:
    return [asked.way(asked.object.permission)]


class Ways:
    """The ways of all objects of a catalogue; the same for all who ask, and safe to share."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._ways = {
            (each.element, verb): tuple(
                PERMISSION_RULES[each.permission_rule](Asked(each, verb, catalogue))
            )
            for each in catalogue.objects.values()
            for verb in VERBS
        }
        self._names = {
            place: tuple(dict.fromkeys(way.permission for way in ways))
            for place, ways in self._ways.items()
        }
        keep = lru_cache(maxsize=CONDITIONS_KEPT)
        self.condition = keep(self._condition)
        self.unhidden = keep(self._unhidden)
        self.looked_at = keep(self._looked_at)

    def of(self, element: str, verb: str) -> tuple[Way, ...]:
        """The ways to do something to records of an object."""
        return self._ways[element, verb]

    def permissions(self, element: str, verb: str) -> tuple[str, ...]:
        """The permissions that open any of them."""
        return self._names[element, verb]

    def bases(self, element: str, *verbs: str) -> tuple[str, ...]:
        """The base permissions among those."""
        names = (name for verb in verbs or VERBS for name in self._names[element, verb])
        bases = (name.rpartition("-")[0] for name in names if name not in UNNAMED)
        return tuple(dict.fromkeys(bases))

    def _condition(
        self, element: str, verb: str, held: frozenset[str], *, hierarchy: bool
    ) -> Condition:
        """To which records the holder of some of the permissions may do it."""
        open_ways = Any(
            tuple(way.where for way in self.of(element, verb) if way.permission in held)
        )
        return simplified(All((open_ways, self.unhidden(element, hierarchy=hierarchy))))

    def _unhidden(self, element: str, *, hierarchy: bool) -> Condition:
        """Which records of an object no access type keeps from the reader."""
        return simplified(Not(self._hidden(element, hierarchy=hierarchy)))

    def _hidden(self, element: str, *, hierarchy: bool) -> Condition:
        described = self._catalogue.objects[element]
        found: list[Condition] = []
        if described.owned is not None:
            access, owner = described.owned.access, Field(described.owned.owner)
            found.append(All((Not(Compare(owner, "=", READER)), _rule(access, PERSONAL))))
            if hierarchy:
                found.append(All((Not(Special(BELOW, (owner,))), _rule(access, CONTROLLED))))
        for name in described.belongs_to:
            field = described.fields[name]
            found.extend(self._hidden_with(field, hierarchy=hierarchy))
        return Any(tuple(found))

    def _hidden_with(self, field: ObjectField, *, hierarchy: bool) -> Iterator[Condition]:
        """What a record is hidden with, because it belongs to that."""
        if field.references is not None:
            inner = self._hidden(field.references, hierarchy=hierarchy)
            yield Exists(Rows(field.references, field.name), inner)
        choice = field.references_by
        for value, element in () if choice is None else choice.elements.items():
            inner = self._hidden(element, hierarchy=hierarchy)
            of_kind = equals(choice.field if choice is not None else "", value)
            yield All((of_kind, Exists(Rows(element, field.name), inner)))

    def _looked_at(self, element: str) -> frozenset[str]:
        """The fields of a record that any of this depends on."""
        found = paths(self.unhidden(element, hierarchy=True))
        return found.union(*(paths(way.where) for verb in VERBS for way in self.of(element, verb)))

    def problems(self) -> Iterator[tuple[str, str]]:
        """Conditions that look at what is no field, as (element, problem)."""
        for element in self._catalogue.objects:
            wheres = [way.where for verb in VERBS for way in self.of(element, verb)]
            for where in (*wheres, self.unhidden(element, hierarchy=True)):
                yield from ((element, each) for each in self._unknown(element, where))

    def _unknown(self, element: str, where: Condition) -> Iterator[str]:
        described = self._catalogue.objects[element]
        for path in paths(where):
            found = described.field(path)
            if found is None or found.column is None:
                yield f"a permission depends on {path}, which is no stored field"
        for each in parts(where):
            if isinstance(each, Exists) and isinstance(each.rows, Rows):
                yield from self._unknown(each.rows.element, each.where)


def _rule(access: str, rule: int) -> Condition:
    """Whether the access type that a field names has a rule."""
    return Exists(Rows(ACCESS_TYPES, access), equals(RULE, rule))
