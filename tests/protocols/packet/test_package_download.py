"""How a client fetches its package: whole, in parts, and only its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from protocols.packet.packing_client import ADMIN_CODE, OWN, Desk, open_desk
from sync.office import Party
from sync.packing import ask, poll, processed, read_package

from databases import KINDS, Databases
from packetserver.errors import StoreUnavailable
from packetserver.records.opening import load_schema
from packetserver.security.credentials import Credentials

CLIENT = {"clientId": "1", "code": "secret1"}


@pytest.fixture(params=KINDS)
def desk(request, databases: Databases, tmp_path: Path) -> Iterator[Desk]:
    with (
        databases.prepared(request.param) as url,
        open_desk(url, load_schema(), tmp_path / "files") as opened,
    ):
        yield opened


@pytest.fixture
def sqlite_desk(databases: Databases, tmp_path: Path) -> Iterator[Desk]:
    with (
        databases.prepared("sqlite") as url,
        open_desk(url, load_schema(), tmp_path / "files") as opened,
    ):
        yield opened


def made(desk: Desk, party: Party | None = None) -> str:
    """Have a package made; returns its next anchor."""
    party = party or desk.packing.office.client()
    following = party.now()
    assert ask(party, following).errors == ()
    (outcome,) = desk.packing.compile()
    assert outcome.error is None
    return following


def is_failure(response) -> bool:
    """What the shipped client takes for a failure."""
    return (response.status_code, response.data) == (200, b"")


def test_a_client_fetches_what_was_made_for_it(desk: Desk) -> None:
    desk.packing.office.account("A & B <Ltd>")
    following = made(desk)
    response = desk.download({**CLIENT, "nextAnchor": following})
    assert response.status_code == 200
    assert response.content_length == len(response.data)
    assert response.headers["Content-Disposition"].startswith('attachment; filename="')
    assert response.mimetype == "application/octet-stream"
    names = [each["name"] for each in read_package(response.data) if each.element == "account"]
    assert names == ["My Company", "A & B <Ltd>"]
    assert (desk.packing.status(), desk.packing.work()["downloads"]) == (3, 1)


def test_a_user_fetches_with_the_client_that_is_his(desk: Desk) -> None:
    credentials = Credentials("CRMConnection", ADMIN_CODE, 4, 2, "admin")
    following = made(desk, Party(desk.packing.office, credentials))
    assert read_package(desk.download({**OWN, "nextAnchor": following}).data)
    # He may not fetch what is another client's, nor may another user fetch his.
    assert is_failure(desk.download({**OWN, "clientId": "1", "nextAnchor": following}))
    rep = {"username": "rep1", "code": "5a53b980100f71a23d18352ae67af15b", "clientId": "2"}
    assert is_failure(desk.download({**rep, "nextAnchor": following}))


def test_what_fails_is_an_empty_body(sqlite_desk: Desk) -> None:
    desk, client = sqlite_desk, sqlite_desk.packing.office.client()
    following = client.now()
    asked = {**CLIENT, "nextAnchor": following}
    assert is_failure(desk.download(asked))
    ask(client, following)
    assert is_failure(desk.download(asked)), "it is not made yet"
    desk.packing.compile()
    wrong = (
        {**asked, "code": "secret2"},
        {**asked, "nextAnchor": ""},
        {**asked, "nextAnchor": "2026-01-01 00:00:00.0"},
        {**asked, "lastAnchor": "2026-01-01 00:00:00.0"},
        {"username": "admin", "code": ADMIN_CODE, "nextAnchor": following},
        {"clientId": "99", "code": "secret1", "nextAnchor": following},
    )
    assert all(is_failure(desk.download(each)) for each in wrong)
    assert is_failure(desk.client.post("/ProcessSyncPackageDownload.do", data=b"<no XML"))
    assert (desk.packing.status(), desk.packing.work()["downloads"]) == (2, 0)
    assert not is_failure(desk.download(asked))


def test_a_file_that_is_gone_is_no_download(sqlite_desk: Desk) -> None:
    desk, client = sqlite_desk, sqlite_desk.packing.office.client()
    desk.packing.office.account("Blue")
    following = made(desk)
    (file,) = desk.packing.files()
    file.unlink()
    assert is_failure(desk.download({**CLIENT, "nextAnchor": following}))
    assert desk.packing.status() == 2
    # Asking again has it made again, with everything in it.
    assert ask(client, following).errors == ()
    desk.packing.compile()
    records = read_package(desk.download({**CLIENT, "nextAnchor": following}).data)
    assert [each["id"] for each in records if each.element == "account"] == ["0", "1"]


def test_a_download_goes_on_where_it_broke_off(desk: Desk) -> None:
    following = made(desk)
    asked = {**CLIENT, "nextAnchor": following}
    first = desk.download(asked, Range="bytes=0-999")
    assert (first.status_code, len(first.data)) == (206, 1000)
    assert desk.packing.status() == 2, "what has not reached the end is no download"
    size = int(first.headers["Content-Range"].rpartition("/")[2])
    assert first.headers["Content-Range"] == f"bytes 0-999/{size}"
    rest = desk.download(asked, Range="bytes=1000-", If_Range=first.headers["ETag"])
    assert (rest.status_code, rest.content_length) == (206, size - 1000)
    assert rest.headers["Content-Range"] == f"bytes 1000-{size - 1}/{size}"
    assert read_package(first.data + rest.data)
    assert (desk.packing.status(), desk.packing.work()["downloads"]) == (3, 1)
    assert desk.download(asked, Range="bytes=-5").data == rest.data[-5:]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Range": "bytes=99999999-"}, 416),
        ({"Range": "bytes=0-9", "If_Range": '"another"'}, 200),
        ({"Range": "bytes=0-9", "If_Range": "Sun, 22 Nov 2026 16:00:00 GMT"}, 200),
        ({"Range": "bytes=0-9,20-29"}, 200),
        ({"Range": "records=0-9"}, 200),
        ({"Range": "nonsense"}, 200),
        ({"Range": "bytes=0-9"}, 206),
        ({"Range": "bytes=-0"}, 200),
        ({"Range": "bytes=-5,-6"}, 200),
        ({"Range": "bytes=--5"}, 200),
        ({"Range": "bytes=-" + "9" * 5000}, 200),
    ],
    ids=str,
)
def test_ranges(sqlite_desk: Desk, headers: dict[str, str], status: int) -> None:
    following = made(sqlite_desk)
    (file,) = sqlite_desk.packing.files()
    size = file.stat().st_size
    response = sqlite_desk.download({**CLIENT, "nextAnchor": following}, **headers)
    assert response.status_code == status
    assert len(response.data) == {416: 0, 200: size, 206: 10}[status]
    assert sqlite_desk.packing.status() == (3 if status == 200 else 2)
    if status == 416:
        assert response.headers["Content-Range"] == f"bytes */{size}"


def test_the_last_bytes_are_all_that_there_are(sqlite_desk: Desk) -> None:
    desk = sqlite_desk
    asked = {**CLIENT, "nextAnchor": made(desk)}
    (file,) = desk.packing.files()
    content = file.read_bytes()
    size = len(content)
    for last in (1, size - 1, size, size + 1, 2**31, 2**63, 10**30):
        response = desk.download(asked, Range=f"bytes=-{last}")
        sent = min(last, size)
        assert (response.status_code, response.data) == (206, content[size - sent :]), last
        assert response.headers["Content-Range"] == f"bytes {size - sent}-{size - 1}/{size}"
        assert response.content_length == sent
    for first, stop in ((0, ""), (0, size - 1), (0, 10**30), (size - 1, size), (1, 2**63)):
        response = desk.download(asked, Range=f"bytes={first}-{stop}")
        assert (response.status_code, response.data) == (206, content[first:])


def test_a_client_that_lost_its_download_may_have_it_again(sqlite_desk: Desk) -> None:
    desk, client = sqlite_desk, sqlite_desk.packing.office.client()
    following = made(desk)
    asked = {**CLIENT, "nextAnchor": following}
    first = desk.download(asked).data
    assert poll(client, following) != ()
    assert ask(client, following).errors == ()
    assert poll(client, following) == ()
    assert desk.download(asked).data == first
    assert processed(client, following) == ()
    assert is_failure(desk.download(asked))


def test_a_lost_database_is_no_empty_package(sqlite_desk: Desk, monkeypatch) -> None:
    def away(*_arguments: object) -> None:
        raise StoreUnavailable("away")

    packages = sqlite_desk.packing.office.engine.packages
    following = made(sqlite_desk)
    asked = {**CLIENT, "nextAnchor": following}
    monkeypatch.setattr(packages, "note_download", away)
    assert read_package(sqlite_desk.download(asked).data), "the client gets its bytes all the same"
    monkeypatch.setattr(packages, "find", away)
    response = sqlite_desk.download(asked)
    assert (response.status_code, response.headers["Retry-After"]) == (503, "10")


def test_downloads_are_logged(sqlite_desk: Desk) -> None:
    following = made(sqlite_desk)
    sqlite_desk.download({**CLIENT, "nextAnchor": following})
    sqlite_desk.download({**CLIENT, "nextAnchor": ""})
    rows = sqlite_desk.packing.office.rows(
        "sync_transaction_log", element_name="processSyncPackageDownload"
    )
    assert [each["status_code"] for each in rows] == [0, 1]


def test_an_address_without_a_packet_is_explained(sqlite_desk: Desk) -> None:
    page = sqlite_desk.client.get("/ProcessSyncPackageDownload.do")
    assert b"/ProcessPacket.do" in page.data
