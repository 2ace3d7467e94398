"""Files that come by themselves: who may send them, whose they are, and that none is stored half."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from driving import HOST, Driver, item
from records.conftest import PEOPLE, Desk

from packetserver.errors import PacketTooLarge, StoreUnavailable
from packetserver.protocols.packet.process import Engine
from packetserver.protocols.packet.stored_documents import Document
from packetserver.records.service import Service
from packetserver.security.credentials import Credentials
from packetserver.store.connections import USE
from packetserver.store.files import FileLibrary
from packetserver.store.unit_of_work import UnitOfWork

ADDRESS = "192.0.2.7"
BYTES = b"\x00printer on fire\xff" * 100
NO_PERMISSION = ("User denied permission to perform action on the object",)
NO_RECORD = "tid: the record that it refers to does not exist"


@dataclass
class Counter:
    """Where files are handed in; it has a folder of its own."""

    desk: Desk
    engine: Engine
    folder: Path

    def send(
        self, person: str | Credentials = "admin", content: bytes = BYTES, **said: Any
    ) -> tuple[str, ...]:
        """Hand in a file; returns what is wrong with it."""
        credentials = PEOPLE[person] if isinstance(person, str) else person
        values = {"filename": "fire.txt", "subject": "Fire", "type": "ticket", **said}
        documents = self.engine.documents
        with documents.library.received([content[:100], content[100:]]) as received:
            return documents.store(credentials, Document(**values), received, HOST, ADDRESS)

    def files(self) -> dict[str, bytes]:
        """What the folder holds, by name."""
        found = (path for path in self.folder.rglob("*") if path.is_file())
        return {path.name: path.read_bytes() for path in found}

    def item(self, **identity: Any) -> dict[str, Any]:
        return self.desk.row("project_files", **identity)

    def driver(self) -> Driver:
        return Driver(self.engine)

    def act(self, action: str, element: str, **values: Any) -> int:
        """Do something that succeeds; returns the key of its record."""
        texts = {name: str(each) for name, each in values.items()}
        answer = self.driver().one(element, action, texts, ["id"])
        assert answer.errors == ()
        return int(answer.records[0]["id"])

    def ticket(self) -> int:
        account = self.act("insert", "account", name=self.desk.name())
        person = self.act("insert", "contact", nameLast="P", accessType=2, orgId=account)
        return self.act("insert", "ticket", orgId=account, contactId=person, problem="Fire")

    def delete(self, element: str, key: int) -> None:
        self.act("delete", element, id=key)


@pytest.fixture
def counter(desk: Desk, tmp_path: Path) -> Counter:
    made = desk.engine
    library = FileLibrary(tmp_path / "files", 4096)
    preferences = dataclasses.replace(made.preferences, library=library)
    engine = Engine(Service(made.database, made.schema, made.authenticator, preferences))
    return Counter(desk, engine, library.folder)


@pytest.fixture
def ticket(counter: Counter) -> int:
    return counter.ticket()


def test_a_file_is_stored_with_its_record_and_first_version(counter: Counter, ticket: int) -> None:
    assert counter.send(item=ticket) == ()
    found = counter.item(link_module_id=6, link_item_id=ticket)
    expected = {
        "subject": "Fire",
        "client_filename": "fire.txt",
        "version": 1.0,
        "size": len(BYTES),
        "downloads": 0,
        "enabled": True,
        "folder_id": None,
        "enteredby": 1,
        "modifiedby": 1,
        "default_file": False,
    }
    assert {name: found[name] for name in expected} == expected
    version = counter.desk.row("project_files_version", item_id=found["item_id"])
    common = set(version) & set(found) - {"entered", "modified"}
    assert {"filename", "size", "version", "enteredby"} <= common
    assert {name: version[name] for name in common} == {name: found[name] for name in common}
    kept = counter.desk.row("packetserver_file", version_id=version["version_id"])
    assert kept["sha256"] == hashlib.sha256(BYTES).hexdigest()
    assert (kept["filename"], kept["size"]) == (found["filename"], len(BYTES))
    assert counter.files() == {found["filename"]: BYTES}
    day = f"{found['entered']:%Y%m%d}"
    assert found["filename"].startswith(day)
    assert (counter.folder / day[:4] / day[4:] / found["filename"]).is_file()


def test_what_is_stored_is_read_by_a_packet(counter: Counter, ticket: int) -> None:
    counter.send(item=ticket)
    meta = ["clientFilename", "size", "version", "extension", "enteredBy"]
    filters = {"linkModuleId": "6", "linkItemId": str(ticket)}
    answer = counter.driver().one("fileItemList", "select", filters, meta)
    (record,) = answer.records
    assert record.texts == ("fire.txt", str(len(BYTES)), "1.0", "txt", "1")


def test_two_files_of_one_name_are_two(counter: Counter, ticket: int) -> None:
    counter.send(item=ticket, content=b"one")
    counter.send(item=ticket, content=b"two")
    items = counter.desk.rows("project_files", link_item_id=ticket, link_module_id=6)
    assert [each["client_filename"] for each in items] == ["fire.txt", "fire.txt"]
    assert [counter.files()[each["filename"]] for each in items] == [b"one", b"two"]


def test_an_empty_file_is_a_file(counter: Counter, ticket: int) -> None:
    assert counter.send(item=ticket, content=b"") == ()
    assert counter.item(link_item_id=ticket, link_module_id=6)["size"] == 0


@pytest.mark.parametrize(
    ("person", "sent", "stored"),
    [("rep1", 1, 2), ("client1", 2, 2), ("client1", None, 0), ("client1", -1, 0)],
)
def test_who_entered_a_file_is_believed_of_an_unrestricted_client_alone(
    counter: Counter, ticket: int, person: str, sent: int | None, stored: int
) -> None:
    assert counter.send(person, item=ticket, entered_by=sent) == ()
    found = counter.item(link_item_id=ticket, link_module_id=6)
    assert (found["enteredby"], found["modifiedby"]) == (stored, stored)


def test_a_user_that_does_not_exist_has_entered_nothing(counter: Counter, ticket: int) -> None:
    line = NO_RECORD.replace("tid", "enteredBy")
    assert counter.send("client1", item=ticket, entered_by=999_999) == (line,)
    assert counter.send("client1", item=-1, entered_by=999_999) == (NO_RECORD, line)
    assert_nothing_is_left(counter, ticket)


ADMIN_CODE = PEOPLE["admin"].code


@pytest.mark.parametrize(
    "credentials",
    [
        Credentials(),
        Credentials(id=HOST, code="unset", system_id=4),
        Credentials(username="admin", code="0" * 32, system_id=4),
        Credentials(username="admin", code="#notspecified", system_id=4),
        Credentials(username="nobody", code=ADMIN_CODE, system_id=4),
        Credentials(username="noapi", code="94aa80cf961cd4d8558b0511b5e071b9", system_id=4),
        Credentials(username="expired1", code="b736546f8132b15c7688dd3c618522ba", system_id=4),
        Credentials(id=HOST, code="secret3", client_id=3, system_id=4),
        Credentials(id="other.example", code="secret1", client_id=1, system_id=4),
        Credentials(id=HOST, code="unset", client_id=1, system_id=4),
    ],
    ids=repr,
)
def test_without_right_credentials_nothing_is_stored(
    counter: Counter, ticket: int, credentials: Credentials
) -> None:
    assert counter.send(credentials, item=ticket) == ("Not authorized",)
    assert_nothing_is_left(counter, ticket)


@pytest.mark.parametrize("person", ["hr1", "client4"])
@pytest.mark.parametrize("known", [True, False])
def test_without_permission_nothing_is_stored_or_told(
    counter: Counter, ticket: int, person: str, *, known: bool
) -> None:
    assert counter.send(person, item=ticket if known else 999_999) == NO_PERMISSION
    assert_nothing_is_left(counter, ticket)


def test_a_record_that_is_not_there_has_no_files(counter: Counter, ticket: int) -> None:
    assert counter.send(item=ticket + 100_000) == (NO_RECORD,)
    counter.delete("ticket", ticket)
    assert counter.send(item=ticket) == (NO_RECORD,)
    assert counter.send("client1", item=ticket) == (NO_RECORD,)
    assert_nothing_is_left(counter, ticket)


@pytest.mark.parametrize(
    ("said", "lines"),
    [
        ({"item": None}, ["tid: Id not specified"]),
        ({"type": None}, ["type: Required Field"]),
        ({"type": "invoice"}, ["type: can only be ticket"]),
        ({"subject": None}, ["subject: Required Field"]),
        ({"subject": "x" * 501}, ["subject: Length limit exceeded"]),
        ({"subject": "a\x00b"}, ["subject: a character that XML cannot carry"]),
        ({"filename": ""}, ["file1: Incorrect file name"]),
        ({"filename": "a/.."}, ["file1: Incorrect file name"]),
        (
            {"type": "x", "item": None, "subject": None, "filename": "\\"},
            [
                "type: can only be ticket",
                "tid: Id not specified",
                "subject: Required Field",
                "file1: Incorrect file name",
            ],
        ),
        ({"type": None, "module": 5_000}, ["linkItemId: the record that it refers to does not exist"]),
        ({"type": None, "module": 6, "item": None}, ["linkItemId: Id not specified"]),
    ],
    ids=repr,
)  # fmt: skip
def test_everything_that_is_wrong_is_told(
    counter: Counter, ticket: int, said: dict[str, Any], lines: list[str]
) -> None:
    assert counter.send(**{"item": ticket, **said}) == tuple(lines)
    assert_nothing_is_left(counter, ticket)


def test_a_subject_is_no_place_for_shared_keys(counter: Counter, ticket: int) -> None:
    assert counter.send(item=ticket, subject="$C{account.id}", filename="$C{x.y}.txt") == ()
    found = counter.item(link_item_id=ticket, link_module_id=6)
    assert (found["subject"], found["client_filename"]) == ("$C{account.id}", "$C{x.y}.txt")


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\Ann\\fire.txt", "fire.txt"),
        ("\\\\server\\share\\fire.txt", "fire.txt"),
        ("fire\r\n.txt\x00", "fire.txt"),
        ("fire\u202etxt.exe", "firetxt.exe"),
        ("x" * 300 + ".docx", "x" * 250 + ".docx"),
        ("Übersicht März.pdf", "Übersicht März.pdf"),
        (".htaccess", "htaccess"),
    ],
)
def test_a_name_loses_what_is_dangerous(
    counter: Counter, ticket: int, sent: str, stored: str
) -> None:
    assert counter.send(item=ticket, filename=sent) == ()
    assert counter.item(link_item_id=ticket, link_module_id=6)["client_filename"] == stored
    (name,) = counter.files()
    assert set(name) <= set("0123456789abcdef-")


def test_a_folder_counts_if_it_is_the_record_s_own(counter: Counter, ticket: int) -> None:
    own, other = (
        counter.act("insert", "fileFolder", linkModuleId=6, linkItemId=each, subject="Folder")
        for each in (ticket, counter.ticket())
    )
    for folder in (own, other, -1, None):
        assert counter.send(item=ticket, folder=folder) == ()
    items = counter.desk.rows("project_files", link_item_id=ticket, link_module_id=6)
    assert [each["folder_id"] for each in items] == [own, None, None, None]


def test_files_of_other_modules_need_their_permission(counter: Counter) -> None:
    account = counter.act("insert", "account", name=counter.desk.name())
    of_account = {"type": None, "module": 1, "item": account}
    assert counter.send("hr1", **of_account) == NO_PERMISSION
    assert counter.send("rep1", **of_account) == ()
    assert counter.item(link_module_id=1, link_item_id=account)["enteredby"] == 2


def test_a_type_goes_before_a_module(counter: Counter, ticket: int) -> None:
    assert counter.send(item=ticket, module=1) == ()
    assert counter.item(link_item_id=ticket, link_module_id=6)


def test_a_file_is_logged_like_a_packet(counter: Counter, ticket: int) -> None:
    counter.send("client1", item=ticket)
    counter.send("client1", item=-1)
    logs = counter.desk.rows("sync_log", ip=ADDRESS, client_id=1)[-2:]
    entries = [counter.desk.row("sync_transaction_log", log_id=log["log_id"]) for log in logs]
    assert [each["element_name"] for each in entries] == ["fileItem", "fileItem"]
    assert [(each["status_code"], each["record_count"]) for each in entries] == [(0, 1), (1, 0)]
    assert [each["message"] for each in entries] == [None, NO_RECORD]


def test_too_large_a_file_is_not_received(counter: Counter, ticket: int) -> None:
    assert counter.send(item=ticket, content=b"x" * 4096) == ()
    with pytest.raises(PacketTooLarge):
        counter.send(item=ticket, content=b"x" * 4097)
    assert len(counter.files()) == 1


def refuse(*_arguments: object, **_more: object) -> None:
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("where", ["os.fsync", "pathlib.Path.rename", "pathlib.Path.mkdir"])
def test_a_disk_that_refuses_leaves_neither_record_nor_file(
    counter: Counter, ticket: int, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(where, refuse)
        with pytest.raises(StoreUnavailable):
            counter.send(item=ticket)
    assert_nothing_is_left(counter, ticket)
    assert counter.send(item=ticket) == ()


def test_a_folder_that_cannot_be_synced_keeps_no_file(
    counter: Counter, ticket: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = os.open

    def refuse_folders(path: Any, flags: int, *more: Any, **named: Any) -> int:
        if flags & os.O_DIRECTORY:
            refuse()
        return opened(path, flags, *more, **named)

    with monkeypatch.context() as broken:
        broken.setattr("packetserver.store.files.os.open", refuse_folders)
        with pytest.raises(StoreUnavailable):
            counter.send(item=ticket)
    assert_nothing_is_left(counter, ticket)


def failing_commits(*, done: bool) -> Callable[[UnitOfWork], None]:
    """Commits of which those that write fail, before or after they are done."""
    commit = UnitOfWork.commit

    def fail(work: UnitOfWork) -> None:
        writes = work.connection.info[USE].writes
        if done or not writes:
            commit(work)
        if writes:
            raise StoreUnavailable("the database does not answer")

    return fail


def test_a_failed_commit_leaves_neither_record_nor_file(
    counter: Counter, ticket: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(UnitOfWork, "commit", failing_commits(done=False))
        with pytest.raises(StoreUnavailable):
            counter.send(item=ticket)
    assert_nothing_is_left(counter, ticket)


def test_a_commit_whose_answer_is_lost_keeps_its_file(
    counter: Counter, ticket: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(UnitOfWork, "commit", failing_commits(done=True))
        with pytest.raises(StoreUnavailable):
            counter.send(item=ticket)
    name = counter.item(link_item_id=ticket, link_module_id=6)["filename"]
    assert counter.files() == {name: BYTES}


def assert_nothing_is_left(counter: Counter, ticket: int) -> None:
    assert counter.files() == {}
    assert counter.desk.rows("project_files", link_item_id=ticket, link_module_id=6) == []


@pytest.fixture
def stored(counter: Counter, ticket: int) -> int:
    """The key of a file that is stored."""
    assert counter.send(item=ticket) == ()
    return counter.item(link_item_id=ticket, link_module_id=6)["item_id"]


def test_the_bytes_go_with_their_record(counter: Counter, stored: int) -> None:
    name = counter.item(item_id=stored)["filename"]
    counter.delete("fileItem", stored)
    assert counter.files() == {}
    assert counter.desk.rows("project_files_version", item_id=stored) == []
    assert counter.desk.rows("packetserver_file", filename=name) == []


def test_the_bytes_go_with_their_version(counter: Counter, stored: int) -> None:
    version = counter.desk.row("project_files_version", item_id=stored)["version_id"]
    counter.delete("fileItemVersion", version)
    assert counter.files() == {}


def test_many_files_go_with_one_packet(counter: Counter, ticket: int) -> None:
    for _ in range(3):
        counter.send(item=ticket)
    items = counter.desk.rows("project_files", link_item_id=ticket, link_module_id=6)
    for each in items[:2]:
        counter.delete("fileItem", each["item_id"])
    assert list(counter.files()) == [items[2]["filename"]]


def test_the_bytes_stay_when_the_deletion_is_undone(counter: Counter, stored: int) -> None:
    driver = counter.driver()
    first = item("fileItem", "delete", {"id": str(stored)})
    second = item("nonsense", "insert")
    answers = driver.send([[first], [second]])
    assert [each.status for each in answers] == [1, 1]
    assert len(counter.files()) == 1
    assert counter.item(item_id=stored)
    counter.act("insert", "account", name=counter.desk.name())
    assert len(counter.files()) == 1


def test_bytes_that_cannot_go_now_go_next_time(
    counter: Counter, ticket: int, stored: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter.send(item=ticket, content=b"second")
    second = counter.item(size=6, link_item_id=ticket)["item_id"]
    with monkeypatch.context() as broken:
        broken.setattr("pathlib.Path.unlink", refuse)
        counter.delete("fileItem", stored)
    assert len(counter.files()) == 2
    counter.delete("fileItem", second)
    assert counter.files() == {}


def test_a_record_without_bytes_takes_nobody_s(counter: Counter, ticket: int, stored: int) -> None:
    name = counter.item(item_id=stored)["filename"]
    values = {
        "linkModuleId": 6,
        "linkItemId": ticket,
        "subject": "x",
        "filename": name,
        "clientFilename": name,
    }
    claimed = counter.act("insert", "fileItem", **values)
    counter.delete("fileItem", claimed)
    assert counter.files() == {name: BYTES}
