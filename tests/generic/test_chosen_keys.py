"""Keys that clients choose: whoever comes next gets the next free one, on every object."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from driving import HOST, Answer, Driver, item
from making import Maker, creatable
from sqlalchemy import text

from packetserver.catalogue.loader import load_catalogue
from packetserver.protocols.packet.process import build_engine
from packetserver.provision import provision
from packetserver.security.credentials import Credentials
from packetserver.settings import Settings
from packetserver.store.dialects import key_sequence
from packetserver.store.rows import Rows

CATALOGUE = load_catalogue()
COUNTED = [
    each
    for each in creatable(CATALOGUE)
    if CATALOGUE.tables[CATALOGUE.objects[each].table or ""].sequence is not None
    and CATALOGUE.objects[each].key is not None
]
CHOSEN = [each for each in COUNTED if CATALOGUE.objects[each].key_may_be_sent]
LARGEST_CHOSEN, LARGEST = 2_000_000_000, 2**31 - 1
STAMPS = {"enteredby": 1, "modifiedby": 1}
CODE = "0" * 31 + "a"


@pytest.fixture
def driver(prepared_database_url: str) -> Iterator[Driver]:
    """Sends packets to an engine on a database that nobody else chooses keys in."""
    engine = build_engine(Settings(database_url=prepared_database_url))
    with contextlib.closing(engine.database):
        yield Driver(engine)


def register(driver: Driver, key: int | None = None, **how: Any) -> Answer:
    """Insert a sync client, with a key or without one."""
    chosen = {} if key is None else {"id": str(key)}
    sent = {**chosen, "type": "t", "version": "1", "code": CODE, "enabled": "true"}
    return driver.one("syncClient", "insert", sent, ["id"], **how)


def registered(driver: Driver, key: int | None = None) -> int:
    answer = register(driver, key)
    assert answer.errors == ()
    return int(answer.records[0]["id"])


def forget_keys(driver: Driver, element: str, following: int) -> None:
    """Make the sequence of an object give a key next that it has given before.

    SQLite cannot be told so: it goes on behind the largest key whatever is said.
    """
    if driver.engine.database.is_sqlite:
        return
    described = CATALOGUE.objects[element]
    table = described.table or ""
    with driver.engine.database.connect(writes=True) as connection:
        sequence = key_sequence(connection, table, CATALOGUE.tables[table].key or "")
        connection.execute(
            text("SELECT setval(CAST(:name AS regclass), :key, false)"),
            {"name": sequence, "key": following},
        )
        connection.commit()


@pytest.mark.parametrize("guid", [None, "77001"])
@pytest.mark.parametrize("element", CHOSEN)
def test_the_next_record_gets_the_next_free_key(
    maker: Maker, element: str, guid: str | None
) -> None:
    name = CATALOGUE.objects[element].key.name
    before = int(maker.insert(element))
    sent = {name: str(before + 1)} if guid is None else {name: str(before + 1), "guid": guid}
    assert int(maker.insert(element, sent)) == before + 1
    assert int(maker.insert(element)) == before + 2


@pytest.mark.parametrize("element", CHOSEN)
def test_a_key_that_leaves_too_few_is_refused_by_name(maker: Maker, element: str) -> None:
    name = CATALOGUE.objects[element].key.name
    before = int(maker.insert(element))
    for key in (LARGEST_CHOSEN + 1, LARGEST):
        sent = {**maker.needed(element), **maker.wire_only(element), name: str(key)}
        answer = maker.driver.one(element, "insert", sent, validate=False)
        assert answer.errors[0] == "Transaction failed"
        assert answer.errors[1].startswith(f"item 1 ({element}): {name}: ")
    assert int(maker.insert(element)) == before + 1


@pytest.mark.parametrize("element", COUNTED)
def test_a_sequence_that_lies_behind_heals(maker: Maker, element: str) -> None:
    key = int(maker.insert(element))
    forget_keys(maker.driver, element, key)
    assert int(maker.insert(element)) > key
    assert int(maker.insert(element)) > key + 1


def test_the_largest_that_may_be_chosen_leaves_some(driver: Driver) -> None:
    assert registered(driver, LARGEST_CHOSEN) == LARGEST_CHOSEN
    assert registered(driver) == LARGEST_CHOSEN + 1
    assert registered(driver) == LARGEST_CHOSEN + 2


def test_a_table_that_holds_the_last_key_gives_others_that_clients_can_use(driver: Driver) -> None:
    """As a server that took every key has left it, or an original."""
    with driver.engine.database.connect(writes=True) as connection:
        records = Rows(driver.engine.schema, connection)
        records.insert_row("sync_client", {**STAMPS, "client_id": LARGEST, "type": "old"})
        connection.commit()
    forget_keys(driver, "syncClient", LARGEST)

    first, second = registered(driver), registered(driver)

    assert 4 < first < second <= LARGEST_CHOSEN
    credentials = Credentials(id=HOST, code=CODE, client_id=second, system_id=4)
    asked = driver.one("system", "getDateTime", {}, credentials=credentials)
    assert asked.errors == ()


def test_a_transaction_that_failed_keeps_no_key(driver: Driver) -> None:
    following = registered(driver) + 1
    chosen = {"id": str(following), "type": "t", "version": "1", "code": CODE}
    failed = [item("syncClient", "insert", chosen), item("nothing", "insert", {"a": "b"})]
    assert driver.send([failed])[0].status == 1
    assert registered(driver, following) == following
    assert registered(driver) == following + 1


def test_chosen_and_given_keys_in_one_transaction(driver: Driver) -> None:
    following = registered(driver) + 1
    sent = {"type": "t", "version": "1", "code": CODE}
    items = [
        item(
            "syncClient", "insert", {**sent, "id": str(following + number)} if number % 3 else sent
        )
        for number in (1, 0, 3, 5, 6)
    ]
    (answer,) = driver.send([items], ["id"])
    assert answer.errors == ()


def test_nobody_waits_for_a_chosen_key_that_is_not_committed(driver: Driver) -> None:
    if driver.engine.database.is_sqlite:
        pytest.skip("has one writer at a time")
    following = registered(driver) + 1
    with driver.engine.database.connect(writes=True) as connection:
        records = Rows(driver.engine.schema, connection)
        records.insert_row("sync_client", {**STAMPS, "client_id": following, "type": "slow"})
        assert registered(driver) == following + 1
        connection.commit()


def test_packets_at_once_all_get_keys(driver: Driver) -> None:
    """Some choose the keys that the others are about to get."""
    following = registered(driver) + 1
    given: list[int] = []
    failures: list[tuple[str, ...]] = []

    def give() -> None:
        for _ in range(15):
            answer = register(driver)
            if answer.errors:
                failures.append(answer.errors)
            else:
                given.append(int(answer.records[0]["id"]))

    def choose(step: int) -> None:
        for number in range(15):
            register(driver, following + 2 * number + step)

    threads = [threading.Thread(target=give) for _ in range(2)]
    threads += [threading.Thread(target=choose, args=(step,)) for step in (0, 7)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()

    assert failures == []
    assert len(set(given)) == 30


def test_a_log_whose_sequence_lies_behind_heals(driver: Driver) -> None:
    """Every packet writes a line: in an adopted database each would fail."""
    if driver.engine.database.is_sqlite:
        pytest.skip("goes on behind the largest key by itself")
    registered(driver)
    with driver.engine.database.connect(writes=True) as connection:
        for table, key in (("sync_log", "log_id"), ("sync_transaction_log", "id")):
            name = CATALOGUE.tables[table].key or key
            sequence = key_sequence(connection, table, name)
            connection.execute(
                text("SELECT setval(CAST(:name AS regclass), 1, false)"), {"name": sequence}
            )
        connection.commit()
    for _ in range(3):
        assert driver.one("account", "select", {"id": "0"}, ["id"]).errors == ()
        registered(driver)
    (first, second) = driver.send([[item("system", "getDateTime")]] * 2)
    assert (first.errors, second.errors) == ((), ())


def test_a_file_may_choose_keys_too(driver: Driver, tmp_path: Any) -> None:
    key = registered(driver) + 1
    settings = Settings(database_url=str(driver.engine.database.url))
    path = tmp_path / "world.toml"
    entry = '[[sync_client]]\nid = {}\ntype = "t"\ncode = "secret"\nenabled = true\n'
    path.write_text(entry.format(key))
    provision(settings, path)
    assert registered(driver) == key + 1
    path.write_text(entry.format(LARGEST_CHOSEN + 1))
    with pytest.raises(Exception, match=f"id.*{LARGEST_CHOSEN}"):
        provision(settings, path)
    assert registered(driver) == key + 2
