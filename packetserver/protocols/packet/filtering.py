"""The filters of a list: what was sent, read as typed values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from packetserver.catalogue.model import Filter
from packetserver.catalogue.types import is_tristate
from packetserver.errors import ValueNotOfType
from packetserver.protocols.packet.context import Call
from packetserver.protocols.packet.failures import TransactionFailure
from packetserver.protocols.packet.inputs import check_own_table
from packetserver.protocols.packet.names import OWN_TABLE_INPUTS, substitute
from packetserver.protocols.packet.unheeded import FILTER, dropped
from packetserver.records.filters import is_idle, switched_off_by


def read_filters(call: Call) -> dict[str, Any]:
    """Filter values by name: those in force, defaults included, `no filter` values left out.

    Raises TransactionFailure for a value that is not of its filter's type (docs/filters.md).
    """
    described = call.object
    values: dict[str, Any] = dict(described.filter_defaults)
    sent: list[Filter] = []
    for name, one, text in _sent(call):
        try:
            values[one.name] = one.type.read(text, call.preferences.zone)
        except ValueNotOfType as error:
            raise TransactionFailure.because(f"{name}: {error.reason}") from error
        sent.append(one)
        _heed_text(call, one, text, values[one.name])
    _put_own_user(call, values)
    in_force = {
        name: value
        for name, value in values.items()
        if value is not None and not described.filters[name].is_none(value)
    }
    for one in sent:
        _heed_others(call, one, in_force)
    return in_force


def own_user(call: Call) -> int | None:
    """The user whose own records alone are listed (DECISIONS.md, Own records)."""
    is_own = call.object.own_records is not None and call.principal.acts_as_user
    return call.principal.user_id if is_own else None


def _put_own_user(call: Call, values: dict[str, Any]) -> None:
    own, name = own_user(call), call.object.own_records or ""
    if own is None or name not in call.object.filters:
        return
    if values.get(name) not in {None, own}:
        dropped(call, name, "a user's list has the user's own records alone", FILTER)
    values[name] = own


def _sent(call: Call) -> Iterator[tuple[str, Filter, str]]:
    for each in call.item.properties:
        if each.name in OWN_TABLE_INPUTS and call.object.kind in {"lookup", "table"}:
            check_own_table(call, each.name, each.text)
            continue
        one = call.object.filter(each.name)
        if one is not None and each.text is not None:
            text = substitute(each.text, call.transaction.shared_keys)
            yield each.name, one, text
        elif each.text is not None and each.name in call.object.ignored_filters:
            dropped(call, each.name, NO_EFFECT, FILTER)


NO_EFFECT = "the filter has no effect"


def _heed_text(call: Call, one: Filter, text: str, value: Any) -> None:
    """Note a text that these filters take for no filter at all."""
    if value is None:
        dropped(call, one.name, "the filter takes a mere date")
    elif one.type.name == "tristate" and not is_tristate(text):
        dropped(call, one.name, "can only be 1, 0 or -1")


def _heed_others(call: Call, one: Filter, in_force: Mapping[str, Any]) -> None:
    """Note a filter that is not looked at, by itself or because of others."""
    if is_idle(call.object, one):
        dropped(call, one.name, NO_EFFECT, FILTER)
    for other in switched_off_by(one, in_force):
        dropped(call, one.name, f"it is not looked at together with {other}", FILTER)
        return
