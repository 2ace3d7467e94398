"""Sync clients that go on from the anchors of their own last sync, and never begin a session."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sync.office import Office, Party

HOUR = timedelta(hours=1)
DISTANCES = [timedelta(), timedelta(days=3), timedelta(days=-3), timedelta(hours=5)]


def rename(office: Office, name: str, new: str) -> None:
    (row,) = office.rows("organization", name=name)
    office.admin.key("account", "update", {"id": str(row["org_id"]), "name": new})


def at(office: Office, ahead: timedelta = timedelta()) -> str:
    """What a clock shows that is so far ahead of the server's."""
    return (office.clock.time - HOUR * 5 + ahead).strftime("%Y-%m-%d %H:%M:%S.0")


def late(office: Office, name: str) -> None:
    """An account that was committed after its time."""
    time = at(office, -HOUR / 2)
    office.account(name=name, entered=time, modified=time)


def test_what_is_committed_late_is_in_the_next_answer(office: Office) -> None:
    client = office.client()
    anchor = client.now()
    assert client.sync(following=anchor) == []
    late(office, "late")
    office.clock.go_on(hours=1)
    following = client.now()
    assert client.sync(last=anchor, following=following) == [("insert", "1", "late")]
    office.clock.go_on(hours=1)
    assert client.sync(last=following) == []


def test_an_anchor_that_was_never_named_is_kept_to_the_letter(office: Office) -> None:
    client = office.client()
    late(office, "late")
    assert client.sync(last=client.now()) == []


def test_a_change_is_sent_once(office: Office) -> None:
    key = office.account(name="a")
    client = office.client()
    anchors = [client.now()]
    sent = [client.sync(following=anchors[0])]
    for name in ("b", None, "c", None):
        office.clock.go_on(minutes=1)
        if name is not None:
            office.admin.key("account", "update", {"id": key, "name": name})
        anchors.append(client.now())
        sent.append(client.sync(last=anchors[-2], following=anchors[-1]))
    assert sent == [
        [("insert", "1", "a")],
        [("update", "1", "b")],
        [],
        [("update", "1", "c")],
        [],
    ]


@pytest.mark.parametrize("ahead", DISTANCES)
@pytest.mark.parametrize("absence", [timedelta(minutes=5), timedelta(days=4), timedelta(days=190)])
def test_a_wrong_clock_loses_nothing(office: Office, ahead: timedelta, absence: timedelta) -> None:
    """Anchors are of a clock that is wrong by days; in the end the client goes by the right one."""
    client, anchor, sent = office.client(), None, []
    for step in range(4):
        office.account(name=f"{step}")
        late(office, f"late {step}")
        following = at(office, ahead if step < 3 else timedelta(days=4))
        sent += client.sync(last=anchor, following=following, identity=str(len(sent) + 1))
        anchor = following
        office.clock.go_on(seconds=absence.total_seconds())
    assert sorted(name for _, _, name in sent) == sorted(
        f"{kind}{step}" for kind in ("", "late ") for step in range(4)
    )
    assert len({guid for _, guid, _ in sent}) == len(sent)
    assert {action for action, _, _ in sent} == {"insert"}


def whole_state(client: Party, office: Office) -> str:
    """Let a client have all there is; returns its anchor."""
    office.account(name="a")
    office.account(name="b")
    anchor = client.now()
    assert len(client.sync(following=anchor)) == 2
    office.clock.go_on(minutes=1)
    return anchor


@pytest.mark.parametrize("is_same", [True, False])
def test_whoever_repeats_gets_the_same_again(office: Office, *, is_same: bool) -> None:
    client = office.client()
    anchor = whole_state(client, office)
    rename(office, "a", "changed")
    office.account(name="new")
    following = client.now()
    sent = client.sync(last=anchor, following=following)
    assert sent == [("insert", "3", "new"), ("update", "1", "changed")]
    if not is_same:
        office.clock.go_on(minutes=1)
        following = client.now()
    assert client.sync(last=anchor, following=following, identity="4") == sent
    office.clock.go_on(minutes=1)
    assert client.sync(last=following, identity="4") == []


def test_a_first_sync_that_is_repeated_is_answered_again(office: Office) -> None:
    office.account(name="a")
    client = office.client()
    anchor = client.now()
    assert client.sync(following=anchor) == client.sync(following=anchor) == [("insert", "1", "a")]
    office.clock.go_on(minutes=1)
    assert client.sync(following=client.now()) == []


def test_lists_with_other_filters_go_their_own_ways(office: Office) -> None:
    office.account(name="Alpha")
    office.account(name="Beta")
    client = office.client()
    filters = [{"accountName": "alp%"}, {"accountName": "bet%"}]
    anchor = client.now()
    sent = [client.sync(values=each, following=anchor) for each in filters]
    office.clock.go_on(minutes=1)
    rename(office, "Alpha", "alpha")
    rename(office, "Beta", "beta")
    following = client.now()
    sent += [client.sync(values=each, last=anchor, following=following) for each in filters]
    office.clock.go_on(minutes=1)
    sent += [client.sync(values=each, last=following) for each in filters]
    assert [[name for _, _, name in each] for each in sent] == [
        *(["Alpha"], ["Beta"], ["alpha"], ["beta"], [], [])
    ]


def test_pages_that_were_not_asked_for_are_still_owed(office: Office) -> None:
    for number in range(7):
        office.account(name=f"{number}")
    client = office.client()
    anchor = client.now()
    sent = client.sync(following=anchor, offset="0", items="3")
    office.clock.go_on(days=30)
    following = client.now()
    sent += client.sync(last=anchor, following=following, identity="4")
    assert [name for _, _, name in sent] == [str(number) for number in range(7)]
    office.clock.go_on(minutes=1)
    assert client.sync(last=following) == []


def test_what_is_gone_is_named_without_a_session_too(office: Office) -> None:
    client = office.client()
    whole_state(client, office)
    (row,) = office.rows("organization", name="a")
    office.admin.send("account", "delete", {"id": str(row["org_id"])})
    assert client.gone() == client.gone() == ["1"]


def test_a_client_without_sessions_goes_on_from_the_end_of_one(office: Office) -> None:
    client = office.client()
    anchor, _ = client.whole_session()
    late(office, "late")
    office.clock.go_on(hours=1)
    assert client.sync("contactList", last=anchor, meta=["guid"]) == []
    assert client.sync(last=anchor) == [("insert", "1", "late")]


def test_answers_do_not_pile_up(office: Office) -> None:
    client, anchor = office.client(), None
    for _ in range(50):
        following = client.now()
        client.sync(last=anchor, following=following)
        anchor = following
        office.clock.go_on(seconds=1)
    assert len(office.rows("sync_answer")) == 2
    for number in range(50):
        client.sync(values={"accountName": f"{number}%"}, last=anchor)
    assert len(office.rows("sync_answer")) <= 33


def test_anchors_of_one_second_are_told_apart(office: Office) -> None:
    client, anchor, sent = office.client(), None, []
    for number in range(4):
        office.account(name=f"{number}")
        following = client.now()
        sent += client.sync(last=anchor, following=following, identity=str(number + 1))
        anchor = following
        office.clock.go_on(seconds=0.1)
    assert [name for _, _, name in sent] == ["0", "1", "2", "3"]


def test_an_anchor_may_lose_its_fraction(office: Office) -> None:
    client = office.client()
    office.clock.go_on(seconds=0.4)
    anchor = client.now()
    client.sync(following=anchor)
    late(office, "late")
    assert client.sync(last="3/5/35 10:00:00 AM EST") == [("insert", "1", "late")]


def test_a_page_that_is_repeated_is_the_same_again(office: Office) -> None:
    client = office.client()
    anchor = whole_state(client, office)
    for number in range(5):
        office.account(name=f"new {number}")
    rename(office, "a", "a changed")
    rename(office, "b", "b changed")
    following, sent = client.now(), []
    for offset in (0, 1, 2, 3, 4, 5):
        pages = [
            client.sync(
                last=anchor, following=following, offset=str(offset), items="1", identity="3"
            )
            for _ in range(3)
        ]
        assert pages[0] == pages[1] == pages[2]
        sent += pages[0]
    assert sorted(sent) == sorted(
        [("insert", str(number + 3), f"new {number}") for number in range(5)]
        + [("update", "1", "a changed"), ("update", "2", "b changed")]
    )
