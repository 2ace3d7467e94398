"""How many packets are worked on at a time, and what becomes of the others."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from packetserver.errors import ServerBusy
from packetserver.protocols.front.concurrency import LARGE_BYTES, Concurrency

FOREVER = 60
IN_TIME = 30
"""Seconds after which a test has failed."""


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(16) as made:
        yield made


def work(concurrency: Concurrency, size: int = 0) -> str:
    with concurrency.slot(size):
        return "done"


def until(condition: Callable[[], bool]) -> None:
    """Wait for what other threads are about to do."""
    moment = threading.Event()
    for _ in range(IN_TIME * 1000):
        if condition():
            return
        moment.wait(0.001)
    pytest.fail("it did not happen")


def test_one_more_than_there_are_slots_waits_until_one_is_free(pool) -> None:
    concurrency = Concurrency(2, 10, FOREVER)
    with ExitStack() as others:
        others.enter_context(concurrency.slot())
        with concurrency.slot():
            third = pool.submit(work, concurrency)
            until(lambda: concurrency.waiting == 1)
            assert not third.done()
        assert third.result(IN_TIME) == "done"
    assert concurrency.waiting == 0


def test_it_is_sent_away_when_too_many_wait(pool) -> None:
    concurrency = Concurrency(1, 2, FOREVER)
    with concurrency.slot():
        waiting = [pool.submit(work, concurrency) for _ in range(2)]
        until(lambda: concurrency.waiting == 2)
        with pytest.raises(ServerBusy, match="too many packets wait"):
            work(concurrency)
    assert [each.result(IN_TIME) for each in waiting] == ["done", "done"]


def test_it_is_sent_away_when_it_waits_too_long() -> None:
    concurrency = Concurrency(1, 10, 0)
    with concurrency.slot(), pytest.raises(ServerBusy, match="no place became free"):
        work(concurrency)
    assert concurrency.waiting == 0
    assert work(concurrency) == "done"


def test_a_slot_is_free_again_after_an_error() -> None:
    concurrency = Concurrency(1, 0, 0)
    for size in (0, LARGE_BYTES):
        with pytest.raises(ArithmeticError), concurrency.slot(size):
            raise ArithmeticError
    assert work(concurrency) == "done"
    assert work(concurrency, LARGE_BYTES) == "done"


@pytest.mark.parametrize(("number", "large"), [(1, 1), (3, 1), (8, 2), (16, 4)])
def test_large_packets_leave_slots_for_small_ones(number: int, large: int) -> None:
    concurrency = Concurrency(number, 10, 0)
    with ExitStack() as taken:
        for _ in range(large):
            taken.enter_context(concurrency.slot(LARGE_BYTES))
        with pytest.raises(ServerBusy):
            work(concurrency, LARGE_BYTES)
        for _ in range(number - large):
            taken.enter_context(concurrency.slot(LARGE_BYTES - 1))
        with pytest.raises(ServerBusy):
            work(concurrency)
    assert work(concurrency, LARGE_BYTES) == "done"


def test_a_large_packet_that_finds_no_slot_takes_none_of_the_large_ones() -> None:
    concurrency = Concurrency(4, 10, 0)
    with ExitStack() as small:
        for _ in range(4):
            small.enter_context(concurrency.slot())
        with pytest.raises(ServerBusy):
            work(concurrency, LARGE_BYTES)
    assert work(concurrency, LARGE_BYTES) == "done"
