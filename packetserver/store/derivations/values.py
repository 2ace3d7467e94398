"""Fields that are worked out from what the record itself holds: answers, numbers, texts, times, versions."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from sqlalchemy import case

from packetserver.catalogue.model import Field, Named
from packetserver.store.derivations.rows import (
    filled,
    joined,
    of_value,
    own_column,
    row_of_key,
    value_column,
)
from packetserver.store.derived import Derived, derivation, present
from packetserver.store.scope import Scope, reference_path

YES, NO = "Yes", "No"


@derivation("is_filled", shaped=True)
def _is_filled(scope: Scope, field: Field, named: Named) -> Derived:
    """Whether the field `of` has a value."""
    return Derived((own_column(scope, named),), filled)


@derivation("is_among", shaped=True)
def _is_among(scope: Scope, field: Field, named: Named) -> Derived:
    """Whether the field `of` has one of the `values`."""
    values = frozenset(named.arguments["values"])

    def show(value: Any) -> bool:
        return value in values

    return Derived((own_column(scope, named),), show)


@derivation("yes_or_no", shaped=True)
def _yes_or_no(scope: Scope, field: Field, named: Named) -> Derived:
    """The flag `of` as a word; an empty one is not set."""

    def show(flag: object) -> str:
        return YES if flag else NO

    return Derived((own_column(scope, named),), show)


WEEKS_A_MONTH = 4.333
WEEKS = "W"
"""The unit of terms that are not months."""

SECONDS_AN_HOUR = 3600
THOUSAND = 1000
HUNDREDFOLD_DIGITS = 2


@derivation("hundredfold", shaped=True)
def _hundredfold(scope: Scope, field: Field, named: Named) -> Derived:
    """The field `of` times 100 as text, two decimals at most, with the text `suffix` behind."""
    suffix = named.text("suffix")

    def show(number: float) -> str | None:
        shown = rounded(number * 100, HUNDREDFOLD_DIGITS)
        return None if shown is None else plain(shown) + suffix

    return of_value(scope, named, show)


@derivation("decimals", shaped=True)
def _decimals(scope: Scope, field: Field, named: Named) -> Derived:
    """The field `of` as text with exactly so many `digits` behind the point."""
    digits = int(named.arguments["digits"])

    def show(number: float) -> str | None:
        shown = rounded(number, digits)
        return None if shown is None else f"{shown:f}"

    return of_value(scope, named, show)


@derivation("thousands", shaped=True)
def _thousands(scope: Scope, field: Field, named: Named) -> Derived:
    """The field `of` in whole thousands, 1 at least."""
    return Derived((own_column(scope, named),), lambda size: max(1, (size or 0) // THOUSAND))


@derivation("effort_hours", shaped=True)
def _effort_hours(scope: Scope, field: Field, named: Named) -> Derived:
    """An effort in whole hours: the field `of` counts units of so many seconds as `unit` has."""
    unit = row_of_key(
        scope,
        scope.referenced_table(named.text("unit")),
        own_column(scope, named, "unit"),
        "base_value",
    )
    seconds = unit.select(unit.column("base_value")).scalar_subquery()

    def show(value: int | None, length: int | None) -> int | None:
        return None if value is None or length is None else value * length // SECONDS_AN_HOUR

    return Derived((own_column(scope, named), seconds), show)


@derivation("terms_in_months", shaped=True)
def _terms_in_months(scope: Scope, field: Field, named: Named) -> Derived:
    """The terms in the field `of` as months; weeks are rounded up to whole ones."""

    def show(terms: float | None, units: str | None) -> float | None:
        if terms is None or units != WEEKS or not math.isfinite(terms):
            return terms
        return float(math.ceil(terms / WEEKS_A_MONTH))

    return Derived((own_column(scope, named), own_column(scope, named, "units")), show)


def rounded(number: float, digits: int) -> Decimal | None:
    """A number with so many digits behind the point, halves away from zero; None for infinity."""
    if not math.isfinite(number):
        return None
    exact = Decimal(repr(number))
    # Far to the left of the point a double has no digit to round, and Decimal none to spare.
    if abs(exact) >= Decimal(10) ** 20:
        return exact
    return exact.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)


def plain(number: Decimal) -> str:
    """Digits without an exponent and without zeros at the end of a fraction."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


DISABLED = " (X)"
"""Behind the text of a lookup that can no longer be chosen."""

DOTS = "..."
SCHEME = "://"
DEFAULT_SCHEME = "http://"
PHONE_NUMBER = re.compile(r"(\d{3})-(\d{3})-(\d{4})", re.ASCII)


@derivation("constant", shaped=True)
def _constant(scope: Scope, field: Field, named: Named) -> Derived:
    """The same `value` in every record."""
    value = named.arguments["value"]
    return Derived((), lambda: value)


@derivation("joined_text", shaped=True)
def _joined_text(scope: Scope, field: Field, named: Named) -> Derived:
    """The fields `of`, or the `columns` reached, with `separator` between those that are filled."""
    separator = named.text("separator", ", ")
    own = (value_column(scope, name) for name in named.texts("of"))
    reached = (reference_path(scope, path) for path in named.texts("columns"))
    return Derived((*own, *reached), lambda *texts: joined(separator, *texts))


@derivation("cut_text", shaped=True)
def _cut_text(scope: Scope, field: Field, named: Named) -> Derived:
    """The field `of`, cut after `length` characters with dots behind when it is longer."""
    length = int(named.arguments["length"])

    def show(text: str) -> str:
        return text if len(text) <= length else text[:length] + DOTS

    return of_value(scope, named, show)


@derivation("url_with_scheme", shaped=True)
def _url_with_scheme(scope: Scope, field: Field, named: Named) -> Derived:
    """The field `of`, with http:// in front when it has no scheme."""

    def show(url: str) -> str | None:
        return joined("", url if SCHEME in url or not url.strip() else DEFAULT_SCHEME + url)

    return of_value(scope, named, show)


@derivation("code_text", shaped=True)
def _code_text(scope: Scope, field: Field, named: Named) -> Derived:
    """The text that `texts` has for the code in the field `of`."""
    texts = dict(named.arguments["texts"])
    return of_value(scope, named, lambda code: texts.get(str(code)))


@derivation("with_suffix", shaped=True)
def _with_suffix(scope: Scope, field: Field, named: Named) -> Derived:
    """The field `of`, with the text `suffix` behind it."""
    suffix = named.text("suffix")
    return of_value(scope, named, lambda value: f"{value}{suffix}")


@derivation("phone_number", shaped=True)
def _phone_number(scope: Scope, field: Field, named: Named) -> Derived:
    """The number, with x and the extension behind when there is one."""

    def show(number: str | None, extension: str | None) -> str | None:
        extended = joined("", extension)
        return joined(" ", number, None if extended is None else f"x{extended}")

    return Derived((scope.column("number"), scope.column("extension")), show)


@derivation("phone_part", shaped=True)
def _phone_part(scope: Scope, field: Field, named: Named) -> Derived:
    """Group `part` (1 to 3) of a number that is written 999-999-9999."""
    part = int(named.arguments["part"])

    def show(number: str | None) -> str | None:
        found = PHONE_NUMBER.fullmatch((number or "").strip())
        return None if found is None else found.group(part)

    return Derived((scope.column("number"),), show)


@derivation("disabled_mark")
def _disabled_mark(scope: Scope, field: Field, named: Named) -> Derived:
    """The stored text, marked when the row is no longer enabled."""
    text = scope.column(field.column or "")
    return Derived((case((scope.column("enabled").is_(False), text.concat(DISABLED)), else_=text),))


DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


@derivation("age", shaped=True)
def _age(scope: Scope, field: Field, named: Named) -> Derived:
    """Days and hours, such as `3d 4h`, from the field `of` to `until`, or to now."""
    return _since(scope, named, days_and_hours)


@derivation("days_since", shaped=True)
def _days_since(scope: Scope, field: Field, named: Named) -> Derived:
    """Whole days from the field `of` to `until`, or to now; a text when there is a `suffix`."""
    if "suffix" not in named.arguments:
        return _since(scope, named, whole_days)
    suffix = named.text("suffix")
    return _since(scope, named, lambda span: f"{whole_days(span)}{suffix}")


@derivation("is_current", shaped=True)
def _is_current(scope: Scope, field: Field, named: Named) -> Derived:
    """Whether the field `enabled` is true and the time in `end` is empty or to come."""
    enabled = own_column(scope, named, "enabled")
    end = own_column(scope, named, "end")

    def show(is_enabled: object, ends: datetime | None, now: datetime) -> bool:
        return bool(is_enabled) and (ends is None or ends > now)

    return Derived((enabled, end, present()), show)


def whole_days(span: timedelta) -> int:
    """The days that have passed in full; of a time to come, those until then, below zero."""
    return span // DAY if span >= timedelta() else -(-span // DAY)


def days_and_hours(span: timedelta) -> str:
    """`3d 4h`; a time that is still to come is no age."""
    hours = max(span, timedelta()) // HOUR
    return f"{hours // 24}d {hours % 24}h"


def _since(scope: Scope, named: Named, shape: Callable[[timedelta], Any]) -> Derived:
    columns = [own_column(scope, named), present()]
    if "until" in named.arguments:
        columns.append(own_column(scope, named, "until"))

    def show(start: datetime | None, now: datetime, end: datetime | None = None) -> Any:
        return None if start is None else shape((end or now) - start)

    return Derived(tuple(columns), show)


WHOLE = Decimal(1)
TENTH = Decimal("0.1")

# More digits than this are no version.
LONGEST_VERSION = 15


@derivation("next_version", shaped=True)
def _next_version(scope: Scope, field: Field, named: Named) -> Derived:
    """The version that follows the one in the field `of` by `step`; of 1, the next whole one."""
    step = Decimal(named.text("step"))
    return of_value(scope, named, lambda version: next_version(str(version), step))


@derivation("whole_number", shaped=True)
def _whole_number(scope: Scope, field: Field, named: Named) -> Derived:
    """The whole part of the version text in the field `of`."""

    def show(version: object) -> int | None:
        number = version_number(str(version))
        return None if number is None else int(number)

    return of_value(scope, named, show)


@derivation("file_extension", shaped=True)
def _file_extension(scope: Scope, field: Field, named: Named) -> Derived:
    """What follows the last dot of the file name in the field `of`, in lower case."""
    return of_value(
        scope, named, lambda name: name.rpartition(".")[2].lower() if "." in name else None
    )


def version_number(text: str) -> Decimal | None:
    """A version as a number; None for a text that is none."""
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        return None
    return number if number.is_finite() and abs(number) < Decimal(10) ** LONGEST_VERSION else None


def next_version(text: str, step: Decimal) -> str | None:
    """`1.5` becomes `2.0`, `1.6` or `1.51`, as the step is a whole, a tenth or less."""
    number = version_number(text)
    if number is None:
        return None
    following = int(number) + step if step == WHOLE else number + step
    exact = following.normalize()
    return f"{exact.quantize(TENTH):f}" if exact.quantize(TENTH) == exact else f"{exact:f}"
