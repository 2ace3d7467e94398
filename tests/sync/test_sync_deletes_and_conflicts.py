"""What is gone, what is in conflict, and what is written down of it."""

from __future__ import annotations

import pytest
from driving import item
from sync.office import Office, Party, open_office

from packetserver.protocols.packet.packet import CommitLevel

PHONE = {"orgId": "0", "number": "1", "type": "1"}
PHONES = "organizationPhoneNumberList"


def insert_phone(client: Party, guid: str) -> str:
    return client.key("organizationPhoneNumber", "insert", {**PHONE, "guid": guid})


def remove_phone(office: Office, key: str) -> None:
    assert office.admin.send("organizationPhoneNumber", "delete", {"id": key}).errors == ()


def test_what_is_gone_is_named_until_the_session_ends(office: Office) -> None:
    client = office.client()
    remove_phone(office, insert_phone(client, "901"))
    insert_phone(client, "902")
    assert client.gone(PHONES) == client.gone(PHONES) == ["901"]
    client.start()
    assert client.gone(PHONES) == ["901"]
    client.end(None)
    assert client.gone(PHONES) == []
    assert [row["cuid"] for row in office.rows("sync_map")] == [902]


def test_what_went_after_it_was_named_is_named_the_next_time(office: Office) -> None:
    client = office.client()
    keys = [insert_phone(client, guid) for guid in ("901", "902")]
    remove_phone(office, keys[0])
    assert client.gone(PHONES) == ["901"]
    remove_phone(office, keys[1])
    client.end(None)
    assert client.gone(PHONES) == ["902"]


def test_what_came_and_went_in_one_session_is_named_once(office: Office) -> None:
    key = office.account(name="a")
    client = office.client()
    client.start()
    assert client.sync() == [("insert", "1", "a")]
    office.admin.send("account", "delete", {"id": key})
    assert client.gone() == ["1"]
    client.end(None)
    assert client.gone() == []
    assert office.rows("sync_map") == office.rows("sync_unconfirmed") == []


def test_what_is_gone_is_named_to_those_alone_who_had_it(office: Office) -> None:
    remove_phone(office, insert_phone(office.client(), "901"))
    assert office.client(2).gone(PHONES) == []
    assert office.client().gone("organizationEmailAddressList") == []


def test_pages_of_what_is_gone(office: Office) -> None:
    client = office.client()
    for guid in ("3", "1", "2"):
        remove_phone(office, insert_phone(client, guid))
    pages = []
    for offset in ("0", "2", "4"):
        answer = client.send(PHONES, "syncDelete", offset=offset, items="2")
        pages.append((answer.total, [each["guid"] for each in answer.records]))
    assert pages == [(3, ["1", "2"]), (3, ["3"]), (3, [])]


def test_what_is_trashed_and_restored_is_sent_again(office: Office) -> None:
    key = office.account(name="a")
    client = office.client()
    anchor, _ = client.whole_session()
    office.admin.send("account", "delete", {"id": key})
    client.start(anchor)
    assert client.gone() == ["1"]
    restore(office, key)
    assert client.sync(last=anchor) == [("insert", "1", "a")]


def restore(office: Office, key: str) -> None:
    table = office.engine.schema.metadata.tables["organization"]
    with office.engine.database.connect(writes=True) as connection:
        same = table.c.org_id == int(key)
        connection.execute(table.update().where(same).values(trashed_date=None))
        connection.commit()


@pytest.mark.parametrize("element", ["account", "compileSyncData"])
@pytest.mark.parametrize("action", ["sync", "syncDelete"])
def test_only_lists_are_synchronised(office: Office, element: str, action: str) -> None:
    answer = office.client().send(element, action)
    assert answer.reasons == ("Transaction failed", f"{element} cannot be synchronised")


def test_syncs_need_the_permission_to_view(office: Office) -> None:
    from driving import HOST  # noqa: PLC0415

    from packetserver.security.credentials import Credentials  # noqa: PLC0415

    rep = Party(office, Credentials(HOST, "secret4", 4, 4))
    denied = ("User denied permission to perform action on the object",)
    for action in ("sync", "syncDelete"):
        assert rep.send("userList", action, following=rep.now()).errors == denied
        assert rep.send("accountList", action, following=rep.now()).errors == ()


def test_a_conflict_changes_nothing_and_is_logged(office: Office) -> None:
    client = office.client()
    key = client.key("account", "insert", {"guid": "1", "name": "a"})
    office.clock.go_on(minutes=1)
    office.admin.key("account", "update", {"id": key, "name": "b"})
    answer = client.send("account", "update", {"guid": "1", "name": "c"}, ["guid", "id", "name"])
    assert (answer.status, answer.records[0].action) == (0, "conflict")
    assert answer.records[0].texts == ("1", key, "b")
    (logged,) = office.rows("sync_conflict_log")
    elements = {row["table_id"]: row["element_name"] for row in office.rows("sync_table")}
    assert elements[logged["table_id"]] == "accountList"
    assert (logged["client_id"], str(logged["record_id"])) == (1, key)
    assert logged["status_date"].isoformat() == "2035-03-05T10:01:00"


def test_a_conflict_of_a_user_is_not_logged(office: Office) -> None:
    key = office.account(name="a")
    values = {"id": key, "name": "b", "modified": "2001-01-01 00:00:00.0"}
    assert office.admin.send("account", "update", values).records[0].action == "conflict"
    assert office.rows("sync_conflict_log") == []
    assert office.client().send("account", "update", values).records[0].action == "conflict"
    (logged,) = office.rows("sync_conflict_log")
    assert str(logged["record_id"]) == key


def test_an_update_of_a_guid_that_is_not_known_is_a_conflict(office: Office) -> None:
    answer = office.client().send("account", "update", {"guid": "5", "name": "b"}, ["guid", "name"])
    assert [(each.action, each.texts) for each in answer.records] == [("conflict", ("5", "b"))]
    assert [row["record_id"] for row in office.rows("sync_conflict_log")] == [-1]


def test_an_update_without_a_guid_is_known_to_the_client_that_sent_it(office: Office) -> None:
    client = office.client()
    key = client.key("account", "insert", {"guid": "1", "name": "a"})
    office.clock.go_on(minutes=1)
    client.key("account", "update", {"id": key, "name": "b"})
    assert (
        client.send("account", "update", {"guid": "1", "name": "c"}).records[0].action
        == "processed"
    )
    office.client(2).key("account", "update", {"id": key, "name": "d"})
    client.key("account", "update", {"id": key, "name": "e"})
    assert (
        client.send("account", "update", {"guid": "1", "name": "f"}).records[0].action == "conflict"
    )


def test_what_an_original_database_does_not_say_the_client_must(office: Office) -> None:
    client = office.client()
    key = client.key("account", "insert", {"guid": "1", "name": "a"})
    ids = office.engine.schema.metadata.tables["sync_map"]
    with office.engine.database.connect(writes=True) as connection:
        connection.execute(ids.update().values(status_date=None))
        connection.commit()
    modified = client.send("account", "select", {"id": key}, ["modified"]).records[0]["modified"]
    values = {"guid": "1", "name": "b"}
    assert client.send("account", "update", values).records[0].action == "conflict"
    for known, action in (("2001-01-01 00:00:00.0", "conflict"), (modified, "processed")):
        answer = client.send("account", "update", {**values, "modified": known})
        assert answer.records[0].action == action


def test_a_record_whose_change_no_field_shows(office: Office) -> None:
    """Some lookups have a column for it, and no field: syncs and conflicts go by it as well."""
    client = office.client()
    key = client.key("lookupProjectRole", "insert", {"guid": "1", "description": "a"})
    meta = ("guid", "description")
    anchor = client.now()
    client.end(anchor)
    office.clock.go_on(minutes=1)
    office.admin.key("lookupProjectRole", "update", {"id": key, "description": "b"})
    changed = client.send("lookupProjectRole", "update", {"guid": "1", "description": "c"})
    assert changed.records[0].action == "conflict"
    found = client.sync("lookupProjectRoleList", meta=meta, last=anchor)
    assert ("update", "1", "b") in found


def test_a_user_may_register_a_client(office: Office) -> None:
    values = {"id": "-1", "type": "shipped", "code": "c", "enabled": "true", "version": "1.0"}
    key = office.admin.key("syncClient", "insert", values)
    (row,) = office.rows("sync_client", client_id=int(key))
    assert row["user_id"] == 1


def test_registration_can_be_kept_from_users(prepared_database_url: str, schema: object) -> None:
    with open_office(prepared_database_url, schema, allow_client_registration=False) as office:
        values = {"type": "shipped", "code": "c"}
        denied = ("User denied permission to perform action on the object",)
        assert office.admin.send("syncClient", "insert", values).errors == denied
        assert office.client().send("syncClient", "insert", values).errors == ()


def logged(office: Office) -> list[tuple[object, ...]]:
    """What the log says of transactions, with the client of their packet."""
    packets = {row["log_id"]: row for row in office.rows("sync_log")}
    names = ("reference_id", "element_name", "action", "status_code", "record_count", "message")
    rows = sorted(office.rows("sync_transaction_log"), key=lambda row: int(row["transaction_id"]))
    return [(packets[row["log_id"]]["client_id"], *(row[name] for name in names)) for row in rows]


def test_every_packet_is_logged(office: Office) -> None:
    client = office.client()
    client.key("account", "insert", {"name": "a"})
    office.admin.send("accountList", "select", meta=["id"])
    client.send("account", "insert", {"name": ""})
    client.send("nonsense", "x" * 30)
    failed = "Object validation error\nTransaction failed\nObject Validation Failed\nname: Required Field"
    assert logged(office) == [
        (1, "1", "account", "insert", 0, 1, None),
        (None, "1", "accountList", "select", 0, 1, None),
        (1, "1", "account", "insert", 1, 0, failed),
        (1, "1", "nonsense", "x" * 20, 1, 0, "Unsupported object specified"),
    ]
    packets = office.rows("sync_log")
    assert {(row["system_id"], row["ip"]) for row in packets} == {(4, "127.0.0.1")}
    assert {row["entered"].isoformat() for row in packets} == {"2035-03-05T10:00:00"}


@pytest.mark.parametrize("level", list(CommitLevel))
def test_the_parts_of_a_packet_are_logged_together(office: Office, level: CommitLevel) -> None:
    good = [item("account", "insert", {"name": "a"})]
    bad = [item("account", "insert", {"name": ""})]
    office.client().send_all(good, bad, good, level=level)
    assert len(office.rows("sync_log")) == 1
    undone = level is CommitLevel.PACKET
    assert [each[4] for each in logged(office)] == [int(undone), 1, int(undone)]


def test_packets_without_transactions_and_of_unknown_systems_are_logged(office: Office) -> None:
    import dataclasses  # noqa: PLC0415

    office.client().send_all()
    stranger = office.client()
    stranger.credentials = dataclasses.replace(stranger.credentials, system_id=99)
    stranger.send("account", "insert", {})
    assert [row["system_id"] for row in office.rows("sync_log")] == [4, None]
    assert [each[5] for each in logged(office)] == [0]


def test_refused_packets_are_not_logged(office: Office) -> None:
    import dataclasses  # noqa: PLC0415

    stranger = office.client()
    stranger.credentials = dataclasses.replace(stranger.credentials, code="wrong")
    assert stranger.send("accountList", "select").errors == ("Not authorized",)
    assert office.rows("sync_log") == []


def test_a_client_is_removed_with_all_that_is_known_of_it(office: Office) -> None:
    client = office.client()
    office.account(name="a")
    client.start()
    client.sync()
    client.send("account", "update", {"guid": "99", "name": "x"})
    office.client().send("syncClient", "delete", {"id": "1"})
    assert office.rows("sync_client", client_id=1) == []
    tables = ("sync_map", "sync_unconfirmed", "sync_number", "sync_session", "sync_conflict_log")
    assert [office.rows(table, client_id=1) for table in tables] == [[]] * len(tables)
