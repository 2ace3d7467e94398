"""What one principal may do to which records, from what its role holds: read live, once a transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from sqlalchemy import Integer, MetaData, String, bindparam, select

from packetserver.catalogue.conditions import EVERY, Condition
from packetserver.records.ways import BY_CLIENT, FREE, THROUGH_CLIENT, UNNAMED, VIEW, Ways
from packetserver.security.principal import VERBS, Principal
from packetserver.store.direct import Direct
from packetserver.store.plans import Asked, Plan
from packetserver.store.rows import Rows
from packetserver.store.schema import Schema
from packetserver.store.sight import ALL_SEEING, LookedAt, Sight

PROTECTED = frozenset({"contact", "syncClient"})
"""What the setting that leaves everything else open protects all the same."""

SCHEMAS_KEPT = 4


@lru_cache(maxsize=SCHEMAS_KEPT)
def ways_of(schema: Schema) -> Ways:
    """The ways of a schema's catalogue, worked out once."""
    return Ways(schema.catalogue)


@dataclass(frozen=True, slots=True)
class Policy:
    """How far an installation goes: ``open_except`` are the only objects that are protected."""

    open_except: frozenset[str] | None = None
    hierarchy: bool = False
    """Whether access types that are controlled by hierarchy keep records to owners and superiors."""

    def leaves_open(self, element: str) -> bool:
        """Whether everybody may do everything to records of an object."""
        return self.open_except is not None and element not in self.open_except


EVERYTHING_PROTECTED = Policy()


@dataclass(frozen=True, slots=True)
class Seen:
    """What a role shows of the rows beside the records: the same for all who hold the same.

    ``held`` are the permissions held of those that open the rows of each object.
    """

    ways: Ways
    policy: Policy
    held: tuple[tuple[str, frozenset[str]], ...]

    def of_rows(self, element: str) -> Condition:
        """Which records of an object."""
        if self.policy.leaves_open(element):
            return EVERY
        held = dict(self.held)[element]
        return self.ways.condition(element, VIEW, held, hierarchy=self.policy.hierarchy)

    def of_names(self, element: str) -> Condition:
        """Which of them show their names behind a record that refers to them."""
        if self.policy.leaves_open(element):
            return EVERY
        return self.ways.unhidden(element, hierarchy=self.policy.hierarchy)


_OF_USERS = frozenset({FREE})
_OF_CLIENTS = _OF_USERS | {BY_CLIENT}
"""What stands for a permission that a user holds, and who has logged in with a client."""


class Held:
    """What the role of a principal holds, by base permission; what is not known is read."""

    def __init__(self, rows: Rows, principal: Principal, known: dict[str, frozenset[str]]) -> None:
        """``known`` is what is known already; it is completed."""
        self._rows = rows
        self._role = principal.role_id
        self._known = known
        self._free = _OF_USERS if principal.client_id is None else _OF_CLIENTS

    def among(self, names: Sequence[str]) -> frozenset[str]:
        """Those of some permissions, full names, that are held."""
        parted = [_parted(each) for each in names]
        missing = {base for base, _ in parted if base is not None and base not in self._known}
        if missing:
            self._known.update(self._read(sorted(missing)))
        return frozenset(
            [
                name
                for name, (base, verb) in zip(names, parted, strict=True)
                if (name in self._free if base is None else verb in self._known.get(base, ()))
            ]
        )

    def _read(self, bases: Sequence[str]) -> dict[str, frozenset[str]]:
        facts = {f"base_{number}": base for number, base in enumerate(bases)}
        statement = _role_statement(self._rows.schema.metadata, len(bases))
        rows = statement.rows(self._rows.connection, {**facts, "role": self._role})
        found = dict.fromkeys(bases, frozenset[str]())
        for base, *flags in rows:
            verbs = (verb for verb, is_held in zip(VERBS, flags, strict=True) if is_held)
            found[base] |= frozenset(verbs)
        return found


@lru_cache(maxsize=1024)
def _parted(name: str) -> tuple[str | None, str]:
    """The base and the ending of a full name; no base where it stands for no permission."""
    base, _, verb = name.rpartition("-")
    return (None, name) if name in UNNAMED else (base, verb)


@lru_cache(maxsize=64)
def _role_statement(metadata: MetaData, asked: int) -> Direct:
    """What a role holds of so many base permissions; made once, for every packet asks it."""
    permission, role = metadata.tables["permission"], metadata.tables["role_permission"]
    bases = (bindparam(f"base_{number}", type_=String) for number in range(asked))
    return Direct(
        select(permission.c.permission, *(role.c[f"role_{verb}"] for verb in VERBS))
        .join(role, permission.c.permission_id == role.c.permission_id)
        .where(permission.c.permission.in_(bases))
        .where(permission.c.enabled.is_(True))
        .where(role.c.role_id == bindparam("role", type_=Integer)),
        stands_alone=True,
    )


@dataclass(slots=True)
class Rights:
    """The rights of a principal within one transaction; it is also what lists may look at beside."""

    schema: Schema
    principal: Principal
    policy: Policy
    held: Held
    _opened: dict[tuple[str, str], Condition] = field(default_factory=dict)

    def opens(self, element: str, verb: str) -> Condition:
        """To which records of an object the principal may do this."""
        if self.principal.unrestricted or self.policy.leaves_open(element):
            return EVERY
        found = self._opened.get((element, verb))
        if found is None:
            ways = ways_of(self.schema)
            held = self._held(ways.permissions(element, verb))
            found = ways.condition(element, verb, held, hierarchy=self.policy.hierarchy)
            self._opened[element, verb] = found
        return found

    def _held(self, names: tuple[str, ...]) -> frozenset[str]:
        if THROUGH_CLIENT in names and self.principal.restricted_to_client is not None:
            # Of clients, who comes by way of one has that one alone.
            return frozenset({THROUGH_CLIENT})
        return self.held.among(names)

    def has_list(self, element: str) -> bool:
        """Whether the principal may ask for a list: he holds a way, or all of it is free."""
        if self.principal.unrestricted or self.policy.leaves_open(element):
            return True
        ways = ways_of(self.schema)
        held = self._held(ways.permissions(element, VIEW))
        return any(
            each.permission in held and (each.permission not in UNNAMED or each.where == EVERY)
            for each in ways.of(element, VIEW)
        )

    def of_rows(self, element: str) -> Condition:
        """Which records of an object may tell of themselves in others."""
        return self.opens(element, VIEW)

    def of_names(self, element: str) -> Condition:
        """Which of them show their names behind a record that refers to them."""
        if self.principal.unrestricted or self.policy.leaves_open(element):
            return EVERY
        return ways_of(self.schema).unhidden(element, hierarchy=self.policy.hierarchy)

    def plan(self, element: str, asked: tuple[Asked, ...]) -> Plan:
        """How fields of an object are read, as far as they tell of rows that may be seen."""
        sight = self.sight(self.schema.looked_at(element, asked))
        if sight is ALL_SEEING:
            return self.schema.plan(element, asked)
        return self.schema.plan_seen(element, asked, sight)

    def sight(self, looked_at: LookedAt) -> Sight:
        """What may be seen of that: the same for all who hold the same of what opens it."""
        if self._sees_all(looked_at):
            return ALL_SEEING
        ways = ways_of(self.schema)
        held = (
            (each, self._held(ways.permissions(each, VIEW)))
            for each in looked_at.rows
            if not self.policy.leaves_open(each)
        )
        return Seen(ways, self.policy, tuple(held))

    def _sees_all(self, looked_at: LookedAt) -> bool:
        if self.principal.unrestricted or not (looked_at.rows or looked_at.names):
            return True
        rows = (self.of_rows(each) == EVERY for each in looked_at.rows)
        return all(rows) and all(self.of_names(each) == EVERY for each in looked_at.names)
