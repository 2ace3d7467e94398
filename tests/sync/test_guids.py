"""What clients call their records: in what they send, and in what they are sent."""

from __future__ import annotations

import itertools

import pytest
from driving import item
from sync.office import Office, Party
from watching import watched_statements

from packetserver.protocols.packet.packet import Item, Property

UNKNOWN = (
    "Transaction failed",
    "Sync reference does not exist, you must sync referenced tables first",
)
PERSON = {"nameLast": "Child", "nameFirst": "of the test", "accessType": "2"}


def insert_account(client: Party, guid: str, name: str = "Parent") -> str:
    return client.key("account", "insert", {"guid": guid, "name": name})


def referring(name: str, text: str | None, lookup: str | None = None, **values: str) -> Item:
    """A contact to be inserted that refers to its account in a given way."""
    plain = [Property(key, value) for key, value in {**PERSON, **values}.items()]
    return Item("contact", {"action": "insert"}, (*plain, Property(name, text, lookup)))


def account_of(office: Office, answer_key: str) -> int | None:
    (row,) = office.rows("contact", contact_id=int(answer_key))
    found = row["org_id"]
    return None if found is None else int(found)


def test_a_reference_by_lookup(office: Office) -> None:
    client = office.client()
    parent = insert_account(client, "701")
    (answer,) = client.send_all([referring("orgId", "701", "account")], meta=["id", "orgId"])
    assert answer.errors == ()
    assert answer.records[0]["orgId"] == parent


def test_a_reference_by_the_name_of_its_list(office: Office) -> None:
    client = office.client()
    key = insert_account(client, "701")
    project = client.key("contact", "insert", {**PERSON, "guid": "801", "orgId": key})
    (answer,) = client.send_all(
        [
            Item(
                "contactPhoneNumber",
                {"action": "insert"},
                (Property("contactGuid", "801"), Property("number", "1"), Property("type", "1")),
            )
        ],
        meta=["contactId", "contactGuid"],
    )
    assert answer.errors == ()
    assert answer.records[0].texts == (project, "801")


@pytest.mark.parametrize("guid", ["-1", "", None, " "])
def test_a_reference_to_nothing(office: Office, guid: str | None) -> None:
    client = office.client()
    for party in (client, office.admin):
        (answer,) = party.send_all([referring("orgId", guid, "account")], meta=["id"])
        assert answer.errors == ()
        assert account_of(office, answer.records[0]["id"]) is None


@pytest.mark.parametrize(
    ("guid", "errors"),
    [
        ("99999", UNKNOWN),
        ("-7", UNKNOWN),
        ("seven", ("Transaction failed", "orgId: not an integer")),
        ("99999999999", ("Transaction failed", "orgId: out of range")),
    ],
)
def test_a_reference_that_means_nothing_here(
    office: Office, guid: str, errors: tuple[str, ...]
) -> None:
    insert_account(office.client(2), "99999")
    (answer,) = office.client().send_all([referring("orgId", guid, "account")])
    assert answer.reasons == errors
    assert office.rows("contact", namelast="Child") == []


def test_a_user_has_no_guids(office: Office) -> None:
    insert_account(office.client(), "701")
    (answer,) = office.admin.send_all([referring("orgId", "701", "account")])
    assert answer.errors == UNKNOWN


def test_a_list_that_does_not_exist(office: Office) -> None:
    """The attribute of an unknown list is passed over, a property is not (PROTOCOL.md 6.3)."""
    client = office.client()
    key = office.account()
    (answer,) = client.send_all([referring("orgId", key, "nonsense")], meta=["orgId"])
    assert answer.records[0]["orgId"] == key
    (answer,) = client.send_all([referring("orgGuid", "5")])
    assert answer.errors == UNKNOWN


def test_a_property_that_is_none_is_passed_over(office: Office) -> None:
    client = office.client()
    (answer,) = client.send_all([referring("nonsenseGuid", "5")])
    assert answer.errors == ()
    (answer,) = client.send_all([referring("nonsense", "5", "account")])
    assert answer.errors == ()


def test_a_shared_key_is_the_server_s_own(office: Office) -> None:
    client = office.client()
    parent = item("account", "insert", {"guid": "5", "name": "Parent"}, shareKey="true")
    child = referring("orgId", "$C{account.id}", "account")
    (answer,) = client.send_all([parent, child])
    assert answer.errors == ()
    (row,) = office.rows("contact", namelast="Child")
    assert row["org_id"] == office.rows("sync_map")[0]["record_id"]


def test_one_query_finds_all_guids_of_an_item(office: Office) -> None:
    client = office.client()
    for number in range(1, 4):
        insert_account(client, str(number))
    properties = [Property("orgId", str(number), "account") for number in (1, 2, 3)]
    plain = [Property(key, value) for key, value in PERSON.items()]
    many = Item("contact", {"action": "insert"}, (*plain, *properties))
    with watched_statements(office.engine.database.engine) as statements:
        (answer,) = client.send_all([many], meta=["id"])
    assert answer.errors == ()
    assert len([each for each in statements if "sync_map" in each]) == 1


def test_guids_of_a_list_cost_no_query_of_their_own(office: Office) -> None:
    client = office.client()
    meta = ["guid", "orgId^accountGuid", "owner^userGuid", "org.guid"]
    # The first login of all is noted, which takes statements of its own.
    client.send("contactList", "select", meta=meta)
    lengths = []
    for _ in range(2):
        with watched_statements(office.engine.database.engine) as statements:
            answer = client.send("contactList", "select", meta=meta)
        assert answer.errors == ()
        lengths.append(len(statements))
        for number in range(20):
            client.key("contact", "insert", {**PERSON, "guid": str(number + 1)})
    assert lengths[0] == lengths[1]


def test_what_a_list_answers(office: Office) -> None:
    client = office.client()
    parent = insert_account(client, "701")
    client.key("contact", "insert", {**PERSON, "guid": "801", "orgId": parent})
    client.key("contact", "insert", {**PERSON, "nameLast": "Orphan"})
    meta = [
        "guid",
        "orgId",
        "orgId^accountGuid",
        "orgId^nonsenseGuid",
        "owner^userGuid",
        "org.guid",
    ]
    answer = client.send("contactList", "select", {"firstName": "of the test"}, meta)
    assert [each.names for each in answer.records] == [("guid", "orgId", "owner", "org.guid")] * 2
    assert [each.texts for each in answer.records] == [
        ("801", "", "-1", "701"),
        ("-1", "", "-1", ""),
    ]


def test_the_last_form_of_an_element_counts_at_the_place_of_the_first(office: Office) -> None:
    client = office.client()
    parent = insert_account(client, "701")
    values = {**PERSON, "guid": "801", "orgId": parent}
    answer = client.send("contact", "insert", values, ["orgId^accountGuid", "nameLast", "orgId"])
    assert answer.records[0].names == ("orgId", "nameLast")
    assert answer.records[0].texts == (parent, "Child")


def test_a_reference_whose_object_another_field_decides(office: Office) -> None:
    client = office.client()
    account = insert_account(client, "701")
    ticket_file = {"linkModuleId": "1", "linkItemId": account, "subject": "a", "folderId": "-1"}
    client.key("fileFolder", "insert", ticket_file)
    client.key("fileFolder", "insert", {**ticket_file, "linkModuleId": "2", "subject": "b"})
    client.key("fileFolder", "insert", {**ticket_file, "linkModuleId": "999", "subject": "c"})
    answer = client.send(
        "fileFolderList", "select", meta=["subject", "linkItemId^${linkModuleId}Guid"]
    )
    assert sorted(each.texts for each in answer.records) == [("a", "701"), ("b", "-1"), ("c", "")]


def test_other_clients_and_users_have_other_guids(office: Office) -> None:
    insert_account(office.client(), "701", "one")
    insert_account(office.client(2), "701", "two")
    texts = {}
    for name, party in {"1": office.client(), "2": office.client(2), "user": office.admin}.items():
        answer = party.send("accountList", "select", meta=["name", "guid"])
        texts[name] = [each.texts for each in answer.records]
    assert texts == {
        "1": [("one", "701"), ("two", "-1")],
        "2": [("one", "-1"), ("two", "701")],
        "user": [("one", "-1"), ("two", "-1")],
    }


def test_lists_are_filtered_by_guid(office: Office) -> None:
    client = office.client()
    parent = insert_account(client, "701")
    client.key("contact", "insert", {**PERSON, "orgId": parent})
    client.key("contact", "insert", {**PERSON, "nameLast": "Orphan"})
    for action in ("select", "sync"):
        filtered = Item("contactList", {"action": action}, (Property("orgId", "701", "account"),))
        (answer,) = client.send_all([filtered], meta=["nameLast"], following=client.now())
        assert [each.texts for each in answer.records] == [("Child",)]
        unknown = Item("contactList", {"action": action}, (Property("orgId", "5", "account"),))
        (answer,) = client.send_all([unknown], meta=["nameLast"], following=client.now())
        assert answer.errors == UNKNOWN


def test_a_single_record_is_read_and_deleted_by_its_guid(office: Office) -> None:
    client = office.client()
    key = insert_account(client, "701")
    answer = client.send("account", "select", {"guid": "701"}, ["id", "guid"])
    assert [each.texts for each in answer.records] == [(key, "701")]
    for _ in range(2):
        answer = client.send("account", "delete", {"guid": "701"}, ["guid"])
        assert [(each.action, each.texts) for each in answer.records] == [("delete", ("701",))]
    assert office.rows("sync_map") == []
    assert client.send("account", "select", {"guid": "701"}, ["id"]).records == []


def test_a_record_deleted_by_its_key_has_no_guid_any_more(office: Office) -> None:
    client = office.client()
    key = insert_account(client, "701")
    insert_account(office.client(2), "701", "another")
    client.send("account", "delete", {"id": key})
    assert [row["client_id"] for row in office.rows("sync_map")] == [2]


@pytest.mark.parametrize("action", ["insert", "update", "delete"])
def test_a_guid_that_is_no_number(office: Office, action: str) -> None:
    answer = office.client().send("account", action, {"guid": "a7", "name": "x"})
    assert answer.reasons == ("Transaction failed", "guid: not an integer")
    user = office.admin.send("account", "insert", {"guid": "a7", "name": "x"}, ["guid"])
    assert user.records[0].texts == ("a7",)


def test_an_insert_is_undone_with_its_guid(office: Office) -> None:
    client = office.client()
    good = item("account", "insert", {"guid": "1", "name": "a"})
    bad = item("account", "insert", {"name": ""})
    answers = client.send_all([good], [bad])
    assert [each.status for each in answers] == [1, 1]
    assert office.rows("sync_map") == office.rows("sync_arrival") == []
    assert insert_account(client, "1") != ""


def test_an_insert_that_comes_twice(office: Office) -> None:
    client = office.client()
    first = client.send(
        "account", "insert", {"guid": "601", "name": "Twice"}, ["guid", "id", "name"]
    )
    again = client.send(
        "account", "insert", {"guid": "601", "name": "Other"}, ["guid", "id", "name"]
    )
    assert again.records == first.records
    assert len(office.rows("organization", name="Twice")) == 1
    assert len(office.rows("sync_map")) == 1


def test_an_insert_that_comes_twice_in_one_packet(office: Office) -> None:
    client = office.client()
    same = item("account", "insert", {"guid": "601", "name": "Twice"}, shareKey="true")
    child = item("contact", "insert", {**PERSON, "orgId": "$C{account.id}"})
    answers = client.send_all([same], [same, child])
    assert [each.errors for each in answers] == [(), ()]
    assert len(office.rows("organization", name="Twice")) == 1
    (row,) = office.rows("sync_map")
    assert [each["org_id"] for each in office.rows("contact", namelast="Child")] == [
        row["record_id"]
    ]


def test_an_insert_that_comes_again_after_the_record_went(office: Office) -> None:
    client = office.client()
    phone = {"guid": "9", "orgId": "0", "number": "1", "type": "1"}
    meta = ["guid", "id", "number", "type"]
    first = client.send("organizationPhoneNumber", "insert", phone, meta)
    key = first.records[0]["id"]
    office.admin.send("organizationPhoneNumber", "delete", {"id": key})
    again = client.send("organizationPhoneNumber", "insert", {**phone, "id": "-1"}, meta)
    assert [(each.action, each.texts) for each in again.records] == [
        ("processed", ("9", key, "1", "1"))
    ]
    assert office.rows("organization_phone") == []


def test_guids_of_lookups_and_of_mapped_tables(office: Office) -> None:
    client = office.client()
    key = client.key("lookupIndustry", "insert", {"guid": "5", "description": "Mining"})
    (answer,) = client.send_all(
        [
            Item(
                "account",
                {"action": "insert"},
                (Property("name", "a"), Property("industry", "5", "lookupIndustry")),
            )
        ],
        meta=["industry", "industry^lookupIndustryGuid"],
    )
    assert answer.records[0].texts == ("5",)
    assert office.rows("organization", name="a")[0]["industry_temp_code"] == int(key)


def test_a_mapped_table_refers_by_column_and_guid(office: Office) -> None:
    client = office.client()
    product = client.key("productCatalog", "insert", {"guid": "3", "name": "p"})
    category = client.key("productCategory", "insert", {"guid": "4", "name": "c"})
    properties = [
        *(Property("field", "product_id"), Property("data", "product_id=3", "productCatalog")),
        *(Property("type", "4"), Property("field", "category_id")),
        *(Property("data", "4", "productCategory"), Property("type", "4")),
    ]
    rows = Item("productCatalogCategoryMap", {"action": "insert"}, tuple(properties))
    (answer,) = client.send_all([rows])
    assert answer.errors == ()
    (row,) = office.rows("product_catalog_category_map")
    assert (str(row["product_id"]), str(row["category_id"])) == (product, category)


def test_every_element_has_a_number(office: Office) -> None:
    catalogue = office.engine.schema.catalogue
    rows = office.rows("sync_table")
    assert sorted(row["element_name"] for row in rows) == sorted(catalogue.targets)
    by_name = {row["element_name"]: row["object_key"] for row in rows}
    assert by_name["account"] == "id"
    assert (
        by_name["accountList"]
        is by_name["lookupIndustry"]
        is by_name["actionPlanConstants"]
        is None
    )
    assert len(set(itertools.chain(row["table_id"] for row in rows))) == len(rows)
