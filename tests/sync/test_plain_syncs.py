"""Users, and clients that ask for no guid: nothing but their anchors tells what they have."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest
from sync.office import Office, Party

HOUR = timedelta(hours=1)
META = ("id", "name")


@pytest.fixture(params=["user", "client"])
def party(request: pytest.FixtureRequest, office: Office) -> Party:
    """Somebody without a map."""
    return office.admin if request.param == "user" else office.client()


def at(office: Office, ahead: timedelta = timedelta()) -> str:
    """What a clock shows that is so far ahead of the server's."""
    return (office.clock.time - HOUR * 5 + ahead).strftime("%Y-%m-%d %H:%M:%S.0")


def late(office: Office, name: str) -> str:
    """An account that was committed after its time."""
    time = at(office, -HOUR / 2)
    return office.account(name=name, entered=time, modified=time)


def names(party: Party, last: str | None, following: str, **how: str) -> list[tuple[str, str]]:
    found = party.sync(meta=META, last=last, following=following, **how)
    return [(action, name) for action, _, name in found]


def test_each_record_and_each_change_comes_once(office: Office, party: Party) -> None:
    """What happens and what is asked are drawn; whoever holds the answers holds what there is."""
    chance = random.Random(7)
    anchor: str | None = None
    held: dict[str, str] = {}
    keys = ["0"]
    for step in range(60):
        for number in range(chance.randrange(4)):
            name = f"{step}-{number}"
            keys.append(late(office, name) if chance.random() < 0.5 else office.account(name=name))
        for key in chance.sample(keys[1:], min(len(keys) - 1, chance.randrange(3))):
            office.admin.key("account", "update", {"id": key, "name": f"{step} {key}"})
        if chance.random() < 0.7:
            following = at(office, chance.choice([timedelta(), HOUR * -2, HOUR * 3]))
            for action, key, name in party.sync(meta=META, last=anchor, following=following):
                assert (action == "insert") == (key not in held), (step, action, name)
                assert held.get(key) != name
                held[key] = name
            anchor = following
        office.clock.go_on(seconds=chance.choice([0, 1, 60, 7200, 90_000]))
    office.clock.go_on(days=2)
    for action, key, name in party.sync(meta=META, last=anchor, following=at(office)):
        assert (action == "insert") == (key not in held)
        held[key] = name
    rows = office.rows("organization", trashed_date=None)
    assert held == {str(row["org_id"]): row["name"] for row in rows if row["org_id"]}


@pytest.mark.parametrize("ahead", [timedelta(days=3), timedelta(days=-3), HOUR * 5])
@pytest.mark.parametrize("absence", [timedelta(minutes=5), timedelta(days=4), timedelta(days=190)])
def test_a_wrong_clock_loses_nothing(
    office: Office, party: Party, ahead: timedelta, absence: timedelta
) -> None:
    anchor, sent = None, []
    for step in range(4):
        office.account(name=f"{step}")
        late(office, f"late {step}")
        following = at(office, ahead if step < 3 else timedelta(days=4))
        sent += names(party, anchor, following)
        anchor = following
        office.clock.go_on(seconds=absence.total_seconds())
    assert sorted(sent) == sorted(
        ("insert", f"{kind}{step}") for kind in ("", "late ") for step in range(4)
    )


def test_whoever_repeats_gets_the_same_again(office: Office, party: Party) -> None:
    first, second = at(office), at(office, HOUR)
    office.account(name="old")
    assert names(party, None, first) == names(party, None, first) == [("insert", "old")]
    office.clock.go_on(hours=1)
    late(office, "late")
    expected = [("insert", "late")]
    assert names(party, first, second) == names(party, first, second) == expected
    assert names(party, first, at(office, HOUR * 2)) == expected
    office.clock.go_on(hours=1)
    assert names(party, second, at(office, HOUR)) == []


def test_two_programs_of_one_user_go_their_own_ways(office: Office, party: Party) -> None:
    anchors: list[str | None] = [None, None]
    sent: list[list[tuple[str, str]]] = [[], []]
    for step in range(12):
        late(office, f"{step}")
        for program in (0, 1) if step % 3 == 0 else (0,):
            office.clock.go_on(minutes=7)
            following = at(office)
            sent[program] += names(party, anchors[program], following)
            anchors[program] = following
    expected = [("insert", f"{step}") for step in range(12)]
    assert sorted(sent[0]) == sorted(expected)
    assert sorted(sent[1]) == sorted(expected[:10])


def test_pages_are_the_list_whatever_comes_and_goes(office: Office, party: Party) -> None:
    keys = [office.account(name=f"{number:02}") for number in range(10)]
    following = at(office)
    sent = names(party, None, following, offset="0", items="3")
    office.admin.send("account", "delete", {"id": keys[0]})
    office.account(name="00 late")
    sent += names(party, None, following, offset="3", items="3")
    again = names(party, None, following, offset="3", items="3")
    assert again == sent[3:]
    assert sent == [("insert", f"{number:02}") for number in range(6)]
    office.clock.go_on(days=9)
    rest = names(party, following, at(office))
    assert sorted(rest) == [("insert", name) for name in ("00 late", "06", "07", "08", "09")]
    office.clock.go_on(days=9)
    assert names(party, at(office, timedelta(days=-9)), at(office)) == []


def test_little_is_remembered(office: Office, party: Party) -> None:
    anchor = None
    for _ in range(40):
        office.account()
        following = at(office)
        names(party, anchor, following)
        anchor = following
        office.clock.go_on(days=2)
    assert len(office.rows("sync_answer")) == 2
    assert len(office.rows("sync_answered")) <= 2
    for _ in range(40):
        names(party, None, at(office))
        office.clock.go_on(minutes=1)
    assert len(office.rows("sync_answer")) <= 11


def test_what_was_trashed_and_restored_comes_again(office: Office, party: Party) -> None:
    key = office.account(name="a")
    anchor = at(office)
    assert names(party, None, anchor) == [("insert", "a")]
    office.clock.go_on(days=3)
    office.admin.send("account", "delete", {"id": key})
    second = at(office)
    assert names(party, anchor, second) == []
    office.admin.key("account", "update", {"id": key, "trashedDate": None})
    office.clock.go_on(days=3)
    assert names(party, second, at(office)) == [("insert", "a")]


@pytest.mark.parametrize("in_session", [True, False])
@pytest.mark.parametrize("paged", [{}, {"offset": "0", "items": "9"}])
def test_guids_may_be_left_out_after_syncs_with_them(
    office: Office, paged: dict[str, str], *, in_session: bool
) -> None:
    """Each change comes once, by whichever kind of sync, and nothing that the map has is new."""
    client, anchor = office.client(), None
    keys = [office.account(name=f"{number}") for number in range(4)]
    for step in ("first", "second"):
        following = at(office)
        if in_session:
            assert client.start(anchor) == ()
        client.sync(last=anchor, following=following)
        if in_session:
            client.end(following)
        anchor = following
        office.clock.go_on(minutes=1)
        office.admin.key("account", "update", {"id": keys[0], "name": f"after {step}"})
    late(office, "late")
    second = at(office)
    expected = [("insert", "late"), ("update", "after second")]
    for _ in range(2):
        assert names(client, anchor, second, **paged) == expected
    office.clock.go_on(minutes=1)
    assert names(client, second, at(office), **paged) == []


def test_what_others_change_of_a_record_of_ones_own_comes(office: Office) -> None:
    client, anchor = office.client(), at(office)
    assert names(client, None, anchor) == []
    office.clock.go_on(minutes=1)
    values = {"guid": "7", "name": "own"}
    assert client.send("account", "insert", values, ["guid"]).errors == ()
    (key,) = [row["org_id"] for row in office.rows("organization", name="own")]
    second = at(office)
    assert names(client, anchor, second) == []
    office.clock.go_on(minutes=1)
    client.send("account", "insert", {"guid": "8", "name": "other"}, ["guid"])
    (other,) = [row["org_id"] for row in office.rows("organization", name="other")]
    for each in (key, other):
        office.clock.go_on(minutes=1)
        office.admin.key("account", "update", {"id": str(each), "name": f"theirs {each}"})
    third = at(office)
    expected = [("update", f"theirs {each}") for each in (key, other)]
    assert names(client, second, third) == expected
    office.clock.go_on(minutes=1)
    assert names(client, third, at(office)) == []
