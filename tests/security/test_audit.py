"""The audit log: which packets it tells of, and what it tells of them."""

import dataclasses
import json
import logging
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from driving import HOST, ListSink, item
from hypothesis import given
from hypothesis import strategies as st
from people import CODE
from security.gate import HOME, REFUSED, client, open_gate, user
from sync.office import START, Clock

from packetserver.app import create_app
from packetserver.errors import NotAuthorized, StoreUnavailable
from packetserver.protocols.packet.auditing import is_administrative
from packetserver.protocols.packet.failures import DENIED
from packetserver.protocols.packet.packet import CommitLevel, Item, Options, Packet, Transaction
from packetserver.protocols.packet.stored_documents import Document
from packetserver.records.opening import load_schema
from packetserver.security.audit import NAME, Audit, claimed, operator
from packetserver.security.credentials import Credentials
from packetserver.settings import Settings

ADMIN, REP = user("admin", "admin"), user("rep1", "rep1")
NOBODY = {"username": "new", "password": CODE, "roleId": "4", "addContact": "false"}
WHEN = "2035-03-05T10:00:00-05:00"


class Audited:
    """A server with an audit log, and the events that it wrote last."""

    def __init__(self, gate, path):
        self.gate = gate
        self.path = path

    def send(self, credentials, *transactions, level=CommitLevel.PACKET):
        sent = [Transaction(number, ("id",), items) for number, items in enumerate(transactions)]
        packet = Packet(credentials, tuple(sent))
        return self.gate.engine.process(packet, Options(level), HOST, HOME, ListSink())

    def events(self):
        lines = self.path.read_text().splitlines() if self.path.exists() else []
        self.path.unlink(missing_ok=True)
        return [json.loads(line) for line in lines]

    def of(self, credentials, *transactions, **options):
        """The events of a packet."""
        self.events()
        self.send(credentials, *transactions, **options)
        return self.events()


def what(*items):
    return [{"object": element, "action": action} for element, action in items]


@pytest.fixture
def audited(prepared_database_url, tmp_path):
    path = tmp_path / "audit.log"
    settings = {"audit_log": path, "login_failures": 3, "file_library": tmp_path / "files"}
    with open_gate(prepared_database_url, Clock(), **settings) as gate:
        yield Audited(gate, path)


def test_a_refused_packet_is_told_with_who_wanted_what(audited):
    wrong = user("rep1", "wrong")
    assert audited.of(
        wrong, [item("account", "insert", {"name": "A"}), item("user", "select")]
    ) == [
        {
            "time": WHEN,
            "outcome": "not authorized",
            "address": HOME,
            "principal": {"kind": "unproved", "name": "rep1"},
            "items": what(("account", "insert"), ("user", "select")),
        }
    ]
    (event,) = audited.of(client(9, "wrong"), [])
    assert event["principal"] == {"kind": "unproved", "client_id": 9}
    (event,) = audited.of(None, [])
    assert event["principal"] == {"kind": "unproved"}


def test_a_throttled_packet_is_told_as_such(audited):
    outcomes = [
        audited.of(user("rep1", f"wrong {number}"), [])[0]["outcome"] for number in range(4)
    ]
    assert outcomes == ["not authorized"] * 3 + ["throttled"]


def test_what_a_role_does_not_permit_is_told_with_who_asked(audited):
    (event,) = audited.of(REP, [item("user", "insert", NOBODY)], [item("account", "select")])
    assert event == {
        "time": WHEN,
        "outcome": "denied",
        "address": HOME,
        "principal": {"kind": "user", "user_id": 2, "role_id": 4},
        "items": what(("user", "insert")),
    }


def test_what_a_client_of_a_user_may_not_do_is_told(audited):
    both = dataclasses.replace(client(2, ""), username="admin", code=ADMIN.code)
    (event,) = audited.of(both, [item("account", "insert", {"name": "A"})])
    assert (event["outcome"], event["principal"]["client_id"]) == ("denied", 2)
    assert event["items"] == what(("account", "insert"))


@pytest.mark.parametrize(
    ("element", "action", "values"),
    [
        ("user", "insert", NOBODY),
        ("user", "update", {"id": "2", "enabled": "false"}),
        ("user", "delete", {"id": "2"}),
        ("role", "insert", {"role": "New", "description": "New"}),
        ("rolePermission", "insert", {"roleId": "4", "permissionId": "1", "view": "true"}),
        ("permission", "update", {"id": "1", "enabled": "false"}),
        ("accessLog", "insert", {"userId": "2", "username": "rep1", "ip": "192.0.2.9"}),
        ("syncClient", "insert", {"type": "x", "version": "1", "code": "c0de"}),
        ("syncClient", "update", {"id": "3", "enabled": "false"}),
    ],
)
def test_a_change_of_who_may_do_what_is_told(audited, element, action, values):
    (event,) = audited.of(ADMIN, [item(element, action, values)])
    assert event["outcome"] in {"done", "failed"}
    assert event["items"] == what((element, action))
    assert event["principal"] == {"kind": "user", "user_id": 1, "role_id": 1}


def test_a_change_that_fails_is_told_as_failed(audited):
    values = {**NOBODY, "roleId": "many"}
    (event,) = audited.of(ADMIN, [item("user", "insert", values)])
    assert (event["outcome"], event["items"]) == ("failed", what(("user", "insert")))


def test_other_work_is_not_told(audited):
    for credentials in (ADMIN, REP, client(1, "secret1")):
        everyday = [
            [item("account", "insert", {"name": "A"})],
            [item("userList", "select")],
            [item("system", "getDateTime")],
            [item("syncClient", "select", {"id": "1"})],
        ]
        assert [
            each for each in audited.of(credentials, *everyday) if each["outcome"] != "denied"
        ] == []
    assert audited.of(client(1, "secret1"), [item("syncClient", "syncStart")]) == []


def test_what_is_committed_is_told_when_the_rest_of_the_packet_is_not(audited, monkeypatch):
    together = audited.gate.engine._together

    def lose_the_database(context, transactions, begun):
        if transactions[0].id == 1:
            raise StoreUnavailable("gone")
        return together(context, transactions, begun)

    monkeypatch.setattr(audited.gate.engine, "_together", lose_the_database)
    change = item("user", "update", {"id": "2", "enabled": "false"})
    with pytest.raises(StoreUnavailable):
        audited.send(ADMIN, [change], [change], level=CommitLevel.TRANSACTION)
    (event,) = audited.events()
    assert (event["outcome"], event["items"]) == ("done", what(("user", "update")))


def test_a_long_packet_is_one_line_with_each_thing_once(audited):
    items = [item(f"thing{number % 30}", "insert") for number in range(500)]
    (event,) = audited.of(user("rep1", "wrong"), items)
    assert len(event["items"]) == 20
    assert event["more_items"] is True


def test_files_and_packages_are_told_too(audited):
    engine, wrong = audited.gate.engine, client(1, "wrong")
    document = Document("a.txt", None, None, None, None, None, None)
    assert engine.documents.store(wrong, document, None, HOST, HOME) == REFUSED
    for way in (engine.packages.find, lambda who, *more: engine.packages.take(who, (), *more)):
        with pytest.raises(NotAuthorized):
            way(wrong, HOST, HOME)
    assert [(each["outcome"], each["items"]) for each in audited.events()] == [
        ("not authorized", what(("fileItem", "insert"))),
        ("not authorized", what(("processSyncPackageDownload", "execute"))),
        ("not authorized", what(("clientSyncPackage", "insert"))),
    ]
    with pytest.raises(NotAuthorized):
        engine.packages.find(ADMIN, HOST, HOME)
    assert audited.events()[0]["outcome"] == "not authorized"


def test_a_file_that_a_role_does_not_permit_is_told(audited):
    document = Document("a.txt", "A", None, 1, 0, None, None)
    documents = audited.gate.engine.documents
    with documents.library.received([b"x"]) as received:
        assert documents.store(user("hr1", "hr1"), document, received, HOST, HOME) == (DENIED,)
    (event,) = audited.events()
    assert (event["outcome"], event["items"]) == ("denied", what(("fileItem", "insert")))
    assert event["principal"]["user_id"] == 4


@pytest.mark.parametrize(
    ("number", "element", "outcome"),
    [(1, "role", "done"), (4, "role", "denied"), (1, "account", None)],
)
def test_a_change_within_a_package_is_told(audited, number, element, outcome):
    values = {"role": "New", "description": "New", "name": "A"}
    items = [item(element, "insert", values)]
    audited.gate.engine.packages.take(client(number, f"secret{number}"), items, HOST, HOME)
    expected = [] if outcome is None else [(outcome, what((element, "insert")))]
    assert [(each["outcome"], each["items"]) for each in audited.events()] == expected


def test_who_may_do_what_is_marked_by_the_catalogue():
    catalogue = load_schema().catalogue

    def marked(action):
        found = (
            element
            for element in catalogue.targets
            if is_administrative(catalogue, Item(element, {"action": action}, ()))
        )
        return set(found)

    changed = marked("insert")
    assert {"user", "role", "permission", "rolePermission", "syncClient", "accessLog"} <= changed
    assert not {"account", "contact", "ticket", "fileItem", "task"} & changed
    assert marked("update") == marked("delete") == marked("insertSomething") == changed
    for action in ("select", "sync", "syncStart", "syncEnd", "syncDelete", "status", ""):
        assert marked(action) == set()


class TestFile:
    """The file of the setting audit_log."""

    def audit(self, path, when=START):
        return Audit(lambda: when, path)

    def test_it_is_made_for_its_owner_alone(self, tmp_path):
        path = tmp_path / "audit.log"
        self.audit(path).record("done", "", {}, [])
        assert stat.S_IMODE(path.stat().st_mode) == 0o600

    def test_lines_are_added_to_those_that_are_there(self, tmp_path):
        path = tmp_path / "audit.log"
        path.write_text("before\n")
        self.audit(path).record("done", "", {}, [])
        assert path.read_text().startswith('before\n{"time"')

    def test_a_file_that_is_moved_away_is_made_anew(self, tmp_path):
        path = tmp_path / "audit.log"
        audit = self.audit(path)
        audit.record("done", "", {}, [])
        path.rename(tmp_path / "audit.log.1")
        audit.record("done", "", {}, [])
        assert len(path.read_text().splitlines()) == 1

    def test_lines_of_many_writers_stay_whole(self, tmp_path):
        path = tmp_path / "audit.log"
        items = [("account" * 10, "insert")] * 20

        def write(number):
            self.audit(path).record("done", str(number), {"kind": "user"}, items)

        with ThreadPoolExecutor(8) as threads:
            list(threads.map(write, range(400)))
        events = [json.loads(line) for line in path.read_text().splitlines()]
        assert sorted(int(each["address"]) for each in events) == list(range(400))

    def test_a_line_is_one_write(self, tmp_path, monkeypatch):
        written = []
        monkeypatch.setattr("os.write", lambda descriptor, data: written.append(data) or len(data))
        self.audit(tmp_path / "audit.log").record("done", "", {"name": "x" * 90}, [("y", "z")] * 20)
        assert len(written) == 1
        assert written[0].endswith(b"\n")

    def test_a_full_disk_is_logged(self, tmp_path, monkeypatch, caplog):
        path = tmp_path / "audit.log"
        monkeypatch.setattr("os.write", lambda descriptor, data: len(data) - 1)
        self.audit(path).record("done", "", {}, [])
        assert f"The audit log {path} cannot be written: No space left on device" in caplog.text

    def test_one_that_cannot_be_written_is_logged_and_changes_no_answer(
        self, databases, tmp_path, caplog
    ):
        path = tmp_path / "none" / "audit.log"
        with (
            databases.prepared("sqlite") as url,
            open_gate(url, Clock(), audit_log=path) as gate,
        ):
            assert not gate.log_in("rep1", "wrong")
            assert gate.log_in("rep1")
        assert f"The audit log {path} cannot be written: No such file or directory" in caplog.text
        assert not path.exists()


@given(
    st.text(),
    st.text(),
    st.one_of(st.none(), st.text()),
    st.lists(st.tuples(st.text(), st.one_of(st.none(), st.text())), max_size=25),
)
def test_whatever_clients_send_an_event_is_one_line(tmp_path_factory, name, address, fact, items):
    path = tmp_path_factory.mktemp("audit") / "audit.log"
    logged = []
    handler = logging.Handler()
    handler.emit = lambda record: logged.append(record.msg)
    logger = logging.getLogger(NAME)
    logger.addHandler(handler)
    try:
        principal = claimed(Credentials(username=name or None, client_id=10**30))
        audit = Audit(lambda: datetime(2026, 11, 22, tzinfo=UTC), path)
        audit.record("denied", address, principal, items, reason=fact or "")
    finally:
        logger.removeHandler(handler)
    content = path.read_bytes()
    assert content.count(b"\n") == 1
    assert content.decode("ascii")[:-1].isprintable()
    told = json.loads(content)
    (event,) = logged
    assert {**told, "event": "audit"} == {**event, "time": told["time"]}
    assert len(content) < 20_000
    assert all(text.isprintable() for text in texts(event))


def texts(value):
    if isinstance(value, dict):
        return [text for each in value.values() for text in texts(each)]
    if isinstance(value, list):
        return [text for each in value for text in texts(each)]
    return [value] if isinstance(value, str) else []


def test_who_is_turned_away_at_the_door_is_told(databases, tmp_path):
    path = tmp_path / "audit.log"
    settings = Settings(require_https=True, audit_log=path)
    with databases.prepared("sqlite") as url, open_gate(url, Clock()) as gate:
        app = create_app(settings, gate.engine)
        assert app.test_client().post("/ProcessPacket.do").status_code == 403
    event = json.loads(path.read_text())
    assert (event["outcome"], event["address"]) == ("turned away", "127.0.0.1")
    assert event["principal"] == {"kind": "unproved"}
    assert event["reason"] == "This server is to be asked by https only"


def test_an_operator_has_a_name():
    assert operator()["kind"] == "operator"
    assert operator()["name"]
