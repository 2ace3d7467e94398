"""Fields that tell how old something is, or whether it still holds."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from packetserver.catalogue.model import Field, Named
from packetserver.store.derivations.reading import own_column
from packetserver.store.derived import Derived, derivation, present
from packetserver.store.scope import Scope

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
