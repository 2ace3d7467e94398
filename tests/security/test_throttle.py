"""How many logins may fail, and for how long the door is closed then."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packetserver.security.throttle import (
    KNOWN_SECONDS,
    NOTED_SECONDS,
    Count,
    Limits,
    Scope,
    is_known,
    is_noted,
    network_of,
    subjects,
)
from packetserver.settings import Settings

LIMITS = Limits(10, 900)
AT = 2_000_000_000.0
KNOWN = Count(0, AT, AT - 5)


def counts(**levels: float) -> dict[Scope, Count]:
    return {Scope[name.upper()]: Count(level, AT) for name, level in levels.items()}


@pytest.mark.parametrize(
    ("levels", "closed_for"),
    [
        ({}, 0),
        ({"pair": 9, "name": 49, "address": 199}, 0),
        ({"pair": 10}, 1),
        ({"pair": 9.1}, 1),
        ({"pair": 11}, 2),
        ({"pair": 14}, 16),
        ({"pair": 19}, 512),
        ({"pair": 20}, 900),
        ({"pair": 27}, 900),
        ({"name": 50}, 1),
        ({"name": 53}, 8),
        ({"address": 200}, 1),
        ({"address": 203}, 8),
        ({"pair": 12, "name": 50, "address": 201}, 4),
    ],
)
def test_how_long_the_door_is_closed(levels, closed_for):
    found = counts(**levels)
    assert not LIMITS.is_closed(found, AT + closed_for)
    assert closed_for == 0 or LIMITS.is_closed(found, AT + closed_for - 0.01)


def test_where_a_name_is_known_only_its_own_failures_close_the_door():
    others = counts(name=60, address=300)
    assert LIMITS.is_closed(others, AT)
    assert not LIMITS.is_closed({**others, Scope.PAIR: KNOWN}, AT)
    assert LIMITS.is_closed({**others, Scope.PAIR: Count(12, AT, AT - 5)}, AT)


def test_a_welcome_is_remembered_for_a_month_and_needs_writing_down_once_a_day():
    assert not is_known(None, AT)
    assert not is_known(Count(0, AT), AT)
    for seconds, holds in ((KNOWN_SECONDS, is_known), (NOTED_SECONDS, is_noted)):
        assert holds(Count(0, AT, AT), AT + seconds - 1)
        assert not holds(Count(0, AT, AT), AT + seconds)


@given(
    st.integers(1, 1000),
    st.integers(1, 1440),
    st.sampled_from(Scope),
    st.floats(0, 0.99),
)
def test_whatever_the_settings_the_door_closes_at_the_limit_and_opens_in_time(
    failures, minutes, scope, part
):
    limits = Limits(failures, minutes * 60)
    highest = {scope: Count(limits.highest(scope), AT)}
    assert limits.is_closed(highest, AT + part * limits.seconds)
    assert not limits.is_closed(highest, AT + limits.seconds)
    assert not limits.is_closed({scope: Count(limits.limit(scope) - 1, AT)}, AT)
    assert limits.is_closed({scope: Count(limits.limit(scope), AT)}, AT)


def test_an_office_whose_devices_have_old_codes_keeps_its_address():
    settings = Settings()
    limits = Limits(settings.login_failures, settings.login_failure_minutes * 60)
    devices = limits.limit(Scope.ADDRESS) // limits.limit(Scope.PAIR)
    assert devices == 20
    # Each of them stops counting when its own counter is full; the address holds them all.
    assert limits.fall(Scope.ADDRESS) == pytest.approx(devices * limits.fall(Scope.PAIR))


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:DB8:1:2::", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("", ""),
        ("unix:", "unix:"),
        ("192.0.2.1, 192.0.2.2", "192.0.2.1, 192.0.2.2"),
    ],
)
def test_what_counts_as_one_address(address, network):
    assert network_of(address) == network


@given(st.text(), st.text())
def test_any_name_and_address_have_three_counters_of_their_own(name, address):
    found = subjects(name, address)
    assert len({*found.values(), *subjects(name + "x", address + "x").values()}) == 6
    assert all(len(each) == 64 for each in found.values())


def test_a_name_and_an_address_cannot_be_taken_for_others():
    assert subjects("a', 'b", "c")[Scope.PAIR] != subjects("a", "b', 'c")[Scope.PAIR]
    assert subjects("\ud800", "c")[Scope.PAIR] != subjects("\\ud800", "c")[Scope.PAIR]
