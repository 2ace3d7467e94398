"""The numbers that a client's new records get."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings, strategies
from sync.office import Office

from packetserver.store.rows import Rows
from packetserver.sync.guids import LARGEST, NARROW_GAPS, Numbers, element_id

FAR = "2037-01-01 00:00:00.0"


@contextlib.contextmanager
def opened(office: Office) -> Iterator[Rows]:
    with office.engine.database.connect(writes=True) as connection:
        yield Rows(office.engine.schema, connection)


def use(records: Rows, *numbers: int, element: str = "accountList") -> int:
    """Let client 1 call records by these numbers; returns the element's own."""
    table_id = element_id(records.connection, records.schema.metadata, element)
    for number in numbers:
        place = {"client_id": 1, "table_id": table_id, "record_id": number + 10**6}
        records.insert_row("sync_map", {**place, "cuid": number, "complete": False})
    return table_id


def first_free(office: Office, used: list[int], identity: int, count: int) -> list[int]:
    with opened(office) as records:
        numbers = Numbers(records, 1, use(records, *used))
        found: list[int] = []
        for first, size in numbers.free_from(identity):
            found.extend(range(first, first + min(size, count - len(found))))
            if len(found) == count:
                break
        return found


@given(
    used=strategies.sets(strategies.integers(0, 40)),
    identity=strategies.integers(0, 45),
    count=strategies.integers(1, 20),
)
@settings(max_examples=40, suppress_health_check=list(HealthCheck))
def test_the_lowest_free_numbers_are_taken(
    office: Office, used: set[int], identity: int, count: int
) -> None:
    free = [number for number in range(identity, identity + 100) if number not in used]
    assert first_free(office, sorted(used), identity, count) == free[:count]


def test_many_gaps_are_left_behind(office: Office) -> None:
    odd = list(range(1, 4 * NARROW_GAPS, 2))
    found = first_free(office, odd, 0, 2 * NARROW_GAPS)
    assert len(found) == len(set(found)) == 2 * NARROW_GAPS
    assert set(found).isdisjoint(odd)
    assert found == sorted(found)


def test_runs_that_are_known_are_skipped_without_looking(office: Office) -> None:
    with opened(office) as records:
        table_id = use(records)
        numbers = Numbers(records, 1, table_id)
        numbers.keep_run(5, 1000)
        assert next(numbers.free_from(5))[0] == 1000
        assert next(numbers.free_from(999))[0] == 1000
        assert next(numbers.free_from(1000))[0] == 1000
        assert next(numbers.free_from(4))[0] == 4
        assert next(numbers.free_from(1001))[0] == 1001
        numbers.keep_run(7, 2000)
        numbers.keep_run(1, 2)
        assert next(numbers.free_from(5))[0] == 2000
        assert next(numbers.free_from(1))[0] == 2
        assert next(Numbers(records, 2, table_id).free_from(5))[0] == 5
        assert next(Numbers(records, 1, table_id + 1).free_from(5))[0] == 5


def test_numbers_end(office: Office) -> None:
    for name in "ab":
        office.account(name=name)
    client = office.client()
    last = str(LARGEST)
    answer = client.send("accountList", "sync", {}, ["guid"], None, FAR, identity=last)
    assert answer.reasons == ("Transaction failed", "There are no numbers left for new records")
    assert office.rows("sync_map") == []
    assert client.sync(following=FAR, values={"accountName": "b"}, identity=last) == [
        ("insert", last, "b")
    ]
    assert client.sync(following=FAR, values={"accountName": "b"}, identity=last) == []


@pytest.mark.parametrize(
    ("identity", "first"),
    [("", 1), ("7", 7), ("0", 0), ("-3", 1), ("x", 1), ("99999999999", 1), (" 8 ", 8)],
)
def test_where_counting_begins(office: Office, identity: str, first: int) -> None:
    office.account(name="a")
    sent = office.client().sync(following=FAR, identity=identity)
    assert sent == [("insert", str(first), "a")]


def test_numbers_in_use_are_skipped(office: Office) -> None:
    client = office.client()
    for guid in ("100", "102"):
        client.key("account", "insert", {"guid": guid, "name": f"mine {guid}"})
    for name in "abc":
        office.account(name=name)
    sent = client.sync(following=FAR, identity="100")
    assert sent == [("insert", "101", "a"), ("insert", "103", "b"), ("insert", "104", "c")]


def test_numbers_follow_the_order_of_the_list(office: Office) -> None:
    for name in ("c", "a", "b"):
        office.account(name=name)
    sent = office.client().sync(following=FAR)
    assert sent == [("insert", "1", "a"), ("insert", "2", "b"), ("insert", "3", "c")]


def test_lists_and_clients_have_numbers_of_their_own(office: Office) -> None:
    office.account(name="a")
    for client in (office.client(), office.client(2)):
        assert client.sync(following=FAR) == [("insert", "1", "a")]
        assert client.sync("roleList", ["guid"], following=FAR)[0] == ("insert", "1")


def test_a_failing_transaction_leaves_no_number(office: Office) -> None:
    from driving import item  # noqa: PLC0415

    office.account(name="a")
    client = office.client()
    both = [item("accountList", "sync"), item("account", "insert", {"name": ""})]
    (answer,) = client.send_all(both, meta=["guid"], following=FAR)
    assert answer.status == 1
    for table in ("sync_map", "sync_unconfirmed", "sync_number"):
        assert office.rows(table) == []
    assert client.sync(following=FAR) == [("insert", "1", "a")]


def test_a_page_of_new_records(office: Office) -> None:
    for name in "abcde":
        office.account(name=name)
    client = office.client()
    pages = []
    for offset in ("0", "2", "4", "6"):
        answer = client.send(
            "accountList", "sync", {}, ["guid", "name"], None, FAR, offset=offset, items="2"
        )
        pages.append((answer.total, ["".join(each.texts) for each in answer.records]))
    assert pages == [(5, ["1a", "2b"]), (5, ["3c", "4d"]), (5, ["5e"]), (5, [])]


def test_a_page_without_the_ones_before(office: Office) -> None:
    for name in "abcde":
        office.account(name=name)
    client = office.client()
    how = {"meta": ["guid", "name"], "following": FAR, "items": "2"}
    assert client.sync(**how, offset="2") == [("insert", "1", "c"), ("insert", "2", "d")]
    assert client.sync(**how, offset="0") == [("insert", "3", "a"), ("insert", "4", "b")]


def test_pages_miss_nothing_while_records_go(office: Office) -> None:
    keys = {name: office.account(name=name) for name in "abcdef"}
    client = office.client()
    sent = client.sync(following=FAR, offset="0", items="2")
    office.admin.send("account", "delete", {"id": keys["a"]})
    for offset in ("2", "4", "6"):
        sent += client.sync(following=FAR, offset=offset, items="2")
    assert [name for _, _, name in sent] == list("abcdef")


@pytest.mark.parametrize("meta", [("guid", "name"), ("name",)])
def test_pages_of_changes(office: Office, meta: tuple[str, ...]) -> None:
    keys = {name: office.account(name=name) for name in "abcde"}
    client = office.client()
    client.sync(following=client.now())
    anchor = client.now()
    client.end(anchor)
    office.clock.go_on(minutes=1)
    for name, key in keys.items():
        office.admin.key("account", "update", {"id": key, "name": name * 2})
    pages = []
    for offset in ("0", "2", "4", "6"):
        answer = client.send("accountList", "sync", {}, meta, anchor, FAR, offset=offset, items="2")
        pages.append((answer.total, [each["name"] for each in answer.records]))
    assert pages == [(5, ["aa", "bb"]), (5, ["cc", "dd"]), (5, ["ee"]), (5, [])]
