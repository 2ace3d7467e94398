"""Who is heard when there are more clients than may be, and who makes room."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from packetserver.http.heard import SLOW_SECONDS, SURPLUS_CONNECTIONS, Heard, Place
from packetserver.http.states import State


class Clock:
    """A clock that goes only when it is told to."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


class Client(SimpleNamespace):
    """A connection, as far as it matters here."""

    __hash__ = object.__hash__
    state = State.HEAD


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def heard(clock: Clock) -> Heard:
    return Heard(2, clock)


def come(heard: Heard) -> tuple[Any, Place | None]:
    """One more client, and its place."""
    place, client = heard.place(), Client()
    if place is not None:
        if place.ends is not None:
            heard.remove(place.ends)
        heard.add(client, place)  # type: ignore[arg-type]
    return client, place


def test_as_many_are_heard_as_may_be_and_then_some_are_told(heard: Heard) -> None:
    places = [come(heard)[1] for _ in range(2 + SURPLUS_CONNECTIONS)]
    assert [each and each.is_surplus for each in places] == [False] * 2 + [
        True
    ] * SURPLUS_CONNECTIONS
    assert all(each is not None and each.ends is None for each in places)


def test_who_says_nothing_for_long_makes_room_and_who_asks_does_not(heard, clock) -> None:
    (first, _), (second, _) = come(heard), come(heard)
    clock.now += SLOW_SECONDS
    heard.asks(first)
    third, place = come(heard)
    assert place == Place(is_surplus=False, ends=second)
    # The third is new, the first is at work: nobody makes room.
    assert come(heard)[1] == Place(is_surplus=True)
    clock.now += SLOW_SECONDS / 2
    heard.waits(first)
    clock.now += SLOW_SECONDS / 2
    assert come(heard)[1] == Place(is_surplus=False, ends=third)
    assert set(heard) >= {first}


def test_of_those_who_are_told_the_first_makes_room_unless_somebody_works_for_it(heard) -> None:
    kept = [come(heard)[0] for _ in range(2)]
    told = [come(heard)[0] for _ in range(SURPLUS_CONNECTIONS)]
    told[0].state = State.WORKING
    assert come(heard)[1] == Place(is_surplus=True, ends=told[1])
    for each in heard:
        each.state = State.WORKING
    assert come(heard)[1] is None
    heard.remove(kept[0])
    assert come(heard)[1] == Place(is_surplus=False)


def test_who_is_one_too_many_has_no_place_to_give(heard: Heard, clock: Clock) -> None:
    for _ in range(2):
        heard.asks(come(heard)[0])
    told, place = come(heard)
    assert place == Place(is_surplus=True)
    # It has asked whether all is well, was answered, and says nothing more.
    heard.asks(told)
    heard.waits(told)
    clock.now += SLOW_SECONDS
    assert come(heard)[1] == Place(is_surplus=True)
