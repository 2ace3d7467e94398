"""An account goes with all that belongs to it, and every client that has that is told so."""

from __future__ import annotations

from datetime import datetime

import pytest
import sqlalchemy
from driving import CLIENT, Driver
from sync.office import Office, Party

LISTS = {
    "accountList": "name",
    "contactList": "nameLast",
    "contactPhoneNumberList": "number",
    "callList": "subject",
    "ticketList": "problem",
    "organizationPhoneNumberList": "number",
}


@pytest.fixture
def account(office: Office) -> str:
    """An account with parts, and parts of these."""
    key = office.account(name="a")
    for name in ("first", "second"):
        contact = insert(office, "contact", {"orgId": key, "nameLast": name})
        insert(office, "contactPhoneNumber", {"contactId": contact, "number": name, "type": "1"})
        insert(office, "call", {"contactId": contact, "subject": name})
    insert(office, "ticket", {"orgId": key, "problem": "of a"})
    insert(office, "organizationPhoneNumber", {"orgId": key, "number": "of a", "type": "1"})
    other = office.account(name="other")
    insert(office, "contact", {"orgId": other, "nameLast": "other"})
    return key


def insert(office: Office, element: str, values: dict[str, str]) -> str:
    if element == "contact":
        values = {**values, "accessType": str(office.rows("lookup_access_types")[0]["code"])}
    answer = Driver(office.engine, CLIENT).one(element, "insert", values, ["id"], validate=False)
    assert answer.errors == (), answer.errors
    return answer.records[0]["id"]


def synced(client: Party, last: str | None, following: str) -> dict[str, list[tuple[str, ...]]]:
    found = {}
    for element, name in LISTS.items():
        found[element] = client.sync(
            element, meta=["guid", name], last=last, following=following, identity="1"
        )
    return found


def listed(office: Office) -> dict[str, int]:
    found = {}
    for element in LISTS:
        answer = office.client(2).send(element, "select", meta=["id"])
        assert answer.errors == ()
        found[element] = len(answer.records)
    return found


@pytest.mark.parametrize("has_sessions", [True, False])
def test_an_account_takes_its_parts_along_and_back(
    office: Office, account: str, *, has_sessions: bool
) -> None:
    client, before = office.client(), listed(office)

    def session(last: str | None) -> tuple[str, dict[str, list[tuple[str, ...]]], dict[str, int]]:
        office.clock.go_on(hours=30)
        following = client.now()
        if has_sessions:
            assert client.start(last) == ()
        sent = synced(client, last, following)
        gone = {element: len(client.gone(element)) for element in LISTS}
        if has_sessions:
            client.end(following)
        return following, sent, gone

    anchor, first, _ = session(None)
    office.admin.send("account", "delete", {"id": account})
    after = listed(office)
    assert {name: before[name] - after[name] for name in LISTS} == {
        "accountList": 1,
        "contactList": 2,
        "contactPhoneNumberList": 2,
        "callList": 2,
        "ticketList": 1,
        "organizationPhoneNumberList": 1,
    }
    anchor, sent, gone = session(anchor)
    assert gone == {name: before[name] - after[name] for name in LISTS}
    assert [each for each in sent.values() if each] == []
    office.admin.key("account", "update", {"id": account, "trashedDate": None})
    assert listed(office) == before
    anchor, sent, gone = session(anchor)
    assert {name: len(each) for name, each in sent.items()} == {
        name: before[name] - after[name] for name in LISTS
    }
    names = {element: {each[2] for each in records} for element, records in first.items()}
    assert all({each[2] for each in sent[name]} <= names[name] for name in LISTS)
    assert set(gone.values()) == {0}
    anchor, sent, gone = session(anchor)
    assert ([each for each in sent.values() if each], set(gone.values())) == ([], {0})


def test_a_part_that_went_before_stays_gone(office: Office, account: str) -> None:
    contacts = {
        row["namelast"]: row["contact_id"] for row in office.rows("contact", org_id=int(account))
    }
    first, second = (str(contacts[name]) for name in ("first", "second"))
    office.admin.send("contact", "delete", {"id": first})
    office.admin.send("account", "delete", {"id": account})
    office.admin.send("contact", "delete", {"id": second})
    office.admin.key("account", "update", {"id": account, "trashedDate": None})
    present = {row["namelast"] for row in office.rows("contact", trashed_date=None)}
    assert ("first" in present, "second" in present) == (False, True)
    assert {row["subject"] for row in office.rows("call_log", trashed_date=None)} == {"second"}
    office.admin.key("contact", "update", {"id": first, "trashedDate": None})
    assert {row["subject"] for row in office.rows("call_log", trashed_date=None)} == {
        *("first", "second")
    }
    assert office.rows("trashed_part") == []


def test_a_part_can_come_back_before_its_owner(office: Office, account: str) -> None:
    (first,) = office.rows("contact", namelast="first")
    office.admin.send("account", "delete", {"id": account})
    office.admin.key("contact", "update", {"id": str(first["contact_id"]), "trashedDate": None})
    assert {row["subject"] for row in office.rows("call_log", trashed_date=None)} == {"first"}
    office.admin.key("account", "update", {"id": account, "trashedDate": None})
    assert len(office.rows("call_log", trashed_date=None)) == 2


def test_a_large_account_takes_no_more_statements(office: Office) -> None:
    counts, table = [], office.engine.schema.metadata.tables["contact"]
    stamps = {"entered": datetime(2035, 1, 1), "modified": datetime(2035, 1, 1)}
    for size in (1, 1, 3000):
        key = office.account()
        values = {
            "org_id": int(key),
            "namelast": "x",
            "namefirst": "x",
            "enteredby": 1,
            "modifiedby": 1,
            **stamps,
        }
        values["access_type"] = office.rows("lookup_access_types")[0]["code"]
        with office.engine.database.connect(writes=True) as connection:
            connection.execute(table.insert(), [values] * size)
            connection.commit()
        seen: list[str] = []
        listen = lambda *given: seen.append(given[2])  # noqa: E731, B023
        engine = office.engine.database.engine
        sqlalchemy.event.listen(engine, "before_cursor_execute", listen)
        office.admin.send("account", "delete", {"id": key})
        office.admin.key("account", "update", {"id": key, "trashedDate": None})
        sqlalchemy.event.remove(engine, "before_cursor_execute", listen)
        counts.append(len(seen))
        assert len(office.rows("contact", org_id=int(key), trashed_date=None)) == size
    # The first time, what never changes is looked up.
    assert counts[1] == counts[2] < 200
