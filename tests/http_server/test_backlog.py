"""Which requests have places, which wait, and for how long."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from packetserver.http.backlog import MOST_LARGE_BYTES, Backlog
from packetserver.protocols.front.concurrency import LARGE_BYTES


@dataclass(frozen=True)
class Packet:
    """A request of some size, with a name."""

    name: str
    size: int = 0


class Clock:
    """A clock that goes only when it is told to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def begun(backlog: Backlog[Packet]) -> str:
    """The names of those that are to be worked on now."""
    found = iter(backlog.next, None)
    return "".join(each.name for each in found)


def test_they_have_places_in_their_order_and_then_wait(clock: Clock) -> None:
    backlog: Backlog[Packet] = Backlog(2, 10, 30, clock)
    packets = [Packet(name) for name in "abcd"]
    assert all(map(backlog.add, packets))
    assert (begun(backlog), backlog.is_waiting) == ("ab", True)
    backlog.finish(packets[1])
    assert begun(backlog) == "c"
    backlog.finish(packets[0])
    assert (begun(backlog), backlog.is_waiting) == ("d", False)


def test_no_more_wait_than_may(clock: Clock) -> None:
    backlog: Backlog[Packet] = Backlog(1, 2, 30, clock)
    assert backlog.add(Packet("a"))
    assert begun(backlog) == "a"
    assert [backlog.add(Packet(name)) for name in "bcd"] == [True, True, False]
    none: Backlog[Packet] = Backlog(1, 0, 30, clock)
    assert none.add(Packet("a"))
    assert begun(none) == "a"
    assert not none.add(Packet("b"))


def test_none_waits_longer_than_it_may(clock: Clock) -> None:
    backlog: Backlog[Packet] = Backlog(1, 10, 30, clock)
    for name in "abc":
        backlog.add(Packet(name))
        clock.now += 10
    assert begun(backlog) == "a"
    clock.now = 39.9
    assert list(backlog.late()) == []
    clock.now = 40
    assert [each.name for each in backlog.late()] == ["b"]
    backlog.finish(Packet("a"))
    assert begun(backlog) == "c"


@pytest.mark.parametrize(("places", "large"), [(1, 1), (3, 1), (8, 2), (16, 4)])
def test_large_packets_leave_places_for_small_ones(clock: Clock, places: int, large: int) -> None:
    backlog: Backlog[Packet] = Backlog(places, 100, 30, clock)
    packets = [Packet(f"L{number}", LARGE_BYTES) for number in range(large + 1)]
    packets += [Packet("s", LARGE_BYTES - 1)] * (places - large)
    assert all(map(backlog.add, packets))
    assert begun(backlog) == "".join(f"L{n}" for n in range(large)) + "s" * (places - large)
    if large < places:
        # A large one waits for a large one to end.
        backlog.finish(packets[-1])
        assert begun(backlog) == ""
    backlog.finish(packets[0])
    assert begun(backlog) == f"L{large}"


def test_what_is_too_large_together_is_worked_on_one_by_one(clock: Clock) -> None:
    backlog: Backlog[Packet] = Backlog(16, 100, 30, clock)
    half = MOST_LARGE_BYTES // 2
    packets = [Packet("a", half), Packet("b", half), Packet("c", LARGE_BYTES), Packet("s")]
    packets += [Packet("D", 10 * MOST_LARGE_BYTES), Packet("e", LARGE_BYTES)]
    assert all(map(backlog.add, packets))
    assert begun(backlog) == "abs"
    backlog.finish(packets[0])
    # What is too large for now does not keep others waiting.
    assert begun(backlog) == "ce"
    for index in (1, 2, 5):
        backlog.finish(packets[index])
    assert begun(backlog) == "D"
    backlog.add(Packet("f", LARGE_BYTES))
    assert begun(backlog) == ""
    backlog.finish(packets[4])
    assert begun(backlog) == "f"
