"""Fields that are calculated from the record's numbers."""

from __future__ import annotations

import math
from decimal import ROUND_HALF_UP, Decimal

from packetserver.catalogue.model import Field, Named
from packetserver.store.derivations.linked import row_of_key
from packetserver.store.derivations.reading import of_value, own_column
from packetserver.store.derived import Derived, derivation
from packetserver.store.scope import Scope

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
