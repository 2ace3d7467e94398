"""Conditions on records: small trees of pure values, which the store alone turns into SQL.

They are two-valued: what is compared with nothing does not hold, and Not is the complement of what
it is of. Names are fields of the object whose records are asked about; `a.b` is the field `b` of the
record that the reference `a` names.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any as Value
from typing import Final, TypeAlias


class Fact(Enum):
    """What is known of whoever asks, and when: the same condition serves all of them."""

    NOW = "now"
    READER = "reader"
    CLIENT = "client"


NOW, READER, CLIENT = Fact.NOW, Fact.READER, Fact.CLIENT
"""The present, the key of the user whose rights count, the key of the sync client."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the record."""

    path: str


@dataclass(frozen=True, slots=True)
class Literal:
    """A value of one of the catalogue's types; None compares with nothing."""

    value: Value


Operand: TypeAlias = Field | Literal | Fact


@dataclass(frozen=True, slots=True)
class Rows:
    """The records of an object (``element``) whose field ``link`` equals the field ``on``.

    Without ``link`` that is the one record whose key ``on`` holds.
    """

    element: str
    on: str
    link: str | None = None


@dataclass(frozen=True, slots=True)
class All:
    """Each of these holds; none at all always does."""

    of: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class Any:
    """One of these holds; none at all never does."""

    of: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class Not:
    """This does not hold."""

    of: Condition


@dataclass(frozen=True, slots=True)
class Compare:
    """Two values compare so: `=`, `<`, `<=`, `>` or `>=`; with ``fold`` texts in any letter case."""

    left: Operand
    operator: str
    right: Operand
    fold: bool = False


@dataclass(frozen=True, slots=True)
class In:
    """A value is one of several."""

    left: Operand
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Text:
    """A text `begins`, `ends` or `contains` so; with ``fold`` in any letter case."""

    left: Operand
    how: str
    value: str
    fold: bool = False


@dataclass(frozen=True, slots=True)
class Empty:
    """Nothing is stored."""

    left: Operand


@dataclass(frozen=True, slots=True)
class Exists:
    """There is such a record of another object, for which ``where`` holds."""

    rows: Rows
    where: Condition


@dataclass(frozen=True, slots=True)
class Special:
    """What only the database can tell, by the name that the store gives it (store/conditions)."""

    name: str
    of: Operand


Condition: TypeAlias = All | Any | Not | Compare | In | Text | Empty | Exists | Special

EVERY: Final = All()
NOTHING: Final = Any()


def equals(field: str, value: Value) -> Compare:
    """A field that has this value."""
    return Compare(Field(field), "=", Literal(value))


def filled(field: str) -> Condition:
    """A field that has any value."""
    return Not(Empty(Field(field)))


def simplified(condition: Condition) -> Condition:
    """The same condition without what says nothing; EVERY or NOTHING where that is all there is."""
    match condition:
        case All(of):
            return _joined(All, Any, of)
        case Any(of):
            return _without_repetition(_joined(Any, All, of))
        case Not(of):
            return _complement(simplified(of))
        case Exists(rows, where):
            inner = simplified(where)
            return NOTHING if inner == NOTHING else Exists(rows, inner)
        case In(_, ()) | Compare(_, _, Literal(None)) | Compare(Literal(None)):
            return NOTHING
    return condition


def _joined(kind: type[All | Any], other: type[All | Any], of: tuple[Condition, ...]) -> Condition:
    """Parts of one kind put together: what is neutral falls out, what decides stands alone."""
    parts: dict[Condition, None] = {}
    for each in map(simplified, of):
        if isinstance(each, kind):
            parts.update(dict.fromkeys(each.of))
        elif each == other():
            return each
        else:
            parts[each] = None
    found = tuple(parts)
    return found[0] if len(found) == 1 else kind(found)


def _complement(of: Condition) -> Condition:
    match of:
        case Not(inner):
            return inner
        case All(()):
            return NOTHING
        case Any(()):
            return EVERY
        case All(each):
            return simplified(Any(tuple(Not(one) for one in each)))
    return Not(of)


def alternatives(condition: Condition) -> Iterator[Condition]:
    """The conditions of which one has to hold, as far as it is made of such."""
    match condition:
        case Any(of):
            for each in of:
                yield from alternatives(each)
        case Exists(rows, where):
            yield from (Exists(rows, each) for each in alternatives(where))
        case _:
            yield condition


def _without_repetition(condition: Condition) -> Condition:
    """Alternatives without what one of them leaves to another.

    Of `a, or neither a nor b`, only `a, or not b` is left; records found in the same way are found
    once.
    """
    if not isinstance(condition, Any):
        return condition
    others = frozenset(alternatives(condition))
    parts = tuple(_without(each, others) for each in condition.of)
    if EVERY in parts:
        return EVERY
    if any(isinstance(each, Any) for each in parts):
        return simplified(Any(parts))
    found: dict[Hashable, Condition] = {}
    for each in parts:
        place = each.rows if isinstance(each, Exists) else each
        before = found.get(place)
        if isinstance(each, Exists) and isinstance(before, Exists):
            found[place] = Exists(each.rows, simplified(Any((before.where, each.where))))
        else:
            found[place] = each
    rest = tuple(found.values())
    return rest[0] if len(rest) == 1 else Any(rest)


def _without(part: Condition, others: frozenset[Condition]) -> Condition:
    if not isinstance(part, Not):
        return part
    of = tuple(alternatives(part.of))
    rest = tuple(each for each in of if each not in others)
    return part if len(rest) == len(of) else simplified(Not(Any(rest)))


def parts(condition: Condition) -> Iterator[Condition]:
    """The condition and all that it is made of, but for what is asked of other records."""
    yield condition
    match condition:
        case All(of) | Any(of):
            for each in of:
                yield from parts(each)
        case Not(of):
            yield from parts(of)


def paths(condition: Condition) -> frozenset[str]:
    """The fields of the record that it looks at."""
    found: set[str] = set()
    for each in parts(condition):
        match each:
            case Exists(rows):
                found.add(rows.on)
            case Compare(left, _, right):
                found |= {one.path for one in (left, right) if isinstance(one, Field)}
            case In(left) | Text(left) | Empty(left) | Special(_, left):
                found |= {left.path} if isinstance(left, Field) else set()
    return frozenset(found)


def related(condition: Condition) -> frozenset[str]:
    """The other objects whose records it looks at."""
    found: set[str] = set()
    for each in parts(condition):
        if isinstance(each, Exists):
            found |= {each.rows.element, *related(each.where)}
    return frozenset(found)
