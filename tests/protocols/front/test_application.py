"""A protocol of its own, made of nothing but what the edge asks for, beside that of packets."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from flask.testing import FlaskClient
from protocols.packet.exchanges import PATH, UTF_8_PACKET, EchoEngine, error_of, name_in, post

from packetserver import errors
from packetserver.app import PROTOCOLS, create_app
from packetserver.failures import because
from packetserver.protocols.front.addresses import Address, Edge, WireProtocol
from packetserver.protocols.front.bodies import ArrivedBody, RequestBody
from packetserver.protocols.front.outcomes import Outcome
from packetserver.protocols.front.requests import Request, Response
from packetserver.settings import Settings

LIMIT = 100
"""Bytes that a call may have."""

SECRET = "sqlite3.OperationalError"


@dataclass
class Calls:
    """What the protocol does with a call: it fails, or gives it back."""

    failure: Exception | None = None
    bodies: list[bytes] = field(default_factory=list)


@dataclass
class Call:
    """An exchange whose clients read JSON, and no status but 200."""

    calls: Calls
    edge: Edge
    asked: Request

    def answer(self) -> Response:
        body = ArrivedBody(RequestBody.of(self.asked, LIMIT), self.edge.spools)
        body.check()
        with self.edge.concurrency.slot(body.size):
            self.calls.bodies.append(b"".join(body.chunks()))
            if self.calls.failure is not None:
                raise self.calls.failure
            return envelope({"success": True, "given": dict(self.asked.view_args or {})})

    def refuse(self, outcome: Outcome) -> Response:
        return refusal(outcome)


@dataclass
class Row(Call):
    """An exchange whose clients read plain text, and the status."""

    def refuse(self, outcome: Outcome) -> Response:
        return Response(outcome.text, outcome.status, mimetype="text/plain")


def envelope(content: dict[str, Any]) -> Response:
    return Response(json.dumps(content), mimetype="application/json")


def refusal(outcome: Outcome) -> Response:
    return envelope({"success": False, "kind": outcome.kind.name, "text": outcome.text})


def calls_protocol(calls: Calls) -> Any:
    def made(_engine: object, edge: Edge) -> WireProtocol:
        addresses = (
            Address("/call.php", lambda asked: Call(calls, edge, asked), LIMIT, found_by_name=True),
            Address("/tables/<table>/<int:row>", lambda asked: Row(calls, edge, asked), LIMIT),
        )
        return WireProtocol(addresses, refusal, suffix=".php")

    return made


@pytest.fixture
def calls() -> Calls:
    return Calls()


@pytest.fixture
def engine() -> EchoEngine:
    return EchoEngine()


def client_of(calls: Calls, engine: EchoEngine, **settings: Any) -> FlaskClient:
    protocols = (*PROTOCOLS, calls_protocol(calls))
    return create_app(Settings(**settings), engine, protocols).test_client()


@pytest.fixture
def client(calls: Calls, engine: EchoEngine) -> FlaskClient:
    return client_of(calls, engine)


@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS", "PATCH", "BREW"])
@pytest.mark.parametrize(
    ("path", "given"),
    [
        ("/call.php", {}),
        ("/crm/5.4//call.php;jsessionid=1A", {}),
        ("/tables/contacts/7", {"table": "contacts", "row": 7}),
        ("/tables;a=b/%C3%A4/7", {"table": "ä", "row": 7}),
    ],
)
def test_a_protocol_is_served_at_its_addresses(client, engine, method, path, given) -> None:
    response = client.open(path, method=method, data=b"x")
    assert (response.status_code, response.json) == (200, {"success": True, "given": given})
    assert name_in(post(client, UTF_8_PACKET)) == "Zoë & Łódź"
    assert len(engine.calls) == 1


@pytest.mark.parametrize(
    "path", ["/crm/tables/contacts/7", "/tables/contacts/x", "//x/tables/a/7", "/tables//7"]
)
def test_a_rule_is_found_where_it_stands_alone(client, calls, path: str) -> None:
    response = client.post("/", environ_overrides={"PATH_INFO": path})
    assert (response.status_code, response.mimetype) == (404, "text/html")
    assert calls.bodies == []


def test_nothing_at_an_address_is_told_by_whom_it_looks_like(client) -> None:
    assert client.get("/x/nothing.php").json["kind"] == "NOTHING_HERE"
    assert client.get("/x/nothing.do").text.startswith("There is nothing at this address.")


AWAY = errors.StoreUnavailable(f"{SECRET}: no such host", errors.Outage.HOST_UNKNOWN)


@pytest.mark.parametrize(
    ("failure", "kind", "status", "text"),
    [
        (errors.NotAuthorized("No"), "NOT_AUTHORIZED", 403, "No"),
        (errors.LoginThrottled("No"), "NOT_AUTHORIZED", 403, "No"),
        (errors.PacketError("Not so"), "REFUSED", 400, "Not so"),
        (errors.PacketTooLarge("Too long"), "TOO_LARGE", 413, "Too long"),
        (errors.PacketTooSlow("Too slow"), "TOO_SLOW", 408, "Too slow"),
        (errors.PacketCodingUnknown("Which?"), "CODING_UNKNOWN", 415, "Which?"),
        (errors.ServerBusy(SECRET), "BUSY", 503, "The server has too much to do."),
        (errors.SpoolRefused(SECRET), "NO_ROOM", 503, "no room for long requests"),
        (errors.WorkUndone(SECRET), "STORE_BUSY", 503, "The database has too much to do."),
        (AWAY, "STORE_AWAY", 503, "its host name is not known."),
        (errors.CommitUnknown(SECRET), "COMMIT_UNKNOWN", 503, "which may be stored."),
        (because(SECRET), "FAULT", 500, "Its log tells why, at request call-7."),
        (RuntimeError(SECRET), "FAULT", 500, "Its log tells why, at request call-7."),
    ],
)
def test_every_failure_is_an_outcome_in_words_of_the_protocol(
    client, calls, failure: Exception, kind: str, status: int, text: str
) -> None:
    calls.failure = failure
    named = {"X-Request-Id": "call-7"}
    told = client.post("/call.php", headers=named)
    assert (told.status_code, told.json["kind"]) == (200, kind)
    assert text in told.json["text"]
    plain = client.post("/tables/contacts/7", headers=named)
    assert (plain.status_code, plain.text) == (status, told.json["text"])
    assert SECRET not in plain.text
    # When to come again means nothing beside a status that says that all is well.
    assert ("Retry-After" in plain.headers) == (status == 503)
    assert "Retry-After" not in told.headers


@pytest.mark.parametrize(
    ("failure", "error"),
    [
        (AWAY, "unavailable"),
        (RuntimeError(), "internal"),
        (errors.PacketTooLarge("x"), "too_large"),
    ],
)
def test_failures_are_counted_whatever_status_they_are_told_with(
    client, calls, failure: Exception, error: str
) -> None:
    calls.failure = failure
    client.post("/x/call.php", buffered=True)
    counted = client.get("/metrics").text
    assert f'packetserver_errors_total{{kind="{error}"}} 1.0' in counted
    assert 'packetserver_requests_total{action="call.php",status="200"} 1.0' in counted


def test_who_is_turned_away_is_told_in_words_of_the_protocol(calls, engine) -> None:
    client = client_of(calls, engine, require_https=True)
    for path in ("/call.php", "/x/call.php", "/tables/contacts/7", "/nothing.php"):
        response = client.post(path)
        assert response.json["kind"] == "TURNED_AWAY"
        assert response.json["text"] == "This server is to be asked by https only"
    for path in (PATH, "/nothing.do", "/", "/nothing"):
        assert "by https only" in error_of(client.post(path), 403)
    assert (calls.bodies, engine.calls) == ([], [])


def test_every_address_says_how_long_a_body_may_be(calls, engine) -> None:
    settings = Settings(max_body_bytes=5000, max_file_bytes=70_000)
    app = create_app(settings, engine, (*PROTOCOLS, calls_protocol(calls)))
    form = 1024**2
    longest = {
        "/ProcessPacket.do": 5000,
        "/x/ProcessPacket.do;j=1": 5000,
        "/nothing": 5000,
        "/ProcessDocument.do": 70_000 + form,
        "/a;b/%50rocessDocument.do": 70_000 + form,
        "/x//ProcessClientSyncPackage.do": 5000 + form,
        "/call.php": LIMIT,
        "/x/call.php": LIMIT,
        "/tables/contacts/7;x": LIMIT,
    }
    assert {path: app.longest_body(path) for path in longest} == longest
    too_long = app.test_client().post("/call.php", data=b"x" * (LIMIT + 1))
    assert too_long.json["kind"] == "TOO_LARGE"


@pytest.mark.parametrize("host", ["a..b", "x" * 80, "[::1", "under_score"])
@pytest.mark.parametrize("headers", [{}, {"Connection": "Upgrade", "Upgrade": "websocket"}])
def test_hosts_and_schemes_that_flask_would_refuse_are_served(client, host, headers) -> None:
    headers = {"Host": host, **headers}
    assert name_in(client.post(PATH, data=UTF_8_PACKET, headers=headers)) == "Zoë & Łódź"


def test_nobody_is_redirected(client) -> None:
    for path in ("", "//", "//healthz", "/tables//contacts/7", "/tables/contacts/7/"):
        response = client.get("/", environ_overrides={"PATH_INFO": path})
        assert response.status_code in {200, 404}, path


def test_no_answer_sets_a_cookie_or_depends_on_one(client) -> None:
    for path in ("/", PATH, "/call.php", "/nothing"):
        response = client.get(path, headers={"Cookie": "session=abc"})
        assert not {"Set-Cookie", "Vary"} & {name for name, _ in response.headers}
