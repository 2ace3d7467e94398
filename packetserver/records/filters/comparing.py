"""Matches that compare columns of the record, or of one that it points to, with values and times."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from packetserver.catalogue.conditions import (
    ENDS_AFTER,
    LIKE,
    NOTHING,
    All,
    Column,
    Compare,
    Condition,
    Empty,
    In,
    Literal,
    Not,
    Operand,
    OrElse,
    Shown,
    Special,
    Text,
)
from packetserver.catalogue.conditions import Any as AnyOf
from packetserver.catalogue.model import Field
from packetserver.errors import ValueNotOfType
from packetserver.failures import Kind, because
from packetserver.records.filters.matching import (
    MATCHES,
    Asked,
    column,
    has,
    is_value,
    match,
    matched,
)
from packetserver.store.field_filters import OWN_GUID, READS
from packetserver.store.guid_columns import GUID

Comparison = Callable[[Operand, Any], Condition]

WILDCARD = "%"
LONGEST_PATTERN = 10_000
"""Characters. SQLite takes 50,000 bytes, and comparing takes time that grows with the length."""

SIDES = ("from", "to")
APPROVED = 7
"""The status of an imported record that somebody has approved."""

OWN_COMPANY = 0
"""The account that stands for the installation's own company."""

PUBLIC, CONTROLLED = 626030334, 626030335
"""The rules of access types: everybody may see a record; its owner and those above."""

ANY_ZONE = ZoneInfo("UTC")
"""What an empty field reads as is no time, so that no zone matters."""


def compares(operator: str) -> Comparison:
    """A comparison by an operator."""
    return lambda operand, value: Compare(operand, operator, Literal(value))


def like(operand: Operand, value: str, *, fold: bool = False) -> Condition:
    """A pattern with % and _; raises Refused when it is too long to be one."""
    if len(value) > LONGEST_PATTERN:
        raise because(f"A pattern can have {LONGEST_PATTERN} characters at most", kind=Kind.LIMIT)
    return Text(operand, LIKE, value, fold)


def like_ignoring_case(operand: Operand, value: str) -> Condition:
    """The same in any letter case."""
    return like(operand, value, fold=True)


def equal_ignoring_case(operand: Operand, value: str) -> Condition:
    """Equality of texts in any letter case."""
    return Compare(operand, "=", Literal(value), fold=True)


def like_if_percent(operand: Operand, value: str) -> Condition:
    """A pattern where the text holds a %, else the whole text; in any letter case."""
    return (like_ignoring_case if WILDCARD in value else equal_ignoring_case)(operand, value)


def is_one_of(operand: Operand, values: Any) -> Condition:
    """One of several values."""
    return In(operand, tuple(values))


COMPARISONS: dict[str, Comparison] = {
    "equals": is_value,
    "equals_ignoring_case": equal_ignoring_case,
    "not_equals": lambda operand, value: Not(is_value(operand, value)),
    "like": like,
    "like_ignoring_case": like_ignoring_case,
    "like_if_percent": like_if_percent,
    "in_list": is_one_of,
    "not_in_list": lambda operand, values: Not(is_one_of(operand, values)),
    "gt": compares(">"),
    "gte": compares(">="),
    "lt": compares("<"),
    "lte": compares("<="),
    "is_empty": lambda operand, _: Empty(operand),
}
"""By the name that `match` and `how` of a schema give."""


def _compared(comparison: Comparison) -> Callable[[Asked], Condition]:
    def compare(asked: Asked) -> Condition:
        if asked.named.arguments.get("zero_is_empty") and asked.value == 0:
            return Empty(asked.column)
        found = comparison(asked.column, asked.compared(asked.column.path))
        more = _alternatives(asked)
        return AnyOf((found, *more)) if more else found

    return compare


def _alternatives(asked: Asked) -> list[Condition]:
    """What passes a comparison all the same.

    `or_key`: the record whose key another filter has; `or_public`: records of a public access type
    (a path to it) while the filter `hierarchy` is 0.
    """
    found: list[Condition] = []
    key = asked.other("or_key")
    if key is not None:
        found.append(is_value(asked.key, key))
    if "or_public" in asked.named.arguments and asked.other("hierarchy") == 0:
        found.append(public_access(asked.text("or_public")))
    return found


for _name, _comparison in COMPARISONS.items():
    MATCHES[_name] = _compared(_comparison)


def public_access(path: str) -> Condition:
    """The access type that a path leads to is a public one."""
    return is_value(Column(f"{column(path).path}.rule_id"), PUBLIC)


@match("is_set")
def _is_set(asked: Asked) -> Condition:
    """True or 1: something is stored; 0: nothing is."""
    return asked.yes_or_no(has(asked.column))


@match("is_empty")
def _is_empty(asked: Asked) -> Condition:
    """True or 1: nothing is stored; 0: something is.

    `set` names a column of the record that must have something.
    """
    return _with_set(asked, asked.yes_or_no(Empty(asked.column)))


@match("equals_or_empty")
def _equals_or_empty(asked: Asked) -> Condition:
    """The value, and nothing too while the filter named by `or_empty` is in force."""
    found = is_value(asked.column, asked.value)
    return _with_set(asked, AnyOf((found, Empty(asked.column))) if asked.has("or_empty") else found)


def _with_set(asked: Asked, condition: Condition) -> Condition:
    name = asked.text("set")
    return All((condition, has(Column(name)))) if name else condition


@match("site")
def _site(asked: Asked) -> Condition:
    """The records of a site and those of none; of -1: those of none alone.

    While the filter named by `exclusive` is in force, the records of none are left out.
    """
    if asked.value == -1:
        return Empty(asked.column)
    found = is_value(asked.column, asked.value)
    return found if asked.has("exclusive") else AnyOf((found, Empty(asked.column)))


@match("like_any")
def _like_any(asked: Asked) -> Condition:
    """A pattern that one of the `columns` fits, in any letter case."""
    return AnyOf(tuple(like_ignoring_case(each, asked.value) for each in asked.columns))


@match("all_equal")
def _all_equal(asked: Asked) -> Condition:
    """Each of the `columns` has the value."""
    return All(tuple(is_value(each, asked.compared(each.path)) for each in asked.columns))


@match("any_equal")
def _any_equal(asked: Asked) -> Condition:
    """One of the `columns` has the value."""
    return AnyOf(tuple(is_value(each, asked.compared(each.path)) for each in asked.columns))


@match("equals_value")
def _equals_value(asked: Asked) -> Condition:
    """The column has the constant `value`."""
    return is_value(asked.column, asked.named.arguments["value"])


@match("differs_from")
def _differs_from(asked: Asked) -> Condition:
    """The column has anything but the constant `value`, or nothing."""
    return Not(is_value(asked.column, asked.named.arguments["value"]))


@match("truth")
def _truth(asked: Asked) -> Condition:
    """1: the flag is set; 0: it is not, or empty."""
    return asked.yes_or_no(is_true(asked.column))


def is_true(operand: Operand) -> Condition:
    """A flag is set."""
    return is_value(operand, value=True)


@match("above_zero")
def _above_zero(asked: Asked) -> Condition:
    """True or 1: above 0; 0: not above it, or empty."""
    return asked.yes_or_no(Compare(asked.column, ">", Literal(0)))


@match("ends_with")
def _ends_with(asked: Asked) -> Condition:
    """The text ends with one of the `endings`, in any letter case."""
    endings = asked.named.texts("endings")
    return AnyOf(tuple(Text(asked.column, "ends", each, fold=True) for each in endings))


@match("filled_and_empty")
def _filled_and_empty(asked: Asked) -> Condition:
    """Every column of `filled` has something, none of `empty_columns` has."""
    found = (has(column(path)) for path in asked.named.texts("filled"))
    none = (Empty(column(path)) for path in asked.named.texts("empty_columns"))
    return All((*found, *none))


@match("either_side")
def _either_side(asked: Asked) -> Condition | None:
    """One side of a relationship is the object that the other filters name.

    `category` is the filter of its kind, `object` that of its number; one that was not sent is not
    compared.
    """
    wanted = {"category_id": asked.other("category"), "object_id": asked.other("object")}
    sent = {name: number for name, number in wanted.items() if number is not None}
    if not sent:
        return None
    sides = (
        tuple(is_value(Column(f"{name}_maps_{side}"), sent[name]) for name in sent)
        for side in SIDES
    )
    return AnyOf(tuple(map(All, sides)))


@match("refuse")
def _refuse(asked: Asked) -> Condition:
    """A filter that the original failed at; answering without it would be a wrong list."""
    raise because(f"{asked.name}: cannot be filtered by")


@match("any_of")
def _any_of(asked: Asked) -> Condition | None:
    """What one of the `filters` demands; those that were not sent are left out.

    When none was sent, each has the user who asks for its value.
    """
    filtering, names = asked.filtering, asked.named.texts("filters")
    values = {name: filtering.values[name] for name in names if name in filtering.values}
    if not values and filtering.user is not None:
        values = dict.fromkeys(names, filtering.user)
    filters = filtering.object.filters
    found = [
        matched(replace(asked, named=filters[name].match, filter=filters[name], value=value))
        for name, value in values.items()
    ]
    demands = tuple(each for each in found if each is not None)
    return AnyOf(demands) if demands else None


# What fields read as.


@match(READS)
def _field_reads(asked: Asked) -> Condition:
    """The field reads as the value; a text fits it where that has a %, in any letter case.

    An empty column reads as what its field says: -1 finds the empty numbers.
    """
    field = None if asked.filter is None else asked.filter.field
    if field is None:
        raise KeyError(f"{asked.name} compares no field")
    shown, value = Shown(field.name), asked.value
    if isinstance(value, str):
        # No text is asked for that is empty, but every text fits a mere %.
        may_be_empty = WILDCARD in value or field.unset != ""
        return like_if_percent(OrElse(shown, field.unset) if may_be_empty else shown, value)
    found = is_value(shown, value)
    return AnyOf((found, Empty(shown))) if value == _read_when_empty(field) else found


@match(OWN_GUID)
def _guid_reads(asked: Asked) -> Condition:
    """The client that asks calls the record so; -1: it has no name for it."""
    return is_value(Shown(GUID), asked.value)


def _read_when_empty(field: Field) -> Any:
    """The value that an empty column reads as; None where it reads as an empty element."""
    if field.unset == "" or (field.column is not None and not field.nullable):
        return None
    try:
        return field.type.read(field.unset, ANY_ZONE)
    except ValueNotOfType:
        return None


# What every list of an object carries unless a filter switches it off.


@match("controlled_access")
def _controlled_access(asked: Asked) -> Condition | None:
    """1: the access type that the path `access` leads to is controlled by hierarchy; 0 asks nothing."""
    rule = Column(f"{column(asked.text('access')).path}.rule_id")
    return is_value(rule, CONTROLLED) if asked.value else None


@match("none")
def _none(_asked: Asked) -> Condition:
    """No record at all."""
    return NOTHING


@match("not_trashed")
def _not_trashed(asked: Asked) -> Condition:
    return Empty(Column(asked.text("column", "trashed_date")))


@match("approved")
def _approved(_asked: Asked) -> Condition:
    """Never imported, or imported and approved."""
    return AnyOf((Empty(Column("status_id")), is_value(Column("status_id"), APPROVED)))


@match("not_own_company")
def _not_own_company(asked: Asked) -> Condition:
    return Not(is_value(asked.key, OWN_COMPANY))


@match("own_company_staff")
def _own_company_staff(_asked: Asked) -> Condition:
    """Of the contacts of the own company, its employees alone."""
    return AnyOf((Not(is_value(Column("org_id"), OWN_COMPANY)), is_true(Column("employee"))))


@match("code_not_negative")
def _code_not_negative(asked: Asked) -> Condition:
    return Compare(asked.key, ">=", Literal(0))


@match("filled")
def _filled(asked: Asked) -> Condition:
    """The column has something; with `above` a number greater than that."""
    above = asked.named.arguments.get("above")
    return has(asked.column) if above is None else Compare(asked.column, ">", Literal(above))


@match("is_true")
def _is_true(asked: Asked) -> Condition:
    return is_true(asked.column)


@match("not_among")
def _not_among(asked: Asked) -> Condition:
    """The column has none of the `values`, or nothing."""
    return Not(is_one_of(asked.column, asked.named.arguments["values"]))


# Times, compared with the present or with a time that another filter has.


def begun(start: Operand, now: datetime) -> Condition:
    """A start is not ahead; none at all never is."""
    return AnyOf((Empty(start), Compare(start, "<=", Literal(now))))


def lasts(end: Operand, now: datetime) -> Condition:
    """An end is still ahead; none at all always is."""
    return AnyOf((Empty(end), Compare(end, ">", Literal(now))))


@match("older_than")
def _older_than(asked: Asked) -> Condition:
    """The time is at least so many of the `unit` (minutes, days) ago."""
    try:
        latest = asked.filtering.now - timedelta(**{asked.text("unit"): asked.value})
    except OverflowError:
        # Before the calendar begins there is nothing.
        return NOTHING
    return Compare(asked.column, "<=", Literal(latest))


@match("before_or_after")
def _before_or_after(asked: Asked) -> Condition:
    """1: before the time that the filter `moment` has; 0: after it.

    While that is not sent, 1: before the present; 0: all others.
    """
    moment = asked.other("moment")
    if moment is None:
        return asked.yes_or_no(Compare(asked.column, "<", Literal(asked.filtering.now)))
    return Compare(asked.column, "<" if asked.value else ">", Literal(moment))


@match("equals_or_beside")
def _equals_or_beside(asked: Asked) -> Condition:
    """The time itself; before it while the filter `side` is 1, after it while that is 0."""
    side = asked.other("side")
    return Compare(
        asked.column, "=" if side is None else "<" if side else ">", Literal(asked.value)
    )


@match("is_past")
def _is_past(asked: Asked) -> Condition:
    """1: the time is over; 0: there is none."""
    if not asked.value:
        return Empty(asked.column)
    return Compare(asked.column, "<", Literal(asked.filtering.now))


@match("valid_at")
def _valid_at(asked: Asked) -> Condition:
    """1: from `start` to `end` comprises the time of the filter `moment`, or now; 0: it does not."""
    sent = asked.other("moment")
    moment = asked.filtering.now if sent is None else sent
    start, end = (Column(asked.text(name)) for name in ("start", "end"))
    return asked.yes_or_no(All((begun(start, moment), lasts(end, moment))))


@match("enabled_or_started")
def _enabled_or_started(asked: Asked) -> Condition:
    """1: enabled, or the time in `start` has come; 0: neither."""
    started = Compare(Column(asked.text("start")), "<=", Literal(asked.filtering.now))
    return asked.yes_or_no(AnyOf((is_true(Column("enabled")), started)))


@match("ends_in_future")
def _ends_in_future(asked: Asked) -> Condition:
    """The column's time is less than the `terms` ago, counted in `units`: weeks, else months."""
    terms, units = (Column(asked.text(name)) for name in ("terms", "units"))
    return Special(ENDS_AFTER, (asked.column, terms, units, Literal(asked.filtering.now)))
