"""Sessions: anchors that must agree, and answers that may have been lost."""

from __future__ import annotations

import pytest
from driving import HOST
from sync.office import Office

from packetserver.security.credentials import Credentials

FAR = "2037-01-01 00:00:00.0"
NOT_IN_SYNC = ("Client and server not in sync!",)


def rename(office: Office, name: str, new: str) -> None:
    (row,) = office.rows("organization", name=name)
    office.admin.key("account", "update", {"id": str(row["org_id"]), "name": new})


@pytest.mark.parametrize(
    ("stored", "sent", "is_same"),
    [
        (None, None, True),
        (None, FAR, False),
        (FAR, None, False),
        (FAR, FAR, True),
        ("2035-01-01 10:00:00.9", "2035-01-01 10:00:00.1", True),
        ("2035-01-01 10:00:00.0", "1/1/35 10:00:00 AM EST", True),
        ("2035-01-01 10:00:00.0", "2035-01-01 10:00:01.0", False),
        (None, "no time at all", True),
    ],
)
def test_a_session_begins_where_the_last_one_ended(
    office: Office, stored: str | None, sent: str | None, *, is_same: bool
) -> None:
    client = office.client()
    client.end(stored)
    assert client.start(sent) == (() if is_same else NOT_IN_SYNC)
    assert len(office.rows("sync_session")) == is_same


def test_the_end_sets_the_anchor(office: Office) -> None:
    client = office.client()
    client.end("2035-01-01 10:00:00.25")
    (row,) = office.rows("sync_client", client_id=1)
    assert row["anchor"].isoformat() == "2035-01-01T10:00:00.250000"
    assert row["modified"].isoformat() == "2035-03-05T10:00:00"
    answer = client.send("syncClient", "syncEnd")
    assert [(each.names, each.texts) for each in answer.records] == [
        (("endDateTime",), ("2035-03-05 10:00:00.0",))
    ]
    assert office.rows("sync_client", client_id=1)[0]["anchor"] is None


@pytest.mark.parametrize("element", ["account", "accountList", "syncClientList", "system"])
@pytest.mark.parametrize("action", ["syncStart", "syncEnd", "syncProcessed"])
def test_only_a_sync_client_has_sessions(office: Office, element: str, action: str) -> None:
    answer = office.client().send(element, action)
    assert answer.reasons == ("Transaction failed", f"{action} is an action of syncClient alone")


def test_users_have_no_sessions(office: Office) -> None:
    assert office.admin.start() == NOT_IN_SYNC
    office.admin.end(FAR)
    assert [row["anchor"] for row in office.rows("sync_client") if row["anchor"]] == []
    errors = office.admin.send("syncClient", "syncProcessed").errors
    assert errors == ("Transaction failed", "Sync Client record not found.")
    answer = office.client().send("syncClient", "syncProcessed")
    assert (answer.errors, answer.records) == ((), [])


def test_a_user_s_client_has_a_session_of_its_own(office: Office) -> None:
    code = "21232f297a57a5a743894a0e4a801fc3"
    by_user = Credentials(HOST, code, 4, 2, "admin", next_anchor=FAR)
    client = office.client(2)
    client.credentials = by_user
    client.end(FAR)
    assert office.rows("sync_client", client_id=2)[0]["anchor"].year == 2037
    assert client.start(FAR) == ()


def test_a_second_sync_sends_nothing_again(office: Office) -> None:
    office.account(name="a")
    client = office.client()
    assert client.start() == ()
    assert client.sync(following=FAR) == [("insert", "1", "a")]
    assert client.sync(following=FAR, identity="5") == []


def test_a_session_that_begins_anew_is_sent_what_may_be_lost(office: Office) -> None:
    office.account(name="a")
    client = office.client()
    client.start()
    assert client.sync(following=FAR) == [("insert", "1", "a")]
    office.account(name="b")
    client.start()
    assert client.sync(following=FAR, identity="7") == [("insert", "1", "a"), ("insert", "7", "b")]
    client.end(client.now())
    client.start(client.now())
    assert client.sync(following=FAR, last=client.now()) == []


def test_a_packet_that_comes_twice_is_answered_twice(office: Office) -> None:
    office.account(name="a")
    client = office.client()
    client.start()
    assert client.sync(following=FAR) == client.sync(following=FAR) == [("insert", "1", "a")]
    assert client.sync(following=FAR) == [("insert", "1", "a")]
    assert client.sync("contactList", following=FAR) != []
    assert client.sync(following=FAR) == []


def test_an_anchor_of_a_wrong_clock_hides_nothing(office: Office) -> None:
    """The client's clock is days ahead; by the time that its anchor comes, others have written."""
    client = office.client()
    anchor = "2035-03-08 10:00:00.0"
    client.start()
    client.sync(following=anchor)
    client.end(anchor)
    office.account(name="a")
    office.clock.go_on(days=4)
    client.start(anchor)
    assert client.sync(last=anchor) == [("insert", "1", "a")]


def test_outside_of_a_session_a_packet_that_comes_twice_is_two(office: Office) -> None:
    office.account(name="a")
    client = office.client()
    assert client.sync(following=FAR) == [("insert", "1", "a")]
    assert client.sync(following=FAR) == []


def test_what_a_session_did_not_ask_for_is_still_owed(office: Office) -> None:
    office.account(name="a")
    client = office.client()
    client.start()
    assert client.sync(following=FAR) == [("insert", "1", "a")]
    for _ in range(2):
        anchor = client.now()
        client.start(office_anchor(office))
        client.end(anchor)
    client.start(anchor)
    assert client.sync(last=anchor) == [("insert", "1", "a")]
    client.end(anchor)
    assert office.rows("sync_unconfirmed") == []


def office_anchor(office: Office) -> str | None:
    anchor = office.rows("sync_client", client_id=1)[0]["anchor"]
    return None if anchor is None else str(anchor)


@pytest.mark.parametrize("in_session", [True, False])
@pytest.mark.parametrize("name", ["guid", "id"])
def test_pull_then_push(office: Office, name: str, *, in_session: bool) -> None:
    """What was sent counts as seen at once; it is sent again until that is confirmed."""
    key = office.account(name="a")
    client = office.client()
    anchor, _ = client.whole_session()
    office.clock.go_on(minutes=1)
    rename(office, "a", "b")
    mine = {"guid": "1", "name": "mine"} if name == "guid" else {"id": key, "name": "mine"}
    by_guid = {"guid": "1", "name": "mine"}
    assert client.send("account", "update", by_guid).records[0].action == "conflict"
    if in_session:
        client.start(anchor)
    following = client.now()
    assert client.sync(last=anchor, following=following) == [("update", "1", "b")]
    # Without a session only the client's anchor tells that the answer has come.
    said = None if in_session else following
    assert in_session or client.send("account", "update", by_guid).records[0].action == "conflict"
    for _ in range(2):
        answer = client.send("account", "update", mine, last=said)
        assert answer.records[0].action == "processed"
    office.clock.go_on(minutes=1)
    assert client.sync(last=anchor) == [("update", "1", "mine")]
    if in_session:
        client.start(anchor)
        assert client.send("account", "update", by_guid).records[0].action == "conflict"
        assert client.sync(last=anchor) == [("update", "1", "mine")]
        client.end(client.now())
        assert client.send("account", "update", by_guid).records[0].action == "processed"


def test_what_others_change_after_the_pull_is_a_conflict(office: Office) -> None:
    office.account(name="a")
    client = office.client()
    anchor, _ = client.whole_session()
    office.clock.go_on(minutes=1)
    rename(office, "a", "b")
    client.start(anchor)
    assert client.sync(last=anchor) == [("update", "1", "b")]
    rename(office, "b", "c")
    assert (
        client.send("account", "update", {"guid": "1", "name": "mine"}).records[0].action
        == "conflict"
    )


def test_a_change_is_proved_to_be_seen_by_its_time(office: Office) -> None:
    office.account(name="a")
    client = office.client()
    anchor, _ = client.whole_session()
    office.clock.go_on(minutes=1)
    rename(office, "a", "b")
    client.start(anchor)
    ((_, _, modified),) = client.sync(last=anchor, meta=["guid", "modified"])
    proof = {"guid": "1", "name": "mine", "modified": modified}
    assert client.send("account", "update", proof).records[0].action == "processed"
    assert office.rows("sync_unconfirmed") == []
    office.clock.go_on(minutes=1)
    assert (
        client.send("account", "update", {"guid": "1", "name": "x"}).records[0].action
        == "processed"
    )


def test_a_new_record_is_seen_by_whoever_names_it(office: Office) -> None:
    office.account(name="a")
    client = office.client()
    client.sync()
    answer = client.send("account", "update", {"guid": "1", "name": "b"})
    assert [each.action for each in answer.records] == ["processed"]
    assert office.rows("sync_unconfirmed") == []


def test_a_record_sent_again_is_seen_as_it_was_the_first_time(office: Office) -> None:
    office.account(name="a")
    client = office.client()
    client.start()
    client.sync()
    office.clock.go_on(minutes=1)
    rename(office, "a", "b")
    client.start()
    assert client.sync() == [("insert", "1", "b")]
    rename(office, "b", "d")
    client.start()
    answer = client.send("account", "update", {"guid": "1", "name": "c"})
    assert [each.action for each in answer.records] == ["conflict"]


def exchanged(office: Office) -> tuple[str, str, list[tuple[str, ...]]]:
    """A client with two sessions behind it; the anchors, and what the second one sent."""
    keys = {name: office.account(name=name) for name in ("kept", "changed", "gone")}
    client = office.client()
    first, _ = client.whole_session()
    office.clock.go_on(hours=1)
    rename(office, "changed", "again")
    office.account(name="new")
    office.admin.send("account", "delete", {"id": keys["gone"]})
    client.start(first)
    second = client.now()
    sent = sorted(client.sync(last=first, following=second))
    assert client.gone() == ["2"]
    client.end(second)
    return first, second, sent


def test_a_lost_answer_to_the_end_locks_nobody_out(office: Office) -> None:
    first, second, sent = exchanged(office)
    client = office.client()
    office.clock.go_on(hours=1)
    assert client.start(first) == ()
    assert sorted(client.sync(last=first, identity="9")) == sent
    assert client.gone() == ["2"]
    third = client.now()
    client.end(third)
    assert client.start(second) == NOT_IN_SYNC
    assert client.start(third) == ()
    assert client.sync(last=third) == []
    assert client.gone() == []


def test_whoever_got_the_end_after_all_may_go_on_from_there(office: Office) -> None:
    first, second, _ = exchanged(office)
    client = office.client()
    office.clock.go_on(hours=1)
    assert client.start(first) == client.start(second) == ()
    office.account(name="newer")
    assert ("insert", "5", "newer") in client.sync(last=second, identity="5")


def test_the_end_of_the_first_session_may_be_lost_too(office: Office) -> None:
    office.account(name="a")
    client = office.client()
    anchor, sent = client.whole_session()
    assert client.start() == ()
    assert client.sync() == sent == [("insert", "1", "a")]
    client.end(anchor)
    client.end(anchor)
    assert client.start() == ()


def test_a_number_that_was_given_away_since_stays_given(office: Office) -> None:
    first, _, sent = exchanged(office)
    client = office.client()
    client.key("account", "insert", {"guid": "2", "name": "the client's"})
    assert client.start(first) == ()
    assert sorted(client.sync(last=first, identity="9")) == sent
    assert client.gone() == []


def test_a_number_that_never_came_can_be_used(office: Office) -> None:
    office.account(name="the server's")
    client = office.client()
    client.start()
    assert client.sync() == [("insert", "1", "the server's")]
    client.start()
    client.key("account", "insert", {"guid": "1", "name": "the client's"})
    assert len(office.rows("organization", name="the client's")) == 1
    assert client.sync(identity="2") == [("insert", "2", "the server's")]


def test_a_number_of_a_record_that_is_gone_can_be_used(office: Office) -> None:
    key = office.account(name="the server's")
    client = office.client()
    anchor, _ = client.whole_session()
    office.admin.send("account", "delete", {"id": key})
    client.start(anchor)
    assert client.gone() == ["1"]
    client.key("account", "insert", {"guid": "1", "name": "the client's"})
    assert client.gone() == []
    client.end(client.now())
    answer = client.send("account", "update", {"guid": "1", "name": "again"})
    assert [each.action for each in answer.records] == ["processed"]


def test_a_record_that_is_committed_late_is_in_the_next_window(office: Office) -> None:
    client = office.client()
    anchor, _ = client.whole_session()
    office.account(name="late", entered="2035-03-05 09:59:00", modified="2035-03-05 09:59:00")
    office.clock.go_on(hours=1)
    _, sent = client.whole_session(anchor)
    assert sent == [("insert", "1", "late")]


def test_a_record_that_says_that_it_is_old_is_new_to_others(office: Office) -> None:
    client = office.client()
    anchor, _ = client.whole_session()
    office.clock.go_on(hours=1)
    office.client(2).key("account", "insert", {"name": "offline", "entered": "2034-12-24 10:00:00"})
    anchor, sent = client.whole_session(anchor)
    assert sent == [("insert", "1", "offline")]
    office.clock.go_on(hours=1)
    assert client.whole_session(anchor)[1] == []


def test_a_change_before_the_first_sync_is_sent_in_a_session(office: Office) -> None:
    client = office.client()
    client.key("account", "insert", {"guid": "4", "name": "a"})
    office.clock.go_on(days=9)
    rename(office, "a", "b")
    office.clock.go_on(days=9)
    anchor, sent = client.whole_session()
    assert sent == [("update", "4", "b")]
    office.clock.go_on(days=9)
    assert client.whole_session(anchor)[1] == []


@pytest.mark.parametrize("backwards", [{"hours": 1}, {"days": 300}])
def test_a_clock_that_is_set_back_hides_nothing(
    office: Office, backwards: dict[str, float]
) -> None:
    office.account(name="old")
    client = office.client()
    anchor, _ = client.whole_session()
    office.clock.go_on(**{name: -number for name, number in backwards.items()})
    office.account(name="new")
    rename(office, "old", "changed")
    office.clock.go_on(minutes=1)
    anchor, sent = client.whole_session(anchor)
    assert sent == [("insert", "2", "new"), ("update", "1", "changed")]
    office.clock.go_on(minutes=1)
    assert client.whole_session(anchor)[1] == []


def test_the_hour_that_comes_twice(office: Office) -> None:
    """On the fourth of November 2035, at two o'clock, it is one o'clock again."""
    from datetime import UTC, datetime  # noqa: PLC0415

    office.clock.set_to(datetime(2035, 11, 4, 5, 50, tzinfo=UTC))
    office.account(name="before")
    client = office.client()
    anchor, _ = client.whole_session()
    assert anchor == "2035-11-04 01:50:00.0"
    office.clock.go_on(minutes=20)
    office.account(name="after")
    rename(office, "before", "changed")
    anchor, sent = client.whole_session(anchor)
    assert anchor == "2035-11-04 01:10:00.0"
    assert sent[0] == ("insert", "2", "after")
    office.clock.go_on(hours=2)
    _, later = client.whole_session(anchor)
    assert ("update", "1", "changed") in sent + later
