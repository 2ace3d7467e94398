"""What a protocol gives of a record: values of their fields' types, and those that it demands itself."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from packetserver.failures import Kind, Refused
from packetserver.records import Given, How, Records
from packetserver.security.principal import Principal, PrincipalKind
from packetserver.store.unit_of_work import unit_of_work

EVERYBODY = Principal(PrincipalKind.SYNC_CLIENT, None, None, 1, 1)


def refusal(desk: Any, given: Given, how: How | None = None) -> list[tuple[Kind, str | None, str]]:
    """What an account fails at that is created so; nothing of it is kept."""
    service = desk.engine.service
    with unit_of_work(service.database, writes=True) as work:
        records = Records(work, service.schema, EVERYBODY, service.preferences)
        try:
            records.create("account", given, how or How())
        except Refused as refused:
            return [(each.kind, each.field, each.reason) for each in refused.failures]
    return []


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"employees": "5"}, "not an integer"),
        ({"employees": True}, "not an integer"),
        ({"employees": 2**31}, "out of range"),
        ({"revenue": "5"}, "not a number"),
        ({"revenue": float("nan")}, "not a number"),
        ({"enabled": 1}, "not a boolean"),
        ({"url": 5}, "not a text"),
        ({"url": "\x00"}, "a character that XML cannot carry"),
        ({"name": "x" * 1000}, "Length limit exceeded"),
        ({"alertDate": date(2031, 1, 1)}, "not a time of the server's own zone"),
        ({"alertDate": datetime(2031, 1, 1, tzinfo=UTC)}, "not a time of the server's own zone"),
    ],
)
def test_a_value_that_is_none_of_its_field_s_type_is_told(desk, values, reason):
    (name,) = values
    given = Given({"name": desk.name(), **values})
    assert (Kind.INVALID, name, reason) in refusal(desk, given)


def test_a_field_that_is_not_there_is_told(desk):
    given = Given({"name": desk.name(), "nothing": 1}, {"no switch": True})
    assert [(kind, name) for kind, name, _ in refusal(desk, given)] == [
        (Kind.UNKNOWN, "nothing"),
        (Kind.UNKNOWN, "no switch"),
    ]


def test_a_protocol_may_demand_more_than_the_rules(desk):
    how = How(mandatory=frozenset({"url"}))
    told = [(Kind.INVALID, "url", "Required Field")]
    assert refusal(desk, Given({"name": desk.name()}), how) == told
    assert refusal(desk, Given({"name": desk.name(), "url": "x.example"}), how) == []
