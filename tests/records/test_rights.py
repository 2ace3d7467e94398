"""Rights in what a row alone does not show: moves, names, sums, filters, references, clients."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest
from driving import HOST, Answer, Driver, item

from packetserver.protocols.packet.failures import DENIED
from packetserver.protocols.packet.process import build_engine
from packetserver.security.credentials import Credentials
from packetserver.settings import Settings

CODE = "900150983cd24fb0d6963f7d28e17f72"
VERBS = ("view", "add", "edit", "delete")
PUBLIC, PERSONAL, CONTROLLED = "2", "3", "1"
PERSONAL_OPPORTUNITY = "8"
ACCOUNTS, ACCOUNT_CONTACTS = "accounts-accounts", "accounts-accounts-contacts"
CONTACTS, OPPORTUNITIES = "contacts-external_contacts", "pipeline-opportunities"

Somebody = Callable[..., Driver]


@pytest.fixture
def client(desk: Any) -> Driver:
    """The sync client of nobody, who may do everything."""
    return Driver(desk.engine, Credentials(id=HOST, code="secret1", client_id=1, system_id=4))


@pytest.fixture
def somebody(desk: Any, client: Driver) -> Somebody:
    """Makes a sync client of a new user, whose role holds what is named: whole or by verb."""

    def make(*held: str, manager: str | None = None) -> Driver:
        name = desk.name("user")
        (role,) = client.one("role", "insert", {"role": name, "description": name}, ["id"]).records
        names = dict.fromkeys(each.removesuffix(f"-{verb}") for each in held for verb in VERBS)
        for permission in client.one("permissionList", "select", {}, ["id", "name"]).records:
            base = permission["name"]
            verbs = [verb for verb in VERBS if f"{base}-{verb}" in held or base in held]
            if base in names and verbs:
                granted = {"roleId": role["id"], "permissionId": permission["id"]}
                client.one("rolePermission", "insert", granted | dict.fromkeys(verbs, "true"))
        values = {"username": name, "password": CODE, "roleId": role["id"], "addContact": "false"}
        if manager is not None:
            values["managerId"] = manager
        (user,) = client.one("user", "insert", values, ["id"], validate=False).records
        registered = {"type": "t", "code": name, "userId": user["id"], "enabled": "true"}
        (made,) = client.one("syncClient", "insert", registered, ["id"]).records
        credentials = Credentials(id=HOST, code=name, client_id=int(made["id"]), system_id=4)
        return Driver(desk.engine, replace(credentials))

    return make


def user_of(desk: Any, driver: Driver) -> str:
    return str(desk.row("sync_client", client_id=driver.credentials.client_id)["user_id"])


def made(driver: Driver, element: str, **values: str) -> str:
    answer = driver.one(element, "insert", values, ["id"], validate=False)
    assert answer.errors == ()
    return answer.records[0]["id"]


def shown(driver: Driver, element: str, key: str, *names: str) -> list[str]:
    answer = driver.one(element, "select", {"id": key}, names)
    assert answer.errors == ()
    return list(answer.records[0].texts)


def listed(driver: Driver, element: str, *, meta: str = "id", **filters: str) -> list[str]:
    answer = driver.one(element, "select", filters, [meta])
    assert answer.errors == ()
    return [each[meta] for each in answer.records]


def update(driver: Driver, element: str, key: str, **values: str) -> Answer:
    return driver.one(element, "update", {"id": key, **values}, validate=False)


@pytest.mark.parametrize(
    ("held", "is_done"),
    [
        ((f"{CONTACTS}-edit",), False),
        ((f"{CONTACTS}-edit", f"{ACCOUNT_CONTACTS}-edit"), False),
        ((f"{CONTACTS}-edit", f"{ACCOUNT_CONTACTS}-edit", f"{CONTACTS}-delete"), False),
        ((CONTACTS, f"{ACCOUNT_CONTACTS}-edit", f"{ACCOUNT_CONTACTS}-add"), True),
    ],
)
def test_a_move_takes_the_right_to_delete_here_and_to_add_there(
    client: Driver, somebody: Somebody, held: tuple[str, ...], is_done: Any
) -> None:
    account = made(client, "account", name="There")
    contact = made(client, "contact", nameLast="Moved", accessType=PUBLIC)
    answer = update(somebody(*held), "contact", contact, orgId=account)
    assert answer.errors == (() if is_done else (DENIED,))
    assert shown(client, "contact", contact, "orgId") == [account if is_done else "-1"]


def test_what_stays_where_it_is_takes_the_right_to_edit_alone(
    client: Driver, somebody: Somebody
) -> None:
    contact = made(client, "contact", nameLast="Here", accessType=PUBLIC)
    answer = update(somebody(f"{CONTACTS}-edit"), "contact", contact, orgId="-1", nameLast="Now")
    assert answer.errors == ()


def test_nobody_makes_a_record_personal_to_another(
    desk: Any, client: Driver, somebody: Somebody
) -> None:
    one, other = somebody(CONTACTS), somebody(CONTACTS)
    personal = {"nameLast": "x", "accessType": PERSONAL}
    answer = one.one("contact", "insert", {**personal, "owner": user_of(desk, other)})
    assert answer.errors[0] == DENIED
    own = made(one, "contact", **personal, owner=user_of(desk, one))
    assert update(one, "contact", own, owner=user_of(desk, other)).errors == (DENIED,)
    public = made(client, "contact", nameLast="x", accessType=PUBLIC)
    assert update(one, "contact", public, accessType=PERSONAL).errors == (DENIED,)
    taken = update(one, "contact", public, accessType=PERSONAL, owner=user_of(desk, one))
    assert taken.errors == ()
    assert update(other, "contact", public, nameLast="y").errors == (DENIED,)


def test_what_belongs_to_a_personal_record_is_its_owner_s(
    desk: Any, client: Driver, somebody: Somebody
) -> None:
    held = (CONTACTS, f"{CONTACTS}-calls", OPPORTUNITIES, "pipeline-opportunities-calls")
    one, other = somebody(*held), somebody(*held)
    owner = user_of(desk, one)
    contact = made(client, "contact", nameLast="x", accessType=PERSONAL, owner=owner)
    header = made(
        client,
        "opportunity",
        description="x",
        accessType=PERSONAL_OPPORTUNITY,
        manager=owner,
        contactLink=contact,
    )
    call = made(client, "call", oppHeaderId=header, subject="x")
    someone = made(client, "contact", nameLast="y", accessType=PUBLIC)
    participant = made(client, "callParticipant", callId=call, contactId=someone)
    address = made(client, "contactAddress", contactId=contact, type="1", city="Bonn")
    for element, key in (
        *(("contact", contact), ("opportunity", header), ("call", call)),
        *(("callParticipant", participant), ("contactAddress", address)),
    ):
        assert listed(one, f"{element}List", id=key) == [key], element
        assert listed(other, f"{element}List", id=key) == [], element
        for action in ("select", "update", "delete"):
            assert other.one(element, action, {"id": key}).errors == (DENIED,), element
    for element, sent in (
        ("contactAddress", {"contactId": contact, "type": "1"}),
        ("call", {"contactId": contact, "subject": "x"}),
        ("callParticipant", {"callId": call, "contactId": someone}),
    ):
        assert other.one(element, "insert", sent, validate=False).errors == (DENIED,), element
        assert one.one(element, "insert", sent, validate=False).errors == (), element


def test_names_behind_a_row_are_part_of_it_unless_they_are_personal(
    desk: Any, client: Driver, somebody: Somebody
) -> None:
    reader = somebody(f"{CONTACTS}-calls", f"{ACCOUNT_CONTACTS}-calls")
    account = made(client, "account", name="Named")
    public = made(client, "contact", nameLast="Public", accessType=PUBLIC)
    personal = made(client, "contact", nameLast="Hidden", accessType=PERSONAL, owner="1")
    call = made(client, "call", orgId=account, contactId=public, followupContactId=personal)
    names = ("orgName", "contactName", "followupContactName", "contactOrgId", "contactId.title")
    assert shown(reader, "call", call, *names) == ["Named", "Public", "", "-1", ""]
    client.one("contact", "update", {"id": public, "orgId": account, "title": "Dr"})
    assert shown(client, "call", call, *names)[3:] == [account, "Dr"]
    assert shown(reader, "call", call, *names)[3:] == ["-1", ""]


def test_counts_and_first_rows_are_of_what_may_be_seen(
    desk: Any, client: Driver, somebody: Somebody
) -> None:
    reader = somebody(f"{ACCOUNTS}-view", "admin-roles-view")
    account = made(client, "account", name="x")
    address = {"orgId": account, "type": "1", "city": "Bonn"}
    made(client, "organizationAddress", **address)
    assert shown(reader, "account", account, "city") == ["Bonn"]
    (role, count) = shown(client, "role", "1", "id", "userCount")
    assert int(count) > 0
    assert shown(reader, "role", role, "userCount") == ["0"]


def test_a_filter_on_what_may_not_be_seen_is_refused(client: Driver, somebody: Somebody) -> None:
    reader = somebody(f"{ACCOUNT_CONTACTS}-view")
    account = made(client, "account", name="Secretive", accountNumber="47")
    contact = made(client, "contact", nameLast="x", accessType=PUBLIC, orgId=account)
    by_number = {"accountNumber": "47", "id": contact}
    assert listed(client, "contactList", **by_number) == [contact]
    answer = reader.one("contactList", "select", by_number, ["id"])
    assert "cannot be filtered by" in " ".join(answer.errors)
    assert listed(reader, "contactList", id=contact, orgId=account) == [contact]


def test_a_refusal_names_only_what_may_be_seen(client: Driver, somebody: Somebody) -> None:
    group = made(client, "userGroup", name="Used")
    ticket = {"problem": "x", "userGroupId": group, "enteredBy": "1", "modifiedBy": "1"}
    made(client, "ticket", **ticket)
    blind, seeing = somebody("admin-users"), somebody("admin-users", "tickets-tickets-view")
    told = [
        " ".join(each.one("userGroup", "delete", {"id": group}).errors) for each in (blind, seeing)
    ]
    assert "in use by another record" in told[0]
    assert "in use by ticket" in told[1]


@pytest.fixture
def strictly(desk: Any) -> Iterator[Any]:
    """An engine on the same database that keeps what is controlled by hierarchy."""
    url = desk.engine.database.url.render_as_string(hide_password=False)
    engine = build_engine(Settings(database_url=url, hierarchy=True))
    with closing(engine.database):
        yield engine


def test_hierarchy_keeps_records_to_owners_and_superiors_where_it_is_wanted(
    desk: Any, client: Driver, somebody: Somebody, strictly: Any
) -> None:
    above = somebody(CONTACTS)
    owner = somebody(CONTACTS, manager=user_of(desk, above))
    beside = somebody(CONTACTS, manager=user_of(desk, above))
    values = {"nameLast": "x", "accessType": CONTROLLED, "owner": user_of(desk, owner)}
    contact = made(client, "contact", **values)
    for driver, is_seen in ((above, True), (owner, True), (beside, False)):
        assert listed(driver, "contactList", id=contact) == [contact]
        strict = Driver(strictly, driver.credentials)
        assert listed(strict, "contactList", id=contact) == ([contact] if is_seen else [])
        answer = update(strict, "contact", contact, title="x")
        assert answer.errors == (() if is_seen else (DENIED,))
        made_by = strict.one("contact", "insert", values, validate=False)
        assert made_by.errors == (() if is_seen else (DENIED,))


def synced(driver: Driver, action: str, contact: str) -> list[str]:
    """The guids that a session tells of a contact, and the actions of its records."""
    credentials = replace(driver.credentials, next_anchor="2037-01-01 00:00:00.0")
    start = item("syncClient", "syncStart")
    listed_item = item("contactList", action, {} if action == "syncDelete" else {"id": contact})
    _, answer = driver.send([[start], [listed_item]], ["guid"], credentials=credentials)
    assert answer.errors == ()
    driver.send([[item("syncClient", "syncEnd")]], credentials=credentials)
    desk_credentials = replace(driver.credentials, last_anchor=credentials.next_anchor)
    driver.credentials = desk_credentials
    return [each["guid"] for each in answer.records]


def test_what_leaves_a_client_s_sight_is_gone_for_it(
    desk: Any, client: Driver, somebody: Somebody
) -> None:
    reader = somebody(CONTACTS)
    contact = made(client, "contact", nameLast="x", accessType=PUBLIC, owner="1")
    (guid,) = synced(reader, "sync", contact)
    assert guid not in synced(reader, "syncDelete", contact)
    assert update(client, "contact", contact, accessType=PERSONAL).errors == ()
    assert synced(reader, "sync", contact) == []
    assert guid in synced(reader, "syncDelete", contact)
    assert guid not in synced(reader, "syncDelete", contact)
    assert update(client, "contact", contact, accessType=PUBLIC).errors == ()
    assert len(synced(reader, "sync", contact)) == 1
