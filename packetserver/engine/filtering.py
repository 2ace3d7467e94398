"""The filters of a list: what was sent, read as typed values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from packetserver.catalogue.model import Filter
from packetserver.engine.context import Call
from packetserver.engine.draft import OWN_TABLE_INPUTS, check_own_table
from packetserver.engine.shared_keys import substitute
from packetserver.errors import TransactionFailure, ValueNotOfType


def read_filters(call: Call) -> dict[str, Any]:
    """Filter values by name: those in force, defaults included, `no filter` values left out.

    Raises TransactionFailure for a value that is not of its filter's type (DECISIONS.md, Select).
    """
    values: dict[str, Any] = dict(call.object.filter_defaults)
    for name, one, text in _sent(call):
        try:
            values[one.name] = one.type.read(text, call.preferences.zone)
        except ValueNotOfType as error:
            raise TransactionFailure.because(f"{name}: {error.reason}") from error
    own = own_user(call)
    own_records = call.object.own_records or ""
    if own is not None and own_records in call.object.filters:
        values[own_records] = own
    return {
        name: value
        for name, value in values.items()
        if value is not None and not call.object.filters[name].is_none(value)
    }


def own_user(call: Call) -> int | None:
    """The user whose own records alone are listed (DECISIONS.md, Own records)."""
    is_own = call.object.own_records is not None and call.principal.acts_as_user
    return call.principal.user_id if is_own else None


def _sent(call: Call) -> Iterator[tuple[str, Filter, str]]:
    for each in call.item.properties:
        if each.name in OWN_TABLE_INPUTS and call.object.kind in {"lookup", "table"}:
            check_own_table(call, each.name, each.text)
            continue
        one = call.object.filter(each.name)
        if one is not None and each.text is not None:
            text = substitute(each.text, call.transaction.shared_keys)
            yield each.name, one, text
