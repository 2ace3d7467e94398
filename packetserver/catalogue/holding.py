"""Whether a condition holds for a record whose values are at hand, without a database."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any as Value
from typing import Final, TypeAlias

from packetserver.catalogue.conditions import (
    CLIENT,
    LIKE,
    NOW,
    READER,
    All,
    Any,
    AsSeen,
    Compare,
    Condition,
    Empty,
    Exists,
    Fact,
    Field,
    In,
    Literal,
    Not,
    Operand,
    Rows,
    Special,
    Text,
    operands,
)
from packetserver.letters import fold_case

COMPARISONS: Final[Mapping[str, Callable[[Value, Value], bool]]] = {
    "=": lambda left, right: bool(left == right),
    "<": lambda left, right: bool(left < right),
    "<=": lambda left, right: bool(left <= right),
    ">": lambda left, right: bool(left > right),
    ">=": lambda left, right: bool(left >= right),
}


def _is_like(text: str, pattern: str) -> bool:
    """Whether a text is like a pattern, in a time that grows with both and no faster."""
    place = at = 0
    last, resumed = -1, 0
    while place < len(text):
        if at < len(pattern) and pattern[at] == "%":
            last, resumed = at, place
            at += 1
        elif at < len(pattern) and pattern[at] in {"_", text[place]}:
            place, at = place + 1, at + 1
        elif last >= 0:
            # What the last % stands for is one character longer.
            resumed += 1
            place, at = resumed, last + 1
        else:
            return False
    return not pattern[at:].strip("%")


TEXTS: Final[Mapping[str, Callable[[str, str], bool]]] = {
    "begins": str.startswith,
    "ends": str.endswith,
    "contains": str.__contains__,
    LIKE: _is_like,
}

Values: TypeAlias = Callable[[str], Value]
"""The value of a field of a record, by its name."""


@dataclass(frozen=True, slots=True)
class Facts:
    """The values of the facts; ``related`` finds records of other objects, where that can be done."""

    now: datetime | None = None
    reader: int | None = None
    client: int | None = None
    related: Callable[[Rows, Value], Iterable[Values]] | None = None

    def value(self, fact: Fact) -> Value:
        """What a fact is."""
        return {NOW: self.now, READER: self.reader, CLIENT: self.client}[fact]


def settled(condition: Condition, value: Values, facts: Facts) -> bool | None:
    """Whether it holds for a record with these values; None where that takes another record.

    Records of others are looked for only where the facts have a way to find them.
    """
    match condition:
        case All(of):
            return _first_decisive(of, value, facts, decisive=False)
        case Any(of):
            return _first_decisive(of, value, facts, decisive=True)
        case Not(of):
            inner = settled(of, value, facts)
            return None if inner is None else not inner
        case AsSeen(of):
            return settled(of, value, facts)
    return _part_settled(condition, value, facts)


def _part_settled(
    condition: Compare | In | Text | Empty | Exists | Special, value: Values, facts: Facts
) -> bool | None:
    match condition:
        case Exists(rows, where):
            return _found(rows, where, value, facts) if isinstance(rows, Rows) else None
        case Special():
            return None
    if not all(isinstance(each, Field | Literal | Fact) for each in operands(condition)):
        return None
    return _leaf(condition, value, facts)


def _first_decisive(
    of: tuple[Condition, ...], value: Values, facts: Facts, *, decisive: bool
) -> bool | None:
    found: bool | None = not decisive
    for each in of:
        known = settled(each, value, facts)
        if known is decisive:
            return decisive
        if known is None:
            found = None
    return found


def _found(rows: Rows, where: Condition, value: Values, facts: Facts) -> bool | None:
    key = value(rows.on)
    if key is None:
        return False
    if facts.related is None:
        return None
    known = [settled(where, each, facts) for each in facts.related(rows, key)]
    return True if True in known else None if None in known else False


def _leaf(condition: Compare | In | Text | Empty, value: Values, facts: Facts) -> bool:
    left = _operand(condition.left, value, facts)
    match condition:
        case Empty():
            return left is None
        case In(_, values):
            return left is not None and left in values
        case Text(_, how, wanted, fold):
            if not isinstance(left, str) or not isinstance(wanted, str):
                return False
            return TEXTS[how](_folded(left, fold=fold), _folded(wanted, fold=fold))
        case Compare(_, operator, right, fold):
            return _compares(left, operator, _operand(right, value, facts), fold)


def _operand(operand: Operand, value: Values, facts: Facts) -> Value:
    match operand:
        case Field(path):
            return value(path)
        case Literal(constant):
            return constant
        case Fact():
            return facts.value(operand)
    raise TypeError(f"only the database can tell: {operand}")


def _compares(left: Value, operator: str, right: Value, fold: bool) -> bool:  # noqa: FBT001
    if left is None or right is None:
        return False
    return COMPARISONS[operator](_folded(left, fold=fold), _folded(right, fold=fold))


def _folded(value: Value, *, fold: bool) -> Value:
    return fold_case(value) if fold and isinstance(value, str) else value


def holds(condition: Condition, value: Values, facts: Facts) -> bool:
    """Whether it holds for a record with these values.

    Raises TypeError for what cannot be told from them: see `settled`.
    """
    found = settled(condition, value, facts)
    if found is None:
        raise TypeError(f"only the database can tell: {condition}")
    return found
