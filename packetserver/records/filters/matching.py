"""What a filter is asked with, and how the demands of a list's filters become one condition."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from packetserver.catalogue.conditions import (
    EVERY,
    HIDDEN,
    All,
    AsSeen,
    Column,
    Compare,
    Condition,
    Empty,
    In,
    Literal,
    Not,
    Operand,
    Special,
    Text,
    equals,
)
from packetserver.catalogue.conditions import Any as AnyOf
from packetserver.catalogue.model import Catalogue, Filter, Named, ObjectType
from packetserver.failures import Kind, because
from packetserver.store.lists import Selection
from packetserver.store.rows import Rows
from packetserver.store.scope import Scope

BY_ITSELF = "nothing"
"""The match of filters that do nothing by themselves."""

ORDER = "order"
"""The match of filters that choose an order instead of records."""

IN_SECRET = "secret"  # noqa: S105 - the name of a match
"""The match of what is stored salted, so that no database can compare it."""

SecretKeys = Callable[[Condition, str, str], Sequence[Any]]
"""The keys of the records among some whose secret in a column a text is."""


@dataclass(frozen=True, slots=True)
class Filtering:
    """A list being filtered.

    ``values`` holds typed values by filter name: what was sent, and the defaults of the rest;
    values that mean `no filter` are left out.
    """

    catalogue: Catalogue
    object: ObjectType
    values: Mapping[str, Any]
    now: datetime
    rights: Condition = EVERY
    """Which records whoever asks may have."""
    own_user: int | None = None
    """The user whose own records alone are listed, None for everybody's."""
    user: int | None = None
    """The user who asks, for filters that mean somebody's own; None for nobody in particular."""
    secret_keys: SecretKeys | None = None
    """Finds the records whose stored secret a text is; without it no secret is compared."""

    def in_force(self, names: Sequence[str]) -> bool:
        """Whether one of these filters is in force."""
        return any(name in self.values for name in names)

    def kind_of(self, table: str, path: str) -> str:
        """The type of a column of a table, or of one that it leads to."""
        first, _, rest = path.partition(".")
        column = self.catalogue.tables[table].columns[first]
        return self.kind_of(column.references or "", rest) if rest else column.type


@dataclass(frozen=True, slots=True)
class Asked:
    """One match that is asked: its name with arguments, and the filter and value that call it.

    Conditions that every list carries (schemas: `always`) have neither.
    """

    filtering: Filtering
    named: Named
    filter: Filter | None
    value: Any

    @property
    def column(self) -> Column:
        """What it compares: `column`, or `path` through references."""
        if "path" in self.named.arguments:
            return column(self.text("path"))
        one = self.filter
        return Column(one.column if one is not None and one.column else self.text("column"))

    @property
    def columns(self) -> list[Column]:
        """The columns that the list `columns` names, each own or reached through references."""
        return [column(path) for path in self.named.texts("columns")]

    @property
    def key(self) -> Column:
        """The key of the record."""
        if self.filtering.object.key is None:
            raise KeyError(f"{self.filtering.object.element} has no key")
        return Column(self.filtering.object.key.column or "")

    @property
    def name(self) -> str:
        """The name that a refusal calls it by."""
        return self.named.name if self.filter is None else self.filter.name

    def text(self, argument: str, default: str = "") -> str:
        """An argument that is a text."""
        return self.named.text(argument, default)

    def other(self, argument: str) -> Any:
        """The value of the filter that an argument names; None while that is not in force."""
        return self.filtering.values.get(self.text(argument))

    def has(self, argument: str) -> bool:
        """Whether one of the filters that an argument names is in force."""
        return self.filtering.in_force(self.named.texts(argument))

    def compared(self, path: str, table: str = "") -> Any:
        """The value as a column has it: a tristate is a flag there, unless the column counts."""
        if self.filter is None or self.filter.type.name != "tristate":
            return self.value
        kind = self.filtering.kind_of(table or self.filtering.object.table or "", path)
        return bool(self.value) if kind == "boolean" else self.value

    def yes_or_no(self, condition: Condition) -> Condition:
        """The condition for true, 1 or no value at all, and its opposite for false or 0."""
        return condition if self.value is None or self.value else Not(condition)


Match = Callable[[Asked], Condition | None]
MATCHES: dict[str, Match] = {}
"""By the name that `match` and `always` of a schema use; None demands nothing."""

WIDENING: dict[str, Match] = {}
"""Matches whose records are listed besides those that all other conditions leave."""


def match(name: str) -> Callable[[Match], Match]:
    """Registers a function under the name that `match` and `always` of a schema use."""

    def register(function: Match) -> Match:
        MATCHES[name] = function
        return function

    return register


def column(path: str) -> Column:
    """A column by the form that schemas give it: `column`, or `path:column.column…`."""
    return Column(path.removeprefix("path:"))


def has(operand: Operand) -> Condition:
    """Something is stored."""
    return Not(Empty(operand))


def is_value(operand: Operand, value: Any) -> Condition:
    """An operand has a value."""
    return Compare(operand, "=", Literal(value))


def demanded(filtering: Filtering) -> Condition:
    """What the filters in force, the object's own conditions, the user and the rights demand.

    Raises Refused for what cannot be filtered by.
    """
    described = filtering.object
    found = [_qualified(Asked(filtering, each, None, None)) for each in described.always]
    for name, value in filtering.values.items():
        one = described.filters[name]
        condition = _qualified(Asked(filtering, one.match, one, value))
        # What nobody has asked for is the list's own.
        is_sent = condition is not None and value != one.default
        found.append(AsSeen(condition, name) if condition is not None and is_sent else condition)
    if filtering.own_user is not None and described.own_records is not None:
        found.append(equals(described.own_records, filtering.own_user))
    if described.trashed_column is None and any(
        each.table == described.table for each in filtering.catalogue.parts
    ):
        found.append(Not(Special(HIDDEN)))
    found.append(filtering.rights)
    return All(tuple([each for each in found if each not in {None, EVERY}]))


def chosen_order(filtering: Filtering, default: Sequence[str]) -> tuple[str, ...]:
    """What a list is ordered by: a filter may put other columns in front of its own."""
    for name, value in filtering.values.items():
        named = filtering.object.filters[name].match
        if named.name == ORDER:
            return (*named.texts("order" if value else "order_otherwise"), *default)
    return tuple(default)


def switched_off_by(one: Filter, in_force: Collection[str]) -> Iterator[str]:
    """The filters in force that keep another one from being looked at."""
    return (name for name in one.match.texts("unless") if name in in_force)


def is_idle(described: ObjectType, one: Filter) -> bool:
    """Whether a filter is accepted without any effect, by itself or on others."""
    if one.match.name != BY_ITSELF:
        return False
    others = (each.match for each in described.filters.values() if each.name != one.name)
    return not any(mentions(named, one.name) for named in (*others, *described.always))


def mentions(named: Named, name: str) -> bool:
    """Whether a function has a filter's name among its arguments."""
    arguments = (value for key, value in named.arguments.items() if key != "where")
    return any(
        value == name or (isinstance(value, list | tuple) and name in value) for value in arguments
    )


def _qualified(asked: Asked) -> Condition | None:
    """What a match demands, if it is switched on, with what all of them understand.

    `unless` and `with` name filters that switch a condition off and on. What a client sends counts
    by itself: only a default waits for the filters of `with`.
    """
    one, needed = asked.filter, asked.named.texts("with")
    if asked.has("unless"):
        return None
    is_sent = one is not None and asked.value != one.default
    if needed and not is_sent and not asked.filtering.in_force(needed):
        return None
    return matched(asked)


def matched(asked: Asked) -> Condition | None:
    """What a match demands; `inverted` names a filter that turns it around while it is in force.

    `where` has values that columns of the record, or of those that it points to, must have too.
    """
    found = MATCHES[asked.named.name](asked)
    if found is None:
        return None
    if asked.has("inverted"):
        found = _turned_around(found)
    where = asked.named.arguments.get("where")
    if where:
        found = All((found, *(is_value(column(path), value) for path, value in where.items())))
    # (A or W) and (B or W) is the same as (A and B) or W.
    wider = tuple(_wider(asked.filtering))
    return AnyOf((found, *wider)) if wider else found


def _turned_around(condition: Condition) -> Condition:
    """The opposite, which does not hold either where nothing is stored."""
    match condition:
        case All(of):
            return AnyOf(tuple(map(_turned_around, of)))
        case AnyOf(of):
            return All(tuple(map(_turned_around, of)))
        case Compare(left) | In(left) | Text(left):
            return All((has(left), Not(condition)))
    return Not(condition)


def _wider(filtering: Filtering) -> Iterator[Condition]:
    for name, value in filtering.values.items():
        one = filtering.object.filters[name]
        if one.match.name in WIDENING:
            found = WIDENING[one.match.name](Asked(filtering, one.match, one, value))
            if found is not None:
                yield found


def by_itself(_asked: Asked) -> None:
    """A filter that has no effect by itself; others look at it."""


MATCHES[BY_ITSELF] = MATCHES[ORDER] = by_itself


MOST_VERIFIED = 32
"""Each verification takes the time that makes guessing slow: more of them need other filters."""

TOO_MANY = f"A secret can be compared with those of {MOST_VERIFIED} records at most: filter by more"


def secret_keys(rows: Rows, scope: Scope, verify: Callable[[str, str], bool]) -> SecretKeys:
    """What a list needs to be filtered by a secret.

    ``verify(stored, text)`` tells whether a text is the secret that is stored. Raises Refused
    when there are too many to verify.
    """

    def keys(among: Condition, column: str, text: str) -> list[Any]:
        found = rows.values_of(Selection(scope, among), column, MOST_VERIFIED + 1)
        if len(found) > MOST_VERIFIED:
            raise because(TOO_MANY, kind=Kind.LIMIT)
        return [key for key, stored in found if verify(stored, text)]

    return keys


@match(IN_SECRET)
def _secret(asked: Asked) -> Condition:
    """The records whose stored secret the value is, among those that all other filters leave."""
    filtering, keys = asked.filtering, asked.filtering.secret_keys
    if keys is None:
        raise because(f"{asked.name}: cannot be filtered by")
    filters = filtering.object.filters
    others = {
        name: each
        for name, each in filtering.values.items()
        if filters[name].match.name != IN_SECRET
    }
    among = All((has(asked.column), demanded(replace(filtering, values=others))))
    return In(asked.key, tuple(keys(among, asked.column.path, asked.value)))
