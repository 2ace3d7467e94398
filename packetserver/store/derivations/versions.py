"""Fields that show parts and successors of versions, and endings of file names."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from packetserver.catalogue.model import Field, Named
from packetserver.store.derivations.reading import of_value
from packetserver.store.derived import Derived, derivation
from packetserver.store.scope import Scope

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
