"""Windows of a sync: what is new, what has changed, and what no map says."""

from __future__ import annotations

import pytest
from driving import item
from sync.office import Office

AT_TEN, AT_ELEVEN, AT_NOON = (f"2030-05-05 {hour}:00:00.0" for hour in (10, 11, 12))


def entered_at(office: Office, *times: str) -> None:
    for time in times:
        office.account(name=time, entered=time, modified=time)


def test_a_window_is_open_at_its_last_anchor_and_closed_at_its_next(office: Office) -> None:
    entered_at(office, AT_TEN, "2030-05-05 10:00:00.001", AT_ELEVEN, "2030-05-05 11:00:00.001")
    sent = office.client().sync(last=AT_TEN, following=AT_ELEVEN)
    assert sent == [("insert", "1", "2030-05-05 10:00:00.001"), ("insert", "2", AT_ELEVEN)]


def test_what_was_entered_at_the_anchor_is_in_the_window_before(office: Office) -> None:
    entered_at(office, AT_TEN)
    client = office.client()
    assert client.sync(last="2030-05-05 09:00:00.0", following=AT_TEN) == [("insert", "1", AT_TEN)]
    assert client.sync(last=AT_TEN, following=AT_ELEVEN) == []


@pytest.mark.parametrize("meta", [("name",), ("guid", "name")])
def test_a_change_is_sent_once_the_record_is_old(office: Office, meta: tuple[str, ...]) -> None:
    key = office.account(name="old", entered=AT_TEN, modified=AT_TEN)
    office.account(name="never changed", entered=AT_TEN, modified=AT_TEN)
    client = office.client()
    anchors = {"last": "2034-01-01 00:00:00.0", "following": "2036-01-01 00:00:00.0"}
    assert client.sync(meta=meta, **anchors) == []
    office.admin.key("account", "update", {"id": key, "name": "changed"})
    unmapped = {"guid": "-1", "name": "changed"}
    assert client.sync(meta=meta, **anchors) == [("update", *(unmapped[each] for each in meta))]


def test_a_first_sync_has_no_changes(office: Office) -> None:
    office.client().key("account", "insert", {"guid": "7", "name": "a"})
    office.clock.go_on(minutes=1)
    key = office.rows("sync_map")[0]["record_id"]
    office.admin.key("account", "update", {"id": str(key), "name": "b"})
    assert office.client().sync() == []


def test_without_a_next_anchor_nothing_is_sent(office: Office) -> None:
    office.account()
    answer = office.client().send("accountList", "sync", meta=["guid"], last=AT_TEN)
    assert (answer.errors, answer.records) == ((), [])
    assert office.rows("sync_map") == []


@pytest.mark.parametrize("anchor", ["", "yesterday", "2027-02-30 10:00:00"])
def test_an_anchor_that_is_no_time_is_none(office: Office, anchor: str) -> None:
    office.account(name="a")
    sent = office.client().sync(last=anchor, following="2037-01-01 00:00:00.0")
    assert sent == [("insert", "1", "a")]


def test_anchors_are_read_as_shipped_clients_write_them(office: Office) -> None:
    office.account(name="a")
    assert office.client().sync(following="3/5/35 9:59:59 AM EST") == []
    assert office.client().sync(following="05.03.35 16:00:00 MEZ") == [("insert", "1", "a")]


def test_without_guid_nothing_is_remembered(office: Office) -> None:
    office.account(name="a")
    for _ in range(2):
        assert office.client().sync(meta=["name"]) == [("insert", "a")]
    assert office.rows("sync_map") == office.rows("sync_unconfirmed") == []


def test_without_guid_what_the_client_has_is_left_out(office: Office) -> None:
    office.client().key("account", "insert", {"guid": "7", "name": "mine"})
    office.account(name="another's")
    assert office.client().sync(meta=["name"]) == [("insert", "another's")]
    assert len(office.client(2).sync(meta=["name"])) == 2


def test_a_user_is_sent_the_window_without_numbers(office: Office) -> None:
    office.account(name="a")
    for _ in range(2):
        assert office.admin.sync() == [("insert", "-1", "a")]
    assert office.admin.gone() == []
    assert office.rows("sync_map") == []


def test_filters_hold(office: Office) -> None:
    office.account(name="Alpha")
    office.account(name="Beta")
    assert office.client().sync(values={"accountName": "bet%"}) == [("insert", "1", "Beta")]


def test_a_list_without_times_is_sent_as_far_as_it_is_unknown(office: Office) -> None:
    client = office.client()
    for title in ("b", "a"):
        office.client(2).key("ticketDefect", "insert", {"title": title})
    fresh = [("insert", "1", "b"), ("insert", "2", "a")]
    assert client.sync("ticketDefectList", meta=("guid", "title"), last=AT_TEN) == fresh
    assert client.sync("ticketDefectList", meta=("guid", "title"), last=AT_TEN) == []


def test_trashed_records_are_in_no_window(office: Office) -> None:
    key = office.account(name="a")
    client = office.client()
    anchor, _ = client.whole_session()
    office.clock.go_on(hours=1)
    office.admin.send("account", "delete", {"id": key})
    assert client.sync(last=anchor) == []
    assert client.gone() == ["1"]


def test_only_the_first_item_s_records_are_noted(office: Office) -> None:
    office.account(name="a")
    client = office.client()
    items = [item(element, "sync") for element in ("userList", "accountList")]
    (answer,) = client.send_all(items, meta=["guid"], following=client.now())
    assert answer.records
    assert client.sync() == [("insert", "1", "a")]
