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

from databases import KINDS, Databases
from packetserver.engine.assembly import load_schema
from packetserver.errors import StoreUnavailable

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
        (zipped(), "The package must hold one file"),
        (zipped(("a", XML), ("b", XML)), "The package must hold one file"),
        (zipped(*((f"{i}", b"") for i in range(2000))), "The package must hold one file"),
        (_long_directory(), "The package must hold one file"),
        (_encrypted(), "The file in the package is packed in a way that this server does not read"),
        (_of_method(zipfile.ZIP_LZMA), "The file in the package is packed in a way that this server does not read"),
        (_zip64(), "The file in the package is packed in a way that this server does not read"),
        (zipped(("a", b"")), "The packet is empty"),
        (zipped(("a", XML[:-3])), "The packet ends too early"),
        (zipped(("a", b"<!DOCTYPE a [<!ENTITY b 'c'>]>" + XML)), "A packet may not have a document type"),
        (zipped(("a", b"<a>" * 100)), "The package is nested deeper than 64 elements"),
        (package(("account", "insert", [("name", "x")] * 400)), "A record of the package has more than 300 elements"),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else "",
)  # fmt: skip
def test_what_is_no_package_is_refused(shared: Desk, content: bytes, text: str) -> None:
    assert refusal(shared, content).startswith(text)


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
    def away(*_arguments: object) -> None:
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
