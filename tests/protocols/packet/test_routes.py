"""Which requests are packets, and what their headers say."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient
from protocols.packet.exchanges import (
    PATH,
    UTF_8_PACKET,
    EchoEngine,
    answer,
    name_in,
    post,
)

from packetserver.errors import StoreUnavailable
from packetserver.protocols.front.requests import host_name
from packetserver.protocols.packet.packet import CommitLevel


@pytest.mark.parametrize(
    "path",
    ["/ProcessPacket.do", "/x/ProcessPacket.do", "/a/b/c/ProcessPacket.do", "/x//ProcessPacket.do", "/ProcessClientSyncPackage.do/ProcessPacket.do", "/%C3%A4/ProcessPacket.do",
     "/ProcessPacket.do?x=1", "/ProcessPacket.do?command=Other"],
)  # fmt: skip
def test_the_last_path_segment_decides(client: FlaskClient, path: str) -> None:
    assert name_in(client.post(path, data=UTF_8_PACKET)) == "Zoë & Łódź"


@pytest.mark.parametrize("path", ["//ProcessPacket.do", "http://crm.example/ProcessPacket.do"])
def test_an_unusual_target_is_served(client: FlaskClient, path: str) -> None:
    response = client.post("/", data=UTF_8_PACKET, environ_overrides={"PATH_INFO": path})
    assert name_in(response) == "Zoë & Łódź"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "BREW"])
def test_any_method_with_a_body_is_served(client: FlaskClient, method: str) -> None:
    assert name_in(client.open(PATH, method=method, data=UTF_8_PACKET)) == "Zoë & Łódź"


@pytest.mark.parametrize(
    "path",
    ["/processpacket.do", "/ProcessPacket.doc.do", "/ProcessPacket.do/Other.do", "/x.do", "/.do"],
)
def test_another_action_is_not_found(client: FlaskClient, engine: EchoEngine, path: str) -> None:
    response = client.post(path, data=UTF_8_PACKET)
    assert (response.status_code, response.mimetype) == (404, "text/plain")
    assert not engine.calls


@pytest.mark.parametrize("path", ["/other", "/ProcessPacket.do/", "/ProcessPacket", "/x/healthz"])
def test_another_path_is_not_found(client: FlaskClient, engine: EchoEngine, path: str) -> None:
    assert client.post(path, data=UTF_8_PACKET).status_code == 404
    assert not engine.calls


@pytest.mark.parametrize("path", [PATH, "/x/ProcessPacket.do", "/"])
def test_a_person_is_told_what_the_address_is_for(client: FlaskClient, path: str) -> None:
    page = client.get(path)
    assert (page.status_code, page.mimetype) == (200, "text/html")
    assert b"/ProcessPacket.do" in page.data
    head = client.head(path)
    assert (head.status_code, head.data) == (200, b"")
    assert head.content_length == len(page.data)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_reload_sync_map_is_answered_with_an_empty_document(client, engine, method: str) -> None:
    response = client.open(PATH + "?command=ReloadSyncMap", method=method, data=b"not XML")
    assert response.status_code == 200
    assert len(answer(response)) == 0
    assert not engine.calls


def test_health_is_that_of_the_database(client: FlaskClient, engine: EchoEngine) -> None:
    response = client.get("/healthz")
    assert (response.status_code, response.text.strip()) == (200, "ok")
    engine.failure = StoreUnavailable("away")
    assert client.get("/healthz").status_code == 503


@pytest.mark.parametrize(
    ("header", "level"),
    [
        (None, CommitLevel.PACKET),
        ("transaction", CommitLevel.TRANSACTION),
        *((text, CommitLevel.PACKET) for text in ("packet", "Transaction", "", "transactions")),
    ],
)
def test_the_commit_level_is_compared_exactly(client, engine, header, level) -> None:
    post(client, UTF_8_PACKET, headers={} if header is None else {"commit-level": header})
    assert engine.calls[0][1].commit_level is level


@pytest.mark.parametrize(
    ("header", "validate"),
    [
        (None, True),
        *((text, True) for text in ("on", "ON", "true", "True", "y", "yes", "YES", "1")),
        *((text, False) for text in ("", "false", "off", "no", "0", "2", "t")),
    ],
)
def test_validation_is_on_unless_switched_off(client, engine, header, validate) -> None:
    post(client, UTF_8_PACKET, headers={} if header is None else {"object-validation": header})
    assert engine.calls[0][1].validate is validate


@pytest.mark.parametrize(
    ("header", "host"),
    [
        *(("crm.example", "crm.example"), ("crm.example:8080", "crm.example"), ("", "")),
        *(("[::1]", "::1"), ("[2001:db8::2]:8080", "2001:db8::2"), ("[::1", "::1")),
    ],
)
def test_the_host_is_the_name_without_the_port(client, engine, header: str, host: str) -> None:
    assert host_name(header) == host
    post(client, UTF_8_PACKET, headers={"Host": header})
    assert engine.calls[0][2:] == (host, "127.0.0.1")


PARAMETERS = (
    *(";jsessionid=1A2B", ";jsessionid=1A2B.node1;v=2", ";", ";;", ";jsessionid", ";a=b=c"),
    *("%3Bjsessionid=1A2B", ";%00", ";%0d%0aSet-Cookie:%20a=b", ";%ff%fe", ";\xe4", ";%25", ";.do"),
    *(";jsessionid=" + "1" * 3000, ";" * 500, ";jsessionid=${x}", ";<app>", ";..", ";%2e%2e"),
)


@pytest.mark.parametrize("parameters", PARAMETERS, ids=lambda text: text[:20])
def test_parameters_of_segments_are_dropped(client, engine, parameters: str) -> None:
    for path in (
        f"/ProcessPacket.do{parameters}",
        f"/crm/ProcessPacket.do{parameters}",
        f"/crm{parameters}/ProcessPacket.do",
        f"/a{parameters}/ProcessPacket.do{parameters}",
        f"/ProcessPacket.do{parameters}?x=1",
        f"/ProcessClientSyncPackage.do{parameters}/ProcessPacket.do",
    ):
        response = client.post(path, data=UTF_8_PACKET)
        assert name_in(response) == "Zoë & Łódź", path
        assert "Set-Cookie" not in response.headers


@pytest.mark.parametrize(
    "path",
    [
        *("/", "/healthz", "/readyz", "/metrics", "/nothing", "/Nothing.do"),
        *("/ProcessPacket.do", "/ProcessClientSyncPackage.do", "/ProcessDocument.do"),
        *("/ProcessSyncPackageDownload.do", "/ProcessPacket.do/ProcessClientSyncPackage.do"),
    ],
)
def test_every_address_is_the_same_with_and_without_parameters(client, path: str) -> None:
    plain, with_parameters = client.get(path), client.get(f"{path};jsessionid=1A2B")
    assert with_parameters.status_code == plain.status_code
    if path != "/metrics":
        assert with_parameters.data == plain.data


@pytest.mark.parametrize(
    "path", ["/x;ProcessPacket.do", "/x;/ProcessPacket.do/", "/;ProcessPacket.do"]
)
def test_parameters_are_no_action(client, engine, path: str) -> None:
    client.post(path, data=UTF_8_PACKET)
    assert not engine.calls


def test_an_address_counts_as_itself_with_parameters(client) -> None:
    """What a client writes behind it is in no label."""
    for _ in range(3):
        client.post("/x;y/ProcessPacket.do;jsessionid=1A2B", data=UTF_8_PACKET, buffered=True)
    told = client.get("/metrics").text
    assert 'packetserver_requests_total{action="ProcessPacket.do",status="200"} 3.0' in told
    assert "1A2B" not in told
