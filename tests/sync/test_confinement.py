"""A sync client that belongs to a user is that user's: his rights, its own records, nobody else's."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from driving import HOST, Driver, item
from making import creatable
from sync.office import Office, Party, open_office
from sync.packing import Packing, ask, open_packing, poll, processed

from databases import KINDS, Databases
from packetserver.catalogue.loader import load_catalogue
from packetserver.errors import NotAuthorized
from packetserver.protocols.packet import package_content
from packetserver.protocols.packet.packet import CommitLevel
from packetserver.protocols.packet.stored_documents import Document
from packetserver.security.credentials import Credentials
from packetserver.store.schema import Schema

DENIED = ("User denied permission to perform action on the object",)
REJECTED = (
    "Transaction contained in the packet is not allowed for this User."
    " Packet was rejected by the server and was not processed"
)
NOT_FOR_THIS_USER = (REJECTED,)
UNKNOWN_REFERENCE = (
    "Transaction failed",
    "Sync reference does not exist, you must sync referenced tables first",
)
NOT_DONE = ("There was an error while processing the requested action.",)
REP_CODE = "5a53b980100f71a23d18352ae67af15b"
REP, REP_CLIENT, ADMIN_CLIENT, FREE_CLIENT = 2, 4, 2, 1
"""The user rep1 and the clients of tests/conformance/world.toml: his, the administrator's, nobody's."""

HR, CSR = "9", "6"
"""Roles of a new database: one that handles no files, and one that adds files to tickets."""

HIDDEN = ("userList", "roleList", "rolePermissionList")
"""Lists that a salesperson may not see."""

FAR = "2037-01-01 00:00:00.0"
CATALOGUE = load_catalogue()
WAYS = ("client", "user", "user by client")


def party(office: Office, way: str) -> Party:
    """Rep1 in one of the ways in which he may come: his client, he himself, or he by his client."""
    if way == "client":
        return office.client(REP_CLIENT)
    client_id = REP_CLIENT if way == "user by client" else None
    return Party(office, Credentials(HOST, REP_CODE, 4, client_id, "rep1"))


def of_others(office: Office) -> dict[str, list[dict[str, Any]]]:
    """All that the database holds of the other clients."""
    tables = {
        name: table
        for name, table in office.engine.schema.metadata.tables.items()
        if "client_id" in table.c
    }
    with office.engine.database.connect() as connection:
        return {
            name: [
                dict(row)
                for row in connection.execute(
                    table.select().where(table.c.client_id != REP_CLIENT)
                ).mappings()
            ]
            for name, table in tables.items()
        }


def work_of_others(office: Office) -> None:
    """Every other client has records, a conflict, an anchor, a session and a package to come."""
    for number in (FREE_CLIENT, ADMIN_CLIENT):
        client = office.client(number)
        client.key("account", "insert", {"guid": "701", "name": f"Account of {number}"})
        client.send("account", "update", {"guid": "9", "name": "nothing"})
        anchor, _ = client.whole_session()
        assert client.start(anchor) == ()
        assert ask(client, FAR).errors == ()


class TestSyncClients:
    """Registrations of other clients."""

    def test_another_s_client_is_neither_read_nor_changed_nor_removed(self, office: Office) -> None:
        work_of_others(office)
        before = of_others(office)
        tried = [(way, str(other)) for way in WAYS for other in (FREE_CLIENT, ADMIN_CLIENT)]
        for way, key in tried:
            for action, values in (
                ("select", {"id": key}),
                ("update", {"id": key, "code": "stolen", "enabled": "true"}),
                ("update", {"id": key, "anchor": None, "userId": str(REP)}),
                ("delete", {"id": key}),
            ):
                answer = party(office, way).send("syncClient", action, values, ["id", "anchor"])
                assert (answer.errors, answer.records) == (DENIED, []), (way, key, action)
        assert of_others(office) == before

    def test_no_list_of_clients_shows_those_of_others(self, office: Office) -> None:
        lists = [(action, way) for action in ("select", "sync") for way in WAYS]
        for action, way in lists:
            for values in ({}, {"id": "2"}, {"userId": "1"}):
                rep = party(office, way)
                answer = rep.send("syncClientList", action, values, ["id"], following=FAR)
                refused = NOT_FOR_THIS_USER if way == WAYS[2] else DENIED
                assert (answer.errors, answer.records) == (refused, []), (action, way, values)

    def test_a_list_of_the_user_s_own_clients_shows_no_other(self, office: Office) -> None:
        own = {str(row["client_id"]) for row in office.rows("sync_client", user_id=REP)}
        for action, way in [(action, way) for action in ("select", "sync") for way in WAYS]:
            answer = party(office, way).send(
                "syncClientList", action, {"userId": str(REP)}, ["id"], following=FAR
            )
            assert {each.texts[0] for each in answer.records} <= own, (action, way)

    @pytest.mark.parametrize("way", WAYS)
    def test_no_client_is_registered_for_another(self, office: Office, way: str) -> None:
        before, rep = of_others(office), party(office, way)
        values = {"type": "pocket", "code": "c", "enabled": "true"}
        for more in ({"userId": "1"}, {"userId": "-1"}, {"id": "2", "userId": "1"}):
            rep.send("syncClient", "insert", {**values, **more})
        made = [row for row in office.rows("sync_client") if row["client_id"] not in range(1, 5)]
        # What a user sends of himself is replaced, as ever; nobody else can end up with a client.
        assert {row["user_id"] for row in made} <= {REP}
        assert bool(made) is (way == "user")
        kept = [row for row in of_others(office)["sync_client"] if row["client_id"] < REP_CLIENT]
        assert kept == before["sync_client"]

    def test_no_client_changes_hands(self, office: Office) -> None:
        for way in WAYS:
            for owner in ("1", "-1", None, "3"):
                values = {"id": str(REP_CLIENT), "userId": owner, "version": f"{way} {owner}"}
                assert party(office, way).send("syncClient", "update", values).errors == ()
                (row,) = office.rows("sync_client", client_id=REP_CLIENT)
                assert (row["user_id"], row["version"]) == (REP, values["version"])

    def test_registration_is_kept_from_clients_of_users_too(
        self, prepared_database_url: str, schema: Schema
    ) -> None:
        values = {"type": "pocket", "code": "c", "userId": str(REP)}
        with open_office(prepared_database_url, schema, allow_client_registration=False) as office:
            for way in WAYS:
                assert party(office, way).send("syncClient", "insert", values).errors == DENIED
            assert len(office.rows("sync_client")) == 4

    def test_its_own_registration_is_its_own(self, office: Office) -> None:
        for way in ("client", "user by client"):
            rep = party(office, way)
            (record,) = rep.send("syncClient", "select", {"id": "4"}, ["id", "code"]).records
            assert record.texts == ("4", "")
        client = office.client(REP_CLIENT)
        assert client.send("syncClient", "update", {"id": "4", "version": "2"}).errors == ()
        assert client.send("syncClient", "delete", {"id": "4"}).errors == ()
        assert office.rows("sync_client", client_id=4) == []
        assert client.send("accountList", "select").errors == ("Not authorized",)


class TestSessions:
    """What is kept of the others' sessions, maps and conflicts."""

    def test_a_whole_session_leaves_all_others_as_they_were(self, office: Office) -> None:
        work_of_others(office)
        before, client = of_others(office), office.client(REP_CLIENT)
        client.key("account", "insert", {"guid": "701", "name": "Its own"})
        client.send("account", "update", {"guid": "9", "name": "nothing"})
        client.whole_session()
        client.gone()
        client.send("syncClient", "syncProcessed", following=FAR)
        assert ask(client, FAR).errors == ()
        assert of_others(office) == before
        assert office.rows("sync_client", client_id=REP_CLIENT)[0]["anchor"] is not None

    def test_nothing_is_named_by_what_another_client_calls_it(self, office: Office) -> None:
        office.client(ADMIN_CLIENT).key("account", "insert", {"guid": "701", "name": "a"})
        client = office.client(REP_CLIENT)
        person = {"nameLast": "P", "accessType": "2", "orgGuid": "701"}
        assert client.send("contact", "insert", person).errors == UNKNOWN_REFERENCE
        assert client.send("account", "select", {"guid": "701"}, ["id"]).records == []
        (record,) = client.send("account", "update", {"guid": "701", "name": "b"}).records
        assert record.action == "conflict"
        assert client.send("account", "delete", {"guid": "701"}).errors != ()
        assert [row["name"] for row in office.rows("organization", name="a")] == ["a"]
        listed = client.send("accountList", "select", meta=["name", "guid"]).records
        assert [each["guid"] for each in listed if each["name"] == "a"] == ["-1"]
        assert client.gone() == []

    def test_no_element_shows_maps_conflicts_logs_or_packages(self) -> None:
        shown = {CATALOGUE.objects[each].table or "" for each in creatable(CATALOGUE)}
        private = ("sync_", "process_log", "packetserver_", "alembic_")
        assert {each for each in shown if each.startswith(private)} == {"sync_client"}


class TestRights:
    """The rights of the user, no more and no fewer; see tests/generic for every object."""

    def test_a_list_that_the_owner_may_not_see(self, office: Office) -> None:
        actions = [(each, action) for each in HIDDEN for action in ("select", "sync", "syncDelete")]
        for element, action in actions:
            for way in ("client", "user"):
                answer = party(office, way).send(element, action, meta=["guid"], following=FAR)
                assert (answer.errors, answer.records) == (DENIED, []), (element, action, way)
            owned = office.client(ADMIN_CLIENT).send(element, action, following=FAR)
            assert owned.errors == ()

    def test_what_needs_no_right_needs_none(self, office: Office) -> None:
        client = office.client(REP_CLIENT)
        for element, action in (
            ("syncClient", "getDateTime"),
            ("system", "getDateTime"),
            ("syncClient", "getSystemPreferences"),
        ):
            assert client.send(element, action).errors == ()

    def test_it_gives_itself_no_rights(self, office: Office) -> None:
        client = office.client(REP_CLIENT)
        for element, action, values in (
            ("user", "update", {"id": str(REP), "roleId": "1"}),
            ("user", "update", {"id": "1", "encryptedPassword": REP_CODE}),
            ("rolePermission", "insert", {"roleId": "4", "permissionId": "85", "view": "true"}),
            ("role", "insert", {"role": "all", "description": "all"}),
        ):
            assert client.send(element, action, values).errors == DENIED, element

    def test_by_way_of_his_client_a_user_has_two_elements_alone(self, office: Office) -> None:
        rep = party(office, "user by client")
        others = sorted({*CATALOGUE.targets, "system"} - {"syncClient", "compileSyncData"})
        answers = rep.send_all(
            *([item(each, "select")] for each in others), level=CommitLevel.TRANSACTION
        )
        assert {each.errors for each in answers} == {NOT_FOR_THIS_USER}
        mixed = [item("syncClient", "getDateTime"), item("accountList", "select")]
        (answer,) = rep.send_all(mixed)
        assert (answer.errors, answer.records) == (NOT_FOR_THIS_USER, [])

    def test_a_file_is_stored_with_the_owner_s_rights(
        self, prepared_database_url: str, schema: Schema, tmp_path: Path
    ) -> None:
        folder = tmp_path / "files"
        with open_office(prepared_database_url, schema, file_library=folder) as office:
            form = Document(filename="a", subject="a", type="ticket", item=self.ticket(office))
            assert office.admin.send("user", "update", {"id": str(REP), "roleId": HR}).status == 0
            assert self.hand_in(office, REP_CLIENT, form) == DENIED
            assert office.rows("project_files") == []
            assert [each for each in folder.rglob("*") if each.is_file()] == []
            assert office.admin.send("user", "update", {"id": str(REP), "roleId": CSR}).status == 0
            assert self.hand_in(office, REP_CLIENT, form) == ()
            (row,) = office.rows("project_files")
            assert row["enteredby"] == REP

    def ticket(self, office: Office) -> int:
        account = office.account()
        person = {"nameLast": "P", "accessType": "2", "orgId": account}
        about = {"orgId": account, "contactId": office.admin.key("contact", "insert", person)}
        return int(office.admin.key("ticket", "insert", {**about, "problem": "It hums"}))

    def hand_in(self, office: Office, number: int, form: Document) -> tuple[str, ...]:
        documents = office.engine.documents
        credentials = office.client(number).credentials
        with documents.library.received([b"bytes"]) as received:
            return documents.store(credentials, form, received, HOST, HOST)


@pytest.fixture(params=KINDS)
def packing(
    request: pytest.FixtureRequest,
    databases: Databases,
    schema: Schema,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Packing]:
    """An office whose packages have a few lists alone."""
    whole = package_content.package_content()
    lists = tuple(each for each in whole.lists if each in {"account", "role", "user"})
    few = dataclasses.replace(whole, lists=lists)
    monkeypatch.setattr(package_content, "package_content", lambda: few)
    with (
        databases.prepared(request.param) as url,
        open_packing(url, schema, tmp_path / "files") as opened,
    ):
        yield opened


class TestPackages:
    """Packages of others, asked for with the very anchors that they are for."""

    def test_a_package_is_its_client_s_alone(self, packing: Packing) -> None:
        office = packing.office
        theirs, its = office.client(ADMIN_CLIENT), office.client(REP_CLIENT)
        assert ask(theirs, FAR).errors == ()
        packing.compile()
        (file,) = packing.files()
        rep = party(office, "user by client")
        for way in (its, rep):
            assert poll(way, FAR) == NOT_DONE
            assert self.download(office, way) is None
            assert processed(way, FAR) == ()
        assert packing.files() == [file]
        assert poll(theirs, FAR) == ()
        assert self.download(office, theirs) is not None

    def test_a_user_fetches_and_brings_no_package_in_another_client_s_name(
        self, packing: Packing
    ) -> None:
        office = packing.office
        assert ask(office.client(ADMIN_CLIENT), FAR).errors == ()
        packing.compile()
        false = Party(office, Credentials(HOST, REP_CODE, 4, ADMIN_CLIENT, "rep1"))
        with pytest.raises(NotAuthorized):
            self.download(office, false)
        new = item("account", "insert", {"name": "Brought along"})
        with pytest.raises(NotAuthorized):
            office.engine.packages.take(false.credentials, [new], HOST, HOST)
        assert office.rows("organization", name="Brought along") == []

    @pytest.mark.parametrize("way", ["client", "user by client"])
    def test_what_is_brought_is_stored_with_the_owner_s_rights(
        self, packing: Packing, way: str
    ) -> None:
        office = packing.office
        take = office.engine.packages.take
        sender = party(office, way).credentials
        mine = item("account", "insert", {"guid": "5", "name": "Brought along"})
        role = item("role", "insert", {"role": "all", "description": "all"})
        refused = take(sender, [mine, role], HOST, HOST)
        assert refused.records == 0
        assert any(DENIED[0] in line for line in refused.errors)
        assert office.rows("organization", name="Brought along") == []
        assert take(sender, [mine], HOST, HOST).errors == ()
        (row,) = office.rows("organization", name="Brought along")
        assert row["enteredby"] == REP
        (mapped,) = office.rows("sync_map", record_id=row["org_id"])
        assert (mapped["client_id"], mapped["cuid"]) == (REP_CLIENT, 5)

    def download(self, office: Office, way: Party) -> object:
        credentials = dataclasses.replace(way.credentials, next_anchor=FAR)
        return office.engine.packages.find(credentials, HOST, HOST)


def test_a_client_of_nobody_is_not_confined(office: Office) -> None:
    driver = Driver(office.engine, office.client(FREE_CLIENT).credentials)
    for element in ("userList", "roleList", "syncClientList"):
        answer = driver.one(element, "select", {}, ["id"])
        assert answer.errors == ()
        assert answer.records
