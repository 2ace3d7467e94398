"""Throttling of failed logins, as processes that share a database do it."""

import contextlib
import dataclasses
import itertools
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from driving import HOST
from security.gate import HOME, REFUSED, client, open_gate, user
from sqlalchemy import text
from sync.office import Clock

from packetserver.errors import NotAuthorized
from packetserver.protocols.packet.stored_documents import Document
from packetserver.security import remembered
from packetserver.security.throttle import REFUSAL, Scope

FEW = {"login_failures": 3, "login_failure_minutes": 10}
AWAY = "198.51.100.7"
TABLE = "packetserver_login"


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def opened(prepared_database_url, clock):
    """A function that starts one more process on the database."""
    with contextlib.ExitStack() as stack:

        def start(**settings):
            given = {**FEW, **settings}
            return stack.enter_context(open_gate(prepared_database_url, clock, **given))

        yield start


@pytest.fixture
def gate(opened):
    return opened()


def is_let_in(gate, name="rep1", address=HOME):
    """Whether the right password is looked at."""
    return gate.log_in(name, address=address)


def test_after_too_many_failures_the_right_code_waits_too(gate, clock):
    gate.fail(2)
    assert is_let_in(gate)
    gate.fail(1)
    assert not is_let_in(gate)
    clock.go_on(seconds=1.1)
    assert is_let_in(gate)


def test_each_further_failure_closes_the_door_for_twice_as_long(gate, clock):
    gate.fail(3)
    waits = []
    for _ in range(6):
        waited = 0.0
        while gate.hashes("rep1", f"at {clock.time}") == 0:
            clock.go_on(seconds=0.5)
            waited += 0.5
        waits.append(waited)
    assert all(1.7 < later / earlier < 2.3 for earlier, later in itertools.pairwise(waits[1:]))
    assert waits[-1] > 20


def test_the_door_opens_by_itself_however_often_somebody_knocks(gate, clock):
    for _ in range(40):
        gate.fail(1)
        clock.go_on(seconds=20)
    for _ in range(600):
        gate.fail(1)
    clock.go_on(minutes=10, seconds=1)
    assert is_let_in(gate)


def test_what_is_throttled_costs_no_slow_hash_and_is_not_counted(gate):
    gate.fail(3)
    before, spent = gate.counters(), gate.hasher.count
    gate.fail(50)
    assert not is_let_in(gate)
    assert (gate.counters(), gate.hasher.count) == (before, spent)


def test_only_the_name_and_address_that_failed_have_to_wait(gate):
    gate.fail(4)
    assert not is_let_in(gate)
    assert is_let_in(gate, address=AWAY)
    assert gate.log_in("hr1")
    assert gate.lets_in(client(1, "secret1"))


def test_a_sync_client_is_throttled_by_its_id(gate, clock):
    for number in range(3):
        assert not gate.lets_in(client(1, f"wrong {number}"))
    assert not gate.lets_in(client(1, "secret1"))
    assert gate.lets_in(client(2, "secret2"))
    clock.go_on(seconds=1.1)
    assert gate.lets_in(client(1, "secret1"))


def test_a_name_is_one_however_it_is_written(gate):
    for name in ("rep1", "REP1", "Rep1"):
        gate.fail(1, name)
    assert not is_let_in(gate)


def test_names_that_nobody_has_wait_like_all_others(gate):
    gate.fail(3, "nobody")
    assert gate.hashes("nobody", "once more") == 0
    assert gate.hashes("Nobody", "once more") == 0
    assert gate.hashes("another", "once more") == 1


def test_all_addresses_of_a_network_of_ipv6_are_one(gate):
    for number in range(3):
        gate.fail(1, address=f"2001:db8:1:2::{number}")
    assert not is_let_in(gate, address="2001:db8:1:2:ffff::1")
    assert is_let_in(gate, address="2001:db8:1:3::1")


def test_processes_that_share_a_database_count_together(opened, clock):
    first, second = opened(), opened()
    first.fail(2)
    clock.go_on(milliseconds=10)
    second.fail(1)
    assert not is_let_in(first)
    assert not is_let_in(second)


def test_failures_at_the_same_time_all_count(opened):
    gates = [opened(login_failures=100) for _ in range(2)]
    with ThreadPoolExecutor(8) as threads:
        tried = [
            threads.submit(gates[number % 2].log_in, f"nobody {number % 4}", f"{number}")
            for number in range(48)
        ]
        assert not any(each.result() for each in tried)
    levels = sorted(round(row["level"]) for row in gates[0].counters())
    assert levels == [12] * 8 + [48]


def test_a_remembered_code_is_let_in_whatever_others_do_and_asks_nothing(opened, clock):
    gate = opened(remembered=300)
    assert is_let_in(gate)
    attacker = opened()
    attacker.fail(10)
    assert not is_let_in(attacker)
    gate.statements.clear()
    for _ in range(20):
        assert is_let_in(gate)
    assert not [each for each in gate.statements if TABLE in each]


def test_what_one_worker_has_verified_all_let_in_whatever_others_do(opened, clock):
    first, second, attacker = opened(remembered=300), opened(remembered=300), opened()
    assert is_let_in(first)
    attacker.fail(10)
    assert not is_let_in(attacker)
    clock.go_on(seconds=200)
    attacker.fail(10)
    second.statements.clear()
    assert second.hashes("rep1") == 0
    assert is_let_in(second)
    # One look, which everybody takes who has to be verified, and nothing is written.
    assert len([each for each in second.statements if TABLE in each]) == 1
    assert not second.log_in("rep1", "wrong")


def test_what_a_worker_has_verified_counts_as_long_as_it_would_remember_it(opened, clock):
    seconds = [0.0]
    workers = [opened(remembered=300, seconds=lambda: seconds[0]) for _ in range(3)]
    assert [each.hashes("rep1") for each in workers[:2]] == [1, 0]
    clock.go_on(seconds=299)
    seconds[0] += 299
    assert [each.hashes("rep1") for each in workers] == [0, 0, 0]
    clock.go_on(seconds=2)
    seconds[0] += 2
    # Nobody vouches for it any more; whoever looks first does so for the others.
    assert [each.hashes("rep1") for each in workers[::-1]] == [1, 0, 0]


def test_a_code_that_was_changed_is_vouched_for_by_nobody(opened):
    first, second = opened(remembered=300), opened(remembered=300)
    assert is_let_in(first)
    with first.engine.database.connect(writes=True) as connection:
        change = "UPDATE access SET password = (SELECT password FROM access WHERE username = 'hr1')"
        connection.execute(text(f"{change} WHERE username = 'rep1'"))
        connection.commit()
    assert not is_let_in(second)
    assert second.log_in("rep1", "hr1")


def test_what_is_noted_of_a_code_tells_nothing_to_who_has_the_database(opened, monkeypatch):
    gate = opened(remembered=300)
    assert is_let_in(gate)
    noted = {row["subject"] for row in gate.counters()}
    # The same in a server of its own: what it is called there can be told by no other.
    monkeypatch.setattr(remembered, "_OF_ALL_WORKERS", b"drawn anew")
    other = opened(remembered=300)
    assert other.hashes("rep1") == 1
    assert len({row["subject"] for row in other.counters()} - noted) == 1


def test_an_old_code_that_is_sent_over_and_over_counts_once_in_each_process(opened):
    first, second = opened(), opened()
    for _ in range(30):
        assert not first.log_in("rep1", "old")
        assert not second.log_in("rep1", "old")
    assert (first.hasher.count, second.hasher.count) == (1, 1)
    assert is_let_in(first)
    assert is_let_in(second)


def test_an_old_code_is_right_again_once_it_is_stored_again(gate):
    assert not gate.log_in("rep1", "hr1")
    with gate.engine.database.connect(writes=True) as connection:
        change = "UPDATE access SET password = (SELECT password FROM access WHERE username = 'hr1')"
        connection.execute(text(f"{change} WHERE username = 'rep1'"))
        connection.commit()
    assert gate.log_in("rep1", "hr1")


def test_many_names_from_one_address_close_it_for_those_who_are_not_known_there(gate, clock):
    assert is_let_in(gate, "rep1")
    for number in range(3 * Scope.ADDRESS.value):
        gate.fail(1, f"nobody {number}")
    assert not is_let_in(gate, "hr1")
    assert is_let_in(gate, "rep1")
    assert is_let_in(gate, "hr1", AWAY)
    clock.go_on(seconds=1.1)
    assert is_let_in(gate, "hr1")


def test_failures_from_everywhere_close_a_name_but_not_where_it_is_known(gate, clock):
    assert is_let_in(gate)
    for number in range(3 * Scope.NAME.value):
        gate.fail(1, address=f"203.0.113.{number}")
    assert not is_let_in(gate, address=AWAY)
    assert is_let_in(gate, "hr1", AWAY)
    assert is_let_in(gate)
    clock.go_on(seconds=1.1)
    assert is_let_in(gate, address=AWAY)


def test_where_a_name_is_known_its_own_failures_still_count(gate):
    assert is_let_in(gate)
    gate.fail(3)
    assert not is_let_in(gate)


def test_that_a_name_is_known_is_written_once_a_day_and_forgotten_after_a_month(gate, clock):
    def writes():
        gate.statements.clear()
        assert is_let_in(gate)
        return len([each for each in gate.statements if f"INSERT INTO {TABLE}" in each])

    assert [writes(), writes()] == [1, 0]
    clock.go_on(hours=23)
    assert writes() == 0
    clock.go_on(hours=2)
    assert writes() == 1
    clock.go_on(days=31)
    for number in range(3 * Scope.NAME.value):
        gate.fail(1, address=f"203.0.113.{number}")
    assert not is_let_in(gate)


def test_rows_that_say_nothing_more_are_removed(gate, clock):
    assert is_let_in(gate, "hr1")
    gate.fail(3)
    assert len(gate.counters()) == 4
    clock.go_on(hours=3)
    gate.fail(1, "csr1", AWAY)
    assert len(gate.counters()) == 4
    clock.go_on(days=31)
    gate.fail(1, "csr1", AWAY)
    assert len(gate.counters()) == 3


def test_a_clock_that_is_set_back_closes_no_door_for_longer(gate, clock):
    gate.fail(4)
    clock.set_to(clock.time - timedelta(days=2))
    assert is_let_in(gate)
    gate.fail(1)
    assert not is_let_in(gate)
    clock.go_on(minutes=10)
    assert is_let_in(gate)


def test_zero_switches_it_off(opened):
    gate = opened(login_failures=0)
    gate.fail(20)
    assert is_let_in(gate)
    assert not [each for each in gate.statements if TABLE in each]
    assert gate.counters() == []


@pytest.mark.parametrize(
    "credentials",
    [
        None,
        user("rep1", ""),
        dataclasses.replace(user("rep1", ""), code=None),
        dataclasses.replace(user("rep1", ""), code="no md5"),
        dataclasses.replace(user("rep1", "rep1"), username=None),
    ],
    ids=["nothing", "guess", "no code", "no md5", "no name"],
)
def test_what_is_no_guess_is_not_counted(gate, credentials):
    for _ in range(5):
        assert not gate.lets_in(credentials)
    is_guess = credentials == user("rep1", "")
    assert len(gate.counters()) == (3 if is_guess else 0)
    assert gate.hasher.count == (1 if is_guess else 0)


def test_every_address_of_the_protocol_counts_and_waits(gate):
    wrong, right = client(1, "wrong"), client(1, "secret1")
    packages, documents = gate.engine.packages, gate.engine.documents
    document = Document("a.txt", None, None, None, None, None, None)
    assert documents.store(wrong, document, None, HOST, HOME) == REFUSED
    for way in (packages.find, lambda who, *more: packages.take(who, (), *more)):
        wrong = dataclasses.replace(wrong, code=f"{wrong.code}!")
        with pytest.raises(NotAuthorized):
            way(wrong, HOST, HOME)
    assert gate.hasher.count == 3
    assert not gate.lets_in(right)
    assert documents.store(right, document, None, HOST, HOME) == REFUSED
    for way in (packages.find, lambda who, *more: packages.take(who, (), *more)):
        with pytest.raises(NotAuthorized, match=rf"\A{REFUSAL}\Z"):
            way(right, HOST, HOME)
    assert gate.hasher.count == 3


def test_a_login_waits_for_no_writer_to_be_noted(databases, clock, caplog):
    with databases.prepared("sqlite") as url, open_gate(url, clock, **FEW) as gate:
        with gate.engine.database.connect(writes=True) as writer:
            writer.execute(text("SELECT 1"))
            assert is_let_in(gate)
        gate.engine.runner.late_log.settle()
        assert gate.counters() == []
        assert is_let_in(gate)
        assert len(gate.counters()) == 1
    assert "could not be counted" not in caplog.text


def test_a_failure_that_cannot_be_counted_is_a_failure_all_the_same(gate, monkeypatch, caplog):
    with gate.engine.database.connect(writes=True) as connection:
        connection.execute(text(f"DROP INDEX {TABLE}_kept_until_idx"))
        connection.execute(text(f"ALTER TABLE {TABLE} RENAME COLUMN kept_until TO elsewhere"))
        connection.commit()
    gate.fail(1)
    assert "A login could not be counted" in caplog.text
    assert is_let_in(gate)
