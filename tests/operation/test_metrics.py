"""What is counted, under which labels, and that no client can make more of them."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest
from driving import ADMIN, CLIENT, Driver, item
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families
from protocols.packet.exchanges import PATH, UTF_8_PACKET, client_of, post

from packetserver.app import create_app
from packetserver.errors import StoreUnavailable
from packetserver.failures import Kind
from packetserver.operation import metrics, scrape
from packetserver.operation.observed_engine import label_of
from packetserver.settings import Settings

HEAD = f"""<app><authentication><systemId>4</systemId><username>admin</username>
<code>{ADMIN.code}</code></authentication>"""
DONE = """<transaction id="1"><meta><property>name</property></meta><account action="insert">
<name>A</name></account></transaction>"""
LIST = '<transaction id="2"><accountList action="select"/></transaction>'
NO_NAME = '<transaction id="3"><account action="insert"/></transaction>'
UNKNOWN = '<transaction id="4"><thing action="select"/></transaction>'


@dataclass
class Watched:
    """An application, and what its metrics say."""

    client: FlaskClient

    def send(self, *transactions: str, head: str = HEAD) -> None:
        body = "".join((head, *transactions, "</app>"))
        self.client.post(PATH, data=body, content_type="text/xml").close()

    def samples(self) -> dict[str, float]:
        """The samples by name and labels, as they are written but without buckets."""
        response = self.client.get("/metrics")
        assert response.status_code == 200
        assert response.mimetype == "text/plain"
        return {
            sample.name + "".join(f" {each}" for each in sample.labels.values()): sample.value
            for family in text_string_to_metric_families(response.text)
            for sample in family.samples
            if not sample.name.endswith("_bucket")
        }

    def __getitem__(self, name: str) -> float:
        return self.samples()["packetserver_" + name]


@pytest.fixture
def watched(engine) -> Watched:
    return Watched(create_app(Settings(), engine).test_client())


def test_packets_and_transactions_count_by_what_became_of_them(watched):
    watched.send(DONE)
    watched.send(DONE, LIST)
    watched.send(DONE, NO_NAME, UNKNOWN)
    watched.send(DONE, head=HEAD.replace(str(ADMIN.code), "0" * 32))
    watched.client.post(PATH, data=b"<app>").close()
    found = watched.samples()
    wanted = {
        "packets_total done": 2,
        "packets_total failed": 1,
        "packets_total refused": 2,
        "transactions_total 0": 3,
        "transactions_total 1": 3,
        "items_total insert account": 4,
        "items_total select account": 1,
        "items_total select other": 1,
        "errors_total rolled_back": 1,
        "errors_total validation": 1,
        "errors_total message": 1,
        "errors_total not_authorized": 1,
        "errors_total packet": 1,
        "requests_total ProcessPacket.do 200": 5,
        "request_seconds_count ProcessPacket.do": 5,
        "requests_in_progress": 0,
    }
    assert {name: found["packetserver_" + name] for name in wanted} == wanted
    # Those that were inserted, and the ones of the list.
    assert found["packetserver_records_total"] >= 4


def test_bytes_are_those_of_bodies_and_answers(watched):
    body = HEAD + DONE + "</app>"
    response = watched.client.post(PATH, data=body)
    response.close()
    assert watched["received_bytes_total ProcessPacket.do"] == len(body)
    assert watched["sent_bytes_total ProcessPacket.do"] == len(response.data)


def test_a_client_cannot_make_labels(watched):
    for number in range(20):
        watched.send(f'<transaction id="1"><x{number} action="y{number}"/></transaction>')
        watched.send(f'<transaction id="1"><account action="insertX{number}"/></transaction>')
        watched.client.open(f"/p{number}.do", method=f"M{number}").close()
    found = watched.samples()
    names = {name for name in found if any(digit in name for digit in "123456789")}
    assert {name for name in names if "x" in name or "y" in name or "p1" in name} == set()
    items = {name: value for name, value in found.items() if "items_total" in name}
    assert items == {
        "packetserver_items_total other other": 20,
        "packetserver_items_total other account": 20,
    }
    assert found["packetserver_requests_total other 404"] == 20


@pytest.mark.parametrize(
    ("kind", "label"),
    [
        (Kind.NOT_AUTHORIZED, "not_authorized"),
        (Kind.FORBIDDEN, "not_authorized"),
        (Kind.DENIED, "permission"),
        (Kind.INVALID, "validation"),
        (Kind.VALUE, "failed"),
        (Kind.UNKNOWN, "message"),
        (Kind.UNDONE, "rolled_back"),
    ],
)
def test_errors_count_by_the_kind_of_the_first(kind, label):
    assert label_of((kind, Kind.VALUE)) == label


def test_every_kind_of_failure_is_counted():
    assert {label_of((kind,)) for kind in Kind} <= {*metrics.ERROR_KINDS}


def test_the_pool_is_followed(watched, engine):
    limit = watched["pool_connections_limit"]
    assert limit == 2 * engine.database.engine.pool.size()
    assert watched["pool_connections_in_use"] == 0
    with engine.database.connect(), engine.database.connect():
        assert watched["pool_connections_in_use"] == 2
    assert watched["pool_connections_in_use"] == 0


def test_syncs_that_are_behind_can_be_seen(watched, engine):
    found = watched.samples()
    clients = found["packetserver_sync_clients"]
    assert clients > 0
    assert found["packetserver_sync_clients_never_in_step"] == clients
    assert found["packetserver_sync_oldest_anchor_age_seconds"] == 0
    assert found["packetserver_sync_sessions"] == 0
    now = engine.preferences.now()
    execute(engine, "sync_client", now - timedelta(hours=3), update="anchor")
    Driver(engine, CLIENT).one("syncClient", "syncStart")
    execute(engine, "sync_session", now - timedelta(hours=2), update="started")
    found = watched.samples()
    assert found["packetserver_sync_clients_never_in_step"] == 0
    assert found["packetserver_sync_oldest_anchor_age_seconds"] == pytest.approx(10_800, abs=100)


def execute(engine, name, moment, *, update) -> None:
    table = engine.schema.metadata.tables[name]
    with engine.database.connect(writes=True) as connection:
        connection.execute(table.update().values({update: moment}))
        connection.commit()


def test_a_session_that_lasts_can_be_seen(watched, engine):
    Driver(engine, CLIENT).one("syncClient", "syncStart")
    execute(engine, "sync_session", engine.preferences.now() - timedelta(hours=2), update="started")
    found = watched.samples()
    assert found["packetserver_sync_sessions"] == 1
    assert found["packetserver_sync_oldest_session_age_seconds"] == pytest.approx(7200, abs=100)


def test_packages_that_wait_can_be_seen(watched, engine):
    assert watched["packages_waiting"] == 0
    credentials = type(CLIENT)(
        CLIENT.id, CLIENT.code, 4, CLIENT.client_id, next_anchor="2035-01-01 00:00:00.0"
    )
    (answer,) = Driver(engine, credentials).send(
        [[item("lookupAccountTypesList", "sync"), item("compileSyncData", "execute")]]
    )
    assert answer.errors == ()
    assert watched["packages_waiting"] == 1


def test_a_database_that_is_away_fails_no_scrape(watched, engine, monkeypatch):
    def away(**options):
        raise StoreUnavailable("the database does not answer")

    monkeypatch.setattr(engine.database, "connect", away)
    found = watched.samples()
    assert found["packetserver_database_up"] == 0
    assert not [name for name in found if "sync" in name or "packages" in name]
    assert found["packetserver_requests_in_progress"] == 0


def test_a_database_that_hangs_holds_up_no_scrape(watched, engine, monkeypatch):
    release, looks = threading.Event(), []

    @contextlib.contextmanager
    def hanging(**options) -> Iterator[None]:
        looks.append(threading.current_thread())
        release.wait(60)
        raise StoreUnavailable("the database does not answer")
        yield

    monkeypatch.setattr(scrape, "LONGEST_LOOK_SECONDS", 0.01)
    monkeypatch.setattr(engine.database, "connect", hanging)
    assert [watched["database_up"] for _ in range(3)] == [0, 0, 0]
    assert len(looks) == 1, "a look that lasts is not joined by others"
    release.set()
    looks[0].join(60)
    monkeypatch.undo()
    assert watched["database_up"] == 1


def test_the_version_is_told(watched):
    assert [name for name in watched.samples() if name.startswith("packetserver_info ")]


def test_an_engine_without_a_database_can_be_scraped(echo):
    client = client_of(echo)
    post(client, UTF_8_PACKET).close()
    found = Watched(client).samples()
    assert found["packetserver_items_total insert other"] == 1
    assert "packetserver_database_up" not in found


@pytest.mark.parametrize(
    ("setting", "address", "headers", "status"),
    [
        ("local", "127.0.0.1", {}, 200),
        ("local", "::1", {}, 200),
        ("local", "::ffff:127.0.0.1", {}, 200),
        ("local", "10.0.0.7", {}, 404),
        ("local", "203.0.113.5", {}, 404),
        ("local", "::ffff:203.0.113.5", {}, 404),
        ("local", "", {}, 404),
        ("local", "nonsense", {}, 404),
        ("local", "127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}, 404),
        ("local", "127.0.0.1", {"X-Real-Ip": "203.0.113.5"}, 404),
        ("local", "127.0.0.1", {"Forwarded": "for=203.0.113.5"}, 404),
        ("local", "127.0.0.1", {"Via": "1.1 proxy"}, 404),
        ("off", "127.0.0.1", {}, 404),
        ("all", "203.0.113.5", {"X-Forwarded-For": "203.0.113.5"}, 200),
    ],
)
def test_who_may_read_them(echo, setting, address, headers, status):
    client = client_of(echo, metrics=setting)
    response = client.get("/metrics", headers=headers, environ_overrides={"REMOTE_ADDR": address})
    assert response.status_code == status
    assert ("packetserver_" in response.text) is (status == 200)


@pytest.mark.parametrize(
    "path",
    ["/metrics", "//metrics", "/./metrics", "/x/../metrics", "/metrics/", "/%6detrics", "/x/metrics",
     "/metrics.do", "/metrics;x", "/metrics%00", "/METRICS", "/metrics/ProcessPacket.do",
     "/metrics?command=ReloadSyncMap", "http://localhost/metrics", "http:/metrics"],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST", "HEAD", "OPTIONS"])
def test_no_path_leads_around_that(echo, path, method):
    client = client_of(echo)
    post(client, UTF_8_PACKET).close()
    response = client.open(
        path,
        method=method,
        environ_overrides={"REMOTE_ADDR": "203.0.113.5", "PATH_INFO": path.partition("?")[0]},
        follow_redirects=True,
    )
    assert b"packetserver_" not in response.data
