"""A client's own package: as the shipped client sends it, and what is refused."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from protocols.packet.packing_client import (
    ADMIN_CODE,
    Desk,
    open_desk,
    package,
    package_xml,
    zipped,
)
from sync.packing import xml_of

from databases import KINDS, Databases
from packetserver.errors import StoreUnavailable
from packetserver.protocols.packet.package_content import packed_object
from packetserver.protocols.packet.package_writer import written_package
from packetserver.records.opening import load_schema

ACCOUNT = ("account", "insert", [('id alias="guid"', "7"), ("name", "Blue <Ltd>")])
ADDRESS = (
    "organizationAddress",
    "insert",
    [('id alias="guid"', "9"), ('orgId valueLookup="account"', "7"), ("city", "Łódź")],
)
STORED = "The package is stored: {} records.\n"


@pytest.fixture(params=KINDS)
def desk(request, databases: Databases, tmp_path: Path) -> Iterator[Desk]:
    with (
        databases.prepared(request.param) as url,
        open_desk(url, load_schema(), tmp_path / "files") as opened,
    ):
        yield opened


@pytest.fixture(scope="module")
def shared(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A desk for packages of which nothing is stored."""
    with (
        databases.prepared("sqlite") as url,
        open_desk(
            url,
            load_schema(),
            tmp_path_factory.mktemp("files"),
            max_body_bytes=200_000,
            max_package_bytes=3_000_000,
            max_packet_elements=300,
        ) as opened,
    ):
        yield opened


def accounts(desk: Desk) -> list[str]:
    rows = desk.packing.office.rows("organization")
    return sorted(each["name"] for each in rows if each["org_id"] != 0)


def refusal(desk: Desk, content: bytes, **fields: str) -> str:
    """The text that refuses a package; nothing of it is stored, and nothing of it is left."""
    response = desk.upload(content, **fields)
    assert (response.status_code, response.mimetype) == (200, "text/plain")
    assert accounts(desk) == []
    assert desk.packing.office.rows("sync_map") == []
    assert desk.packing.files() == []
    assert response.text.startswith("Error: ")
    return response.text.removeprefix("Error: ").strip()


def test_the_shipped_clients_package_is_carried_out(desk: Desk) -> None:
    response = desk.upload(package(ACCOUNT, ADDRESS))
    assert (response.status_code, response.text) == (200, STORED.format(2))
    assert accounts(desk) == ["Blue <Ltd>"]
    (address,) = desk.packing.office.rows("organization_address", city="Łódź")
    (account,) = desk.packing.office.rows("organization", name="Blue <Ltd>")
    assert address["org_id"] == account["org_id"]
    rows = desk.packing.office.rows("sync_map", client_id=2)
    assert sorted(each["cuid"] for each in rows) == [7, 9]
    assert desk.packing.files() == []


def test_a_package_that_comes_twice_stores_nothing_new(desk: Desk) -> None:
    for _ in range(2):
        assert desk.upload(package(ACCOUNT, ADDRESS)).text == STORED.format(2)
    assert accounts(desk) == ["Blue <Ltd>"]


def test_a_later_package_updates_by_the_clients_own_id(desk: Desk) -> None:
    desk.upload(package(ACCOUNT))
    change = ("account", "update", [('id alias="guid"', "7"), ("name", "Red")])
    assert desk.upload(package(change)).text == STORED.format(1)
    assert accounts(desk) == ["Red"]


def test_validation_is_off(desk: Desk) -> None:
    contact = ("contact", "insert", [('id alias="guid"', "1"), ("accessType", "2")])
    assert desk.upload(package(contact)).text == STORED.format(1)


def test_it_is_logged(desk: Desk) -> None:
    desk.upload(package(ACCOUNT))
    desk.upload(package(("nothing", "insert", [])))
    rows = desk.packing.office.rows("sync_transaction_log", element_name="clientSyncPackage")
    assert [(each["status_code"], each["record_count"]) for each in rows] == [(0, 1), (1, 0)]


@pytest.mark.parametrize(
    ("record", "text"),
    [
        (("nothing", "insert", []), "Record 2 (nothing)\nUnsupported object specified"),
        (("account", "delete", [("id", "1")]), "Record 2 (account)\nTransaction failed"),
        (("accountList", "sync", []), "Record 2 (accountList)\nTransaction failed"),
        (("account", "insertTwice", []), "account has no insertTwice"),
        (("organizationAddress", "insert", [('orgId valueLookup="account"', "99")]),
         "Sync reference does not exist, you must sync referenced tables first"),
        (("account", "insert", [('id alias="guid"', "x")]), "guid: not an integer"),
        (("account", "", []), "Record 2 (account)"),
    ],
)  # fmt: skip
def test_one_wrong_record_undoes_all(shared: Desk, record, text: str) -> None:
    found = refusal(shared, package(ACCOUNT, record))
    assert found.startswith("Nothing of the package is stored.\n")
    assert text in found


@pytest.mark.parametrize(
    "fields",
    [
        {"code": "0" * 32},
        {"clientId": "1"},
        {"clientId": ""},
        {"clientId": "3", "username": "", "code": "secret3"},
        {"username": "rep1", "code": "5a53b980100f71a23d18352ae67af15b"},
        {"username": "", "code": ADMIN_CODE},
    ],
)
def test_only_the_owner_of_a_client_may_send(shared: Desk, fields: dict[str, str]) -> None:
    assert refusal(shared, package(ACCOUNT), **fields) == "Not authorized"


def test_the_rights_are_those_of_the_user(shared: Desk) -> None:
    rep = {"username": "rep1", "clientId": "4", "code": "5a53b980100f71a23d18352ae67af15b"}
    role = ("role", "insert", [("role", "Everything"), ("enabled", "true")])
    assert "User denied permission" in refusal(shared, package(role), **rep)


XML = package_xml(ACCOUNT)
DAMAGED = bytearray(zipped(("a", XML * 1 + b" " * 5000)))
DAMAGED[60] ^= 255


def _encrypted() -> bytes:
    content = bytearray(zipped(("a", XML)))
    content[6] |= 1
    content[content.rfind(b"PK\1\2") + 8] |= 1
    return bytes(content)


def _of_method(method: int) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", method) as archive:
        archive.writestr("a", XML)
    return content.getvalue()


def _long_directory() -> bytes:
    """Says that its list of files is longer than it needs to be for one."""
    content = bytearray(zipped(("a", XML)))
    struct.pack_into("<L", content, content.rfind(b"PK\5\6") + 12, 2**31)
    return bytes(content)


def _zip64() -> bytes:
    content = zipped(("a", XML))
    place = content.rfind(b"PK\5\6")
    return content[:place] + b"PK\6\7" + bytes(16) + content[place:]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "The package is no ZIP file, or a damaged one"),
        (b"PK", "The package is no ZIP file, or a damaged one"),
        (XML, "The package is no ZIP file, or a damaged one"),
        (zipped(("a", XML))[:-30], "The package is no ZIP file, or a damaged one"),
        (bytes(DAMAGED), "The package is no ZIP file, or a damaged one"),
        (zipped(), "The package must hold one file, and holds none: no record was found in it"),
        (zipped(("a/", b"")), "The package must hold one file, and holds none"),
        (zipped(("a/", XML), ("b", XML)), "The package must hold one file, and holds 2"),
        (zipped(("a", XML), ("b", XML)), "The package must hold one file, and holds 2"),
        (zipped(("a", XML), ("b", b"")), "The package must hold one file, and holds 2"),
        (zipped(*((f"{i}", b"") for i in range(2000))), "The package must hold one file"),
        (_long_directory(), "The package must hold one file"),
        (_encrypted(), "The file in the package is packed in a way that this server does not read"),
        (_of_method(zipfile.ZIP_LZMA), "The file in the package is packed in a way that this server does not read"),
        (_zip64(), "The file in the package is packed in a way that this server does not read"),
        (zipped(("a", b"")), "The packet is empty"),
        (zipped(("a", XML[:-3])), "The packet ends too early"),
        (zipped(("a", b"<!DOCTYPE a [<!ENTITY b 'c'>]>" + XML)), "A packet may not have a document type"),
        (zipped(("a", b"<a>" * 100)), "No record was found in the element a"),
        (package(("account", "insert", [("name", "x")] * 400)), "Record 1 of the package has more than 300 elements for one record"),
        (zipped(("a", b"<aspcfs>" + b"<cfsdata/>" * 400 + b"</aspcfs>")), "The package has more than 300 elements for one record"),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else "",
)  # fmt: skip
def test_what_is_no_package_is_refused(shared: Desk, content: bytes, text: str) -> None:
    assert refusal(shared, content).startswith(text)


ONE = (
    "<dataRecord name='account' action='insert'><dataField name='name'>{}</dataField></dataRecord>"
)

WHERE_RECORDS_ARE_FOUND = (
    "<aspcfs>{}</aspcfs>",
    "<aspcfs><cfsdata>{}</cfsdata></aspcfs>",
    "<aspcfs>{}<cfsdata>{}</cfsdata></aspcfs>",
    "<aspcfs><cfsdata>{}</cfsdata>{}</aspcfs>",
    "<aspcfs><cfsdata>{}</cfsdata> <cfsdata>{}</cfsdata></aspcfs>",
    "<aspcfs><cfsdata/><cfsdata>{}</cfsdata></aspcfs>",
    "<anything>{}</anything>",
    "<cfsdata>{}</cfsdata>",
    "<?xml version='1.0' encoding='UTF-8'?>\n<aspcfs>\n  <!-- a -->{}\n<?b c?>{}\n</aspcfs>\n",
)


@pytest.fixture(scope="module", params=KINDS)
def growing(
    request, databases: Databases, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Desk]:
    """A desk whose accounts become more and more."""
    with (
        databases.prepared(request.param) as url,
        open_desk(url, load_schema(), tmp_path_factory.mktemp("files")) as opened,
    ):
        yield opened


@pytest.mark.parametrize("number", range(len(WHERE_RECORDS_ARE_FOUND)))
def test_records_are_stored_wherever_they_may_stand(growing: Desk, number: int) -> None:
    shape = WHERE_RECORDS_ARE_FOUND[number]
    names = [f"{number}-{each}" for each in range(shape.count("{}"))]
    xml = shape.format(*(ONE.format(name) for name in names))
    response = growing.upload(zipped(("a", xml.encode())))
    assert (response.status_code, response.text) == (200, STORED.format(len(names)))
    assert [each for each in accounts(growing) if each.startswith(f"{number}-")] == names


def test_a_package_of_the_servers_own_can_be_brought(growing: Desk) -> None:
    """What this server packs has the shape of what it takes."""
    content = io.BytesIO()
    with written_package(content, "20260101-1") as writer:
        catalogue = load_schema().catalogue
        writer.begin(packed_object(catalogue, catalogue.objects["account"]))
        writer.write("insert", ["guid", "name"], ["4711", "Packed & <brought>"])
    xml = xml_of(content.getvalue()).replace(b'name="id"', b'name="id" alias="guid"')
    assert growing.upload(zipped(("a", xml))).text == STORED.format(1)
    assert "Packed & <brought>" in accounts(growing)


FIRST = ONE.format("First")


@pytest.mark.parametrize(
    "shape",
    [
        "<aspcfs/>",
        "<aspcfs></aspcfs>",
        "<aspcfs> \n </aspcfs>",
        "<aspcfs><!-- a --></aspcfs>",
        "<aspcfs><cfsdata/></aspcfs>",
        "<aspcfs><cfsdata> </cfsdata><cfsdata/></aspcfs>",
        '<aspcfs><record name="account" action="insert"/></aspcfs>',
        "<aspcfs><DataRecord name='account' action='insert'/></aspcfs>",
        "<aspcfs><more><cfsdata/></more></aspcfs>",
        "<aspcfs><cfsdata><cfsdata/></cfsdata></aspcfs>",
        "<dataRecord name='account' action='insert'><dataField name='name'>a</dataField></dataRecord>",
        "<aspcfs xmlns:a='b'><a:dataRecord name='account' action='insert'/></aspcfs>",
    ],
)
def test_a_package_without_a_record_is_never_called_stored(shared: Desk, shape: str) -> None:
    assert "No record was found in" in refusal(shared, zipped(("a", shape.encode())))


@pytest.mark.parametrize(
    ("shape", "text"),
    [
        (f"<aspcfs>{FIRST}<record name='account'/></aspcfs>", "No record was found in the element record"),
        (f"<aspcfs><meta/>{FIRST}</aspcfs>", "No record was found in the element meta"),
        (f"<aspcfs>{FIRST}text</aspcfs>", "The package has text that is in no dataField"),
        (f"<aspcfs>{FIRST}<cfsdata>&#160;</cfsdata></aspcfs>", "The package has text"),
        (FIRST.replace("<dataField", "text<dataField"), "Record 1 of the package has text"),
        (FIRST.replace("dataField", "field"), "Record 1 of the package has an element field"),
        (FIRST.replace("First", "<b>First</b>"), "Record 1 of the package has an element b within a dataField"),
        (FIRST.replace("dataField name='name'", "dataField alias=''"), "Record 1 of the package has a dataField without a name"),
        (FIRST + "<dataRecord action='insert'/>", "Nothing of the package is stored.\nRecord 2 ()\nUnsupported object"),
        (FIRST + "<dataRecord name='x' action='insert'/>", "Nothing of the package is stored.\nRecord 2 (x)\nUnsupported object"),
        (FIRST + FIRST.replace("insert", "update"), "Nothing of the package is stored.\nRecord 2 (account)"),
    ],
)  # fmt: skip
def test_what_is_no_record_is_said(shared: Desk, shape: str, text: str) -> None:
    xml = shape if shape.startswith("<aspcfs>") else f"<aspcfs>{shape}</aspcfs>"
    assert refusal(shared, zipped(("a", xml.encode()))).startswith(text)


def test_a_record_that_the_server_does_not_change_is_said(shared: Desk) -> None:
    """A conflict is an answer to a packet; nobody reads the answers to the records of a package."""
    change = ("account", "update", [("id", "4711"), ("name", "Red")])
    found = refusal(shared, package(ACCOUNT, change))
    assert found.startswith("Nothing of the package is stored.\nRecord 2 (account)\n")
    assert "conflict" in found


def test_a_package_that_cannot_be_read_to_its_end_is_logged(desk: Desk) -> None:
    broken = package_xml(ACCOUNT).replace(b"</cfsdata>", b"<other/></cfsdata>")
    assert desk.upload(zipped(("a", broken))).text.startswith("Error: ")
    (row,) = desk.packing.office.rows("sync_transaction_log", element_name="clientSyncPackage")
    assert (row["status_code"], row["record_count"]) == (1, 0)
    assert "the element other" in row["message"]
    assert accounts(desk) == []


def test_a_bomb_is_refused(shared: Desk) -> None:
    blanks = package_xml(ACCOUNT).replace(b"</cfsdata>", b" " * 3_000_000 + b"</cfsdata>")
    response = shared.upload(zipped(("a", blanks)))
    assert response.status_code == 413
    assert "longer than 3000000 bytes" in response.text
    assert accounts(shared) == []


def test_a_form_that_is_too_long_is_refused(shared: Desk) -> None:
    noise = bytes(range(256)) * 1000
    response = shared.upload(noise)
    assert response.status_code == 413
    assert shared.packing.files() == []


def test_a_form_without_a_package_is_refused(shared: Desk) -> None:
    response = shared.client.post("/ProcessClientSyncPackage.do", data={"username": "admin"})
    assert (response.status_code, response.text.startswith("Error: ")) == (200, True)
    assert shared.client.get("/ProcessClientSyncPackage.do").status_code == 200


def test_a_lost_database_asks_for_patience(shared: Desk, monkeypatch) -> None:
    def away(*_arguments: object, **_named: object) -> None:
        raise StoreUnavailable("away")

    monkeypatch.setattr(shared.packing.office.engine.packages, "take", away)
    response = shared.upload(package(ACCOUNT))
    assert (response.status_code, response.headers["Retry-After"]) == (503, "10")


def test_a_package_larger_than_a_packet_may_be_is_carried_out(desk: Desk) -> None:
    """The bound on elements is one for a record, not for a package."""
    many = [
        ("account", "insert", [('id alias="guid"', str(number)), ("name", f"Account {number}")])
        for number in range(1, 301)
    ]
    assert desk.upload(package(*many)).text == STORED.format(300)
    assert len(accounts(desk)) == 300
