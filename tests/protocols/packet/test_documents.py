"""Files in forms: as browsers and the shipped clients send them, and broken ones."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import io
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from driving import HOST, Driver
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from databases import KINDS, Databases
from packetserver.app import create_app
from packetserver.errors import StoreUnavailable
from packetserver.protocols.front.forms import MOST_FIELD_BYTES
from packetserver.protocols.packet.process import Engine, build_engine
from packetserver.records.service import Service
from packetserver.settings import Settings
from packetserver.store.files import FileLibrary

PATH = "/ProcessDocument.do"
LARGEST = 200_000
BYTES = bytes(range(256)) * 500 + b"\r\n--" * 100
BOUNDARY = "---------------------------7d226f700d0"
ADMIN = {"username": "admin", "code": "21232f297a57a5a743894a0e4a801fc3"}
CLIENT = {"id": HOST, "clientId": "1", "code": "secret1"}
NOT_READ = "The form cannot be read: it is no complete multipart form, or too large a one"


@dataclass
class Desk:
    """A client of the application, a ticket, and what lies in the database and on the disk."""

    engine: Engine
    client: FlaskClient
    folder: Path
    ticket: int

    def fields(self, **changed: str | None) -> dict[str, str]:
        fields = {**ADMIN, "systemId": "4", "type": "ticket", "tid": str(self.ticket)}
        fields |= {"enteredBy": "2", "subject": "Fire", "folderId": "-1"}
        return {name: text for name, text in (fields | changed).items() if text is not None}

    def send(
        self, content: bytes = BYTES, name: str = "a.txt", **fields: str | None
    ) -> TestResponse:
        """Send a form as a program of today does."""
        data = {**self.fields(**fields), "file1": (io.BytesIO(content), name)}
        return self.client.post(PATH, data=data, base_url=f"http://{HOST}")

    def post(self, body: bytes, content_type: str | None = None) -> TestResponse:
        content_type = content_type or f"multipart/form-data; boundary={BOUNDARY}"
        return self.client.post(PATH, data=body, content_type=content_type)

    def items(self) -> list[dict[str, Any]]:
        with self.engine.database.connect() as connection:
            table = self.engine.schema.metadata.tables["project_files"]
            found = table.select().where(table.c.link_item_id == self.ticket)
            return [dict(row) for row in connection.execute(found).mappings()]

    def files(self) -> list[bytes]:
        return [path.read_bytes() for path in self.folder.rglob("*") if path.is_file()]


@pytest.fixture(scope="module")
def engines(databases: Databases) -> Iterator[dict[str, Engine]]:
    with contextlib.ExitStack() as stack:
        made = {}
        for kind in KINDS:
            url = stack.enter_context(databases.prepared(kind))
            made[kind] = build_engine(Settings(database_url=url))
            stack.callback(made[kind].database.close)
        yield made


@pytest.fixture(params=KINDS)
def engine(request: pytest.FixtureRequest, engines: dict[str, Engine], tmp_path: Path) -> Engine:
    """An engine with a folder of files of its own."""
    made = engines[request.param]
    library = FileLibrary(tmp_path / "files", LARGEST)
    preferences = dataclasses.replace(made.preferences, library=library)
    return Engine(Service(made.database, made.schema, made.authenticator, preferences))


def insert(engine: Engine, element: str, **values: object) -> int:
    texts = {name: str(each) for name, each in values.items()}
    answer = Driver(engine).one(element, "insert", texts, ["id"])
    assert answer.errors == ()
    return int(answer.records[0]["id"])


@pytest.fixture
def desk(engine: Engine) -> Desk:
    account = insert(engine, "account", name="Dark Horse")
    person = insert(engine, "contact", nameLast="P", accessType=2, orgId=account)
    ticket = insert(engine, "ticket", orgId=account, contactId=person, problem="Fire")
    client = create_app(Settings(), engine).test_client()
    return Desk(engine, client, engine.preferences.library.folder, ticket)


def lines_of(response: TestResponse, status: int = 200) -> list[str]:
    """What a page says is wrong."""
    assert (response.status_code, response.mimetype) == (status, "text/html")
    assert "System response: ERROR" in response.text
    return [unescape(each) for each in re.findall(r"<li>(.*?)</li>", response.text)]


def assert_stored(response: TestResponse) -> None:
    assert (response.status_code, response.mimetype) == (200, "text/html")
    assert "System response: OK" in response.text


def assert_nothing_is_left(desk: Desk) -> None:
    assert desk.files() == []
    assert desk.items() == []


@pytest.mark.parametrize("who", [ADMIN, {**CLIENT, "username": None}], ids=["user", "client"])
def test_a_form_of_today_is_stored(desk: Desk, who: dict[str, str | None]) -> None:
    assert_stored(desk.send(**who))
    (item,) = desk.items()
    user = 1 if who is ADMIN else 2
    assert (item["enteredby"], item["client_filename"], item["size"]) == (user, "a.txt", len(BYTES))
    assert desk.files() == [BYTES]


def part(disposition: str, content: bytes) -> bytes:
    head = f"--{BOUNDARY}\r\ncontent-disposition: form-data; {disposition}\r\n".encode("cp1252")
    return head + b"\r\n" + content + b"\r\n"


def form(desk: Desk, *files: tuple[str, bytes], **fields: str | None) -> bytes:
    """A form as the shipped clients write it, without its end."""
    pieces = [part(f'name="{k}"', v.encode("cp1252")) for k, v in desk.fields(**fields).items()]
    pieces += [part(f'name="file1"; filename="{name}"', content) for name, content in files]
    return b"".join(pieces)


@pytest.mark.parametrize("end", ["--", "--\r\n", "\r\n", "", "--\r\nepilogue", "\r\n\r\n"])
def test_a_form_of_a_shipped_client_is_stored(desk: Desk, end: str) -> None:
    """Its last boundary has no hyphens, its name is a path, and its letters are those of Windows."""
    body = form(desk, ("C:\\Users\\Zoë\\Übersicht.txt", BYTES), subject="Grün – €")
    assert_stored(desk.post(body + f"--{BOUNDARY}{end}".encode()))
    (item,) = desk.items()
    assert (item["client_filename"], item["subject"]) == ("Übersicht.txt", "Grün – €")
    assert desk.files() == [BYTES]


def test_the_file_may_come_first(desk: Desk) -> None:
    body = part('name=file1; filename="a.txt"', BYTES) + form(desk)
    assert_stored(desk.post(body + f"--{BOUNDARY}--".encode()))
    assert desk.files() == [BYTES]


def test_of_two_files_and_fields_of_a_name_the_first_counts(desk: Desk) -> None:
    more = part('name="other"; filename="b.txt"', b"b") + part('name="subject"', b"Second")
    files = form(desk, ("a.txt", b"a"), ("c.txt", b"c"))
    assert_stored(desk.post(files + more + f"--{BOUNDARY}--".encode()))
    assert [(each["subject"], each["size"]) for each in desk.items()] == [("Fire", 1)]
    assert desk.files() == [b"a"]


@pytest.mark.parametrize(
    "path", ["/crm/ProcessDocument.do", "/ProcessPacket.do/ProcessDocument.do"]
)
def test_the_last_segment_decides(desk: Desk, path: str) -> None:
    body = form(desk, ("a.txt", b"a")) + f"--{BOUNDARY}--".encode()
    kind = f"multipart/form-data; boundary={BOUNDARY}"
    assert_stored(desk.client.post(path, data=body, content_type=kind))


@pytest.mark.parametrize(
    "who",
    [
        {"code": None},
        {"code": "0" * 32},
        {"username": None, "id": HOST, "code": "unset"},
        {**CLIENT, "username": None, "id": "elsewhere"},
        {**CLIENT, "username": None, "code": "unset"},
    ],
    ids=repr,
)
def test_without_credentials_nothing_is_stored(desk: Desk, who: dict[str, str | None]) -> None:
    assert lines_of(desk.send(**who)) == ["Not authorized"]
    assert_nothing_is_left(desk)


@pytest.mark.parametrize(("id_sent", "right"), [("crm.example", True), ("other.example", False)])
def test_a_client_names_the_host_that_it_used(desk: Desk, id_sent: str, *, right: bool) -> None:
    fields = desk.fields(**CLIENT | {"id": id_sent}, username=None)
    data = {**fields, "file1": (io.BytesIO(b"a"), "a.txt")}
    response = desk.client.post(PATH, data=data, base_url="http://crm.example:8080")
    if right:
        assert_stored(response)
    else:
        assert lines_of(response) == ["Not authorized"]


def test_a_user_without_permission_is_told_so(desk: Desk) -> None:
    response = desk.send(username="hr1", code="5f97acc1703998d0b3e9d726c39f219f")
    assert lines_of(response) == ["User denied permission to perform action on the object"]
    assert_nothing_is_left(desk)


def test_everything_that_is_wrong_stands_on_the_page(desk: Desk) -> None:
    response = desk.send(name="..", type="invoice", tid="x", subject=" ")
    assert lines_of(response) == [
        "type: can only be ticket",
        "tid: Id not specified",
        "subject: Required Field",
        "file1: Incorrect file name",
    ]
    (line,) = lines_of(desk.send(tid="999999"))
    assert line.startswith("tid: ")
    assert_nothing_is_left(desk)


@pytest.mark.parametrize(
    "changed",
    [{"type": " Ticket "}, {"folderId": "x"}, {"enteredBy": "nobody"}, {"systemId": None}],
)
def test_what_the_original_took_is_taken(desk: Desk, changed: dict[str, str | None]) -> None:
    assert_stored(desk.send(**changed))


def test_a_record_of_another_module_may_have_files(desk: Desk) -> None:
    generic = {"type": None, "tid": None, "linkModuleId": "6", "linkItemId": str(desk.ticket)}
    assert_stored(desk.send(**generic))
    assert len(desk.items()) == 1


def test_a_file_of_the_largest_size_is_stored_and_no_larger_one(desk: Desk) -> None:
    end = f"--{BOUNDARY}--".encode()
    assert_stored(desk.post(form(desk, ("a.txt", b"x" * LARGEST)) + end))
    for size in (LARGEST + 1, LARGEST + 2 * MOST_FIELD_BYTES):
        (line,) = lines_of(desk.post(form(desk, ("a.txt", b"x" * size)) + end), 413)
        assert line == f"file1: longer than the {LARGEST} bytes that this server takes"
    assert [len(each) for each in desk.files()] == [LARGEST]


def test_a_chunked_form_is_counted_too(desk: Desk) -> None:
    def post(size: int) -> TestResponse:
        body = form(desk, ("a.txt", b"x" * size)) + f"--{BOUNDARY}--".encode()
        environ = {
            "CONTENT_TYPE": f"multipart/form-data; boundary={BOUNDARY}",
            "wsgi.input": io.BytesIO(body),
            "wsgi.input_terminated": True,
            "HTTP_TRANSFER_ENCODING": "chunked",
        }
        return desk.client.post(PATH, environ_overrides=environ)

    assert_stored(post(LARGEST))
    assert lines_of(post(LARGEST + MOST_FIELD_BYTES + 1), 413)
    assert [len(each) for each in desk.files()] == [LARGEST]


def test_fields_have_a_limit_of_their_own(desk: Desk) -> None:
    half = "x" * (MOST_FIELD_BYTES // 2 + 1)
    body = form(desk, ("a.txt", b"a"), x=half, y=half) + f"--{BOUNDARY}--".encode()
    (line,) = lines_of(desk.post(body))
    assert "beside its file" in line
    assert_nothing_is_left(desk)


def test_a_form_without_a_file_is_refused(desk: Desk) -> None:
    body = form(desk) + part('name="file1"', b"text") + f"--{BOUNDARY}--".encode()
    assert lines_of(desk.post(body)) == ["file1: The form has no file"]


@pytest.mark.parametrize("cut", [1, 40, 200, 60_000, -1, -30, -60])
def test_a_form_that_breaks_off_is_refused(desk: Desk, cut: int) -> None:
    body = form(desk, ("a.txt", BYTES)) + f"--{BOUNDARY}--".encode()
    cut = cut if cut > 0 else len(body) - len(BOUNDARY) - 4 + cut
    assert lines_of(desk.post(body[:cut])) == [NOT_READ]
    assert_nothing_is_left(desk)


def test_a_body_that_is_shorter_than_announced_is_refused(desk: Desk) -> None:
    body = form(desk, ("a.txt", BYTES)) + f"--{BOUNDARY}--".encode()
    environ = {
        "CONTENT_TYPE": f"multipart/form-data; boundary={BOUNDARY}",
        "CONTENT_LENGTH": str(len(body) + 10),
        "wsgi.input": io.BytesIO(body),
    }
    (line,) = lines_of(desk.client.post(PATH, environ_overrides=environ))
    assert "cannot be read to its end" in line
    assert_nothing_is_left(desk)


@pytest.mark.parametrize(
    "content_type",
    ["multipart/form-data", "multipart/form-data; boundary=other", "text/xml",
     "application/x-www-form-urlencoded", "multipart/mixed; boundary=" + BOUNDARY, ";;"],
)  # fmt: skip
def test_what_is_no_form_is_refused(desk: Desk, content_type: str) -> None:
    body = form(desk, ("a.txt", BYTES)) + f"--{BOUNDARY}--".encode()
    assert lines_of(desk.post(body, content_type)) == [NOT_READ]
    assert_nothing_is_left(desk)


@pytest.mark.parametrize(
    "name",
    [
        "../../x.txt",
        "/etc/x.txt",
        "..\\x.txt",
        "C:\\x.txt",
        "\\\\a\\x.txt",
        "C:\\\\a\\\\x.txt",
        "x\t.txt",
    ],
)
def test_a_path_in_a_name_leads_nowhere(desk: Desk, name: str) -> None:
    body = form(desk, (name, b"a")) + f"--{BOUNDARY}--".encode()
    assert_stored(desk.post(body))
    (item,) = desk.items()
    assert item["client_filename"] == "x.txt"
    (found,) = [path for path in desk.folder.parent.rglob("*") if path.is_file()]
    place = found.relative_to(desk.folder)
    assert re.fullmatch(r"\d{4}/\d{4}/\d{14}-[0-9a-f]{32}", str(place))
    assert place.name == item["filename"]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_person_is_told_what_the_address_is_for(desk: Desk, method: str) -> None:
    response = desk.client.open(PATH, method=method)
    assert (response.status_code, response.mimetype) == (200, "text/html")
    assert "System response" not in response.text


def test_a_lost_database_is_told_to_come_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(*_arguments: object) -> None:
        raise StoreUnavailable("could not connect to server: secret.example")

    monkeypatch.setattr(desk.engine.documents, "store", lost)
    response = desk.send()
    assert "secret" not in "".join(lines_of(response, 503))
    assert int(response.headers["Retry-After"]) > 0
    assert_nothing_is_left(desk)


def test_a_full_disk_is_told_to_come_again(desk: Desk) -> None:
    desk.folder.parent.mkdir(exist_ok=True)
    desk.folder.touch()
    assert lines_of(desk.send(), 503)
    assert desk.items() == []


def test_what_nobody_foresaw_is_logged_and_told_in_a_neutral_sentence(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_arguments: object) -> None:
        raise RuntimeError("<secret>")

    monkeypatch.setattr("packetserver.protocols.packet.stored_documents.keep", fail)
    with caplog.at_level(logging.ERROR):
        (line,) = lines_of(desk.send())
    assert "secret" not in line
    found = re.search(r"[0-9a-f]{16}", line)
    assert found is not None
    assert any(found[0] in each.getMessage() for each in caplog.records)
    assert_nothing_is_left(desk)


def test_what_a_form_says_is_never_markup(desk: Desk) -> None:
    (line,) = lines_of(desk.send(subject="<script>" + "x" * 500, type="<script>"))
    assert "<script>" not in desk.send(type="<b>&").text
    assert line == "type: can only be ticket"


def test_the_file_is_whole_whatever_its_bytes(desk: Desk) -> None:
    @given(
        st.lists(st.sampled_from([b"\r\n", b"--", BOUNDARY.encode(), b"\0", b"x", b"\n", b"\r"]))
    )
    def check(pieces: list[bytes]) -> None:
        content = b"".join(pieces)
        if f"--{BOUNDARY}".encode() in b"\r\n" + content:
            return
        before = {path for path in desk.folder.rglob("*") if path.is_file()}
        assert_stored(desk.post(form(desk, ("a", content)) + f"--{BOUNDARY}\r\n".encode()))
        (new,) = {path for path in desk.folder.rglob("*") if path.is_file()} - before
        assert hashlib.sha256(new.read_bytes()).digest() == hashlib.sha256(content).digest()

    check()
