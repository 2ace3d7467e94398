"""Conditions on records: small trees of pure values, which the store alone turns into SQL.

They are two-valued: what is compared with nothing does not hold, and Not is the complement of what
it is of. Names are fields of the object whose records are asked about; `a.b` is the field `b` of the
record that the reference `a` names. What schemas say in columns is also here: Column and Linked.
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


@dataclass(frozen=True, slots=True)
class Bound:
    """The value of this number, which is told when the condition is asked: see `shape`."""

    number: int
    kind: type[Value]


@dataclass(frozen=True, slots=True)
class Shown:
    """What a field of the record shows, worked out where nothing is stored for it."""

    name: str


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the record's table, or `column.column…` through the rows that columns point to."""

    path: str


@dataclass(frozen=True, slots=True)
class OrElse:
    """What an operand is, and this value where that is nothing."""

    of: Operand
    value: Value


@dataclass(frozen=True, slots=True)
class Rows:
    """The records of an object (``element``) whose field ``link`` equals the field ``on``.

    Without ``link`` that is the one record whose key ``on`` holds.
    """

    element: str
    on: str
    link: str | None = None


@dataclass(frozen=True, slots=True)
class Linked:
    """The rows of a table whose column ``link`` equals the column ``on``, by default the key.

    Both may lead through the rows that columns point to. Of the rows, those alone count that whoever
    asks may see, unless they are ``free``.
    """

    table: str
    link: str
    on: str = ""
    free: bool = False


@dataclass(frozen=True, slots=True)
class First:
    """A column of the first of such rows: those with the ``flag`` lead, then the lowest key does."""

    rows: Linked
    path: str
    flag: str = ""


Operand: TypeAlias = Field | Literal | Fact | Bound | Shown | Column | OrElse | First


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
    values: tuple[Value | Bound, ...]


@dataclass(frozen=True, slots=True)
class Text:
    """A text `begins`, `ends` or `contains` so, or is `like` a pattern with % and _.

    With ``fold`` letters of any case are the same.
    """

    left: Operand
    how: str
    value: str | Bound
    fold: bool = False


@dataclass(frozen=True, slots=True)
class Empty:
    """Nothing is stored."""

    left: Operand


@dataclass(frozen=True, slots=True)
class Exists:
    """There is such a record of another object, or row of a table, for which ``where`` holds."""

    rows: Rows | Linked
    where: Condition = All()


@dataclass(frozen=True, slots=True)
class Special:
    """What only the database can tell, by the name that the store gives it (store/specials)."""

    name: str
    of: tuple[Operand, ...] = ()


@dataclass(frozen=True, slots=True)
class AsSeen:
    """This, as far as whoever asks sees what stands beside the records.

    ``by`` is the filter that asks, for a refusal where nothing of that can be seen.
    """

    of: Condition
    by: str


Condition: TypeAlias = All | Any | Not | Compare | In | Text | Empty | Exists | Special | AsSeen

EVERY: Final = All()
NOTHING: Final = Any()

LIKE: Final = "like"
NO_ESCAPE: Final = "\x1b"
"""Makes a character of a pattern literal: XML cannot carry this one."""

BELOW, HIDDEN, ENDS_AFTER = "below", "hidden", "ends_after"
"""What is Special: see store/specials."""


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
    return _simplified_part(condition)


def _simplified_part(condition: Condition) -> Condition:
    match condition:
        case Exists(rows, where):
            inner = simplified(where)
            return NOTHING if inner == NOTHING else Exists(rows, inner)
        case AsSeen(of, by):
            inner = simplified(of)
            return inner if inner in {EVERY, NOTHING} else AsSeen(inner, by)
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
        case Not(of) | AsSeen(of):
            yield from parts(of)


def paths(condition: Condition) -> frozenset[str]:
    """The fields of the record that it looks at."""
    found: set[str] = set()
    for each in parts(condition):
        match each:
            case Exists(Rows(_, on)):
                found.add(on)
            case _:
                found |= {one.path for one in operands(each) if isinstance(one, Field)}
    return frozenset(found)


def operands(condition: Condition) -> tuple[Operand, ...]:
    """What a condition by itself looks at, without those that it is made of."""
    match condition:
        case Compare(left, _, right):
            return (left, right)
        case In(left) | Text(left) | Empty(left):
            return (left,)
        case Special(_, of):
            return of
    return ()


def related(condition: Condition) -> frozenset[str]:
    """The other objects whose records it looks at."""
    found: set[str] = set()
    for each in parts(condition):
        if isinstance(each, Exists):
            found |= {each.rows.element} if isinstance(each.rows, Rows) else set()
            found |= related(each.where)
    return frozenset(found)


def shape(condition: Condition) -> tuple[Condition, tuple[Value, ...]]:
    """What is the same for all values, and the values, which it has by their numbers (Bound).

    Truth stays in it, for what is compared with it reads another way. So does how many values there
    are of several, about: what is too few is filled up with the last of them.
    """
    values: list[Value] = []
    return _shaped(condition, values), tuple(values)


def _shaped(condition: Condition, values: list[Value]) -> Condition:
    match condition:
        case Compare(left, operator, right, fold):
            return Compare(_bound(left, values), operator, _bound(right, values), fold)
        case In(left, several):
            return In(_bound(left, values), _several_bound(several, values))
        case Text(left, how, value, fold):
            pattern = _value_bound(pattern_of(how, value), values)
            return Text(_bound(left, values), LIKE, pattern, fold)
        case Empty(left):
            return Empty(_bound(left, values))
        case Special(name, of):
            return Special(name, tuple([_bound(each, values) for each in of]))
    return _inner_shaped(condition, values)


def _inner_shaped(condition: All | Any | Not | Exists | AsSeen, values: list[Value]) -> Condition:
    match condition:
        case All(of):
            return All(tuple([_shaped(each, values) for each in of]))
        case Any(of):
            return Any(tuple([_shaped(each, values) for each in of]))
        case Not(inner):
            return Not(_shaped(inner, values))
        case Exists(rows, where):
            return Exists(rows, _shaped(where, values))
        case AsSeen(inner, by):
            return AsSeen(_shaped(inner, values), by)


def _bound(operand: Operand, values: list[Value]) -> Operand:
    if not isinstance(operand, Literal) or operand.value is None or isinstance(operand.value, bool):
        return operand
    return _value_bound(operand.value, values)


def _value_bound(value: Value, values: list[Value]) -> Bound:
    values.append(value)
    return Bound(len(values) - 1, type(value))


def _several_bound(several: tuple[Value, ...], values: list[Value]) -> tuple[Bound, ...]:
    known = [each for each in several if each is not None]
    if not known:
        return ()
    size = len(known)
    wanted = 1 << (size - 1).bit_length() if size <= STEP else -(-size // STEP) * STEP
    filled_up = (*known, *([known[-1]] * (wanted - size)))
    return tuple([_value_bound(each, values) for each in filled_up])


def pattern_of(how: str, value: str | Bound) -> str | Bound:
    """The pattern with % and _ for what a text is to be like; NO_ESCAPE makes them literal."""
    if how == LIKE or isinstance(value, Bound):
        return value
    for each in (NO_ESCAPE, "%", "_"):
        value = value.replace(each, NO_ESCAPE + each)
    return f"{'%' * (how != 'begins')}{value}{'%' * (how != 'ends')}"


STEP: Final = 512
"""Up to here so many values are filled up to a power of two, and beyond to a multiple of it."""
