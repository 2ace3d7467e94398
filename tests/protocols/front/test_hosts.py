"""Who may come in: names, TLS, and proxies that are believed or not."""

from __future__ import annotations

from typing import Any

import pytest
from defusedxml.ElementTree import fromstring
from flask.testing import FlaskClient
from protocols.packet.exchanges import PATH, UTF_8_PACKET, EchoEngine, client_of, name_in
from werkzeug.test import TestResponse

from packetserver.protocols.front.hosts import read_address
from packetserver.setting_kinds import PROXIES

PROXY = "10.0.0.7"
STRANGER = "203.0.113.9"


def proxies(text: str) -> Any:
    return PROXIES.read(text)


def post(client: FlaskClient, address: str = "127.0.0.1", **headers: str) -> TestResponse:
    """Post a packet from an address, as gunicorn hands it to the application."""
    return client.post(
        PATH,
        data=UTF_8_PACKET,
        content_type="text/xml",
        headers={name.replace("_", "-"): text for name, text in headers.items()},
        environ_overrides={"REMOTE_ADDR": address},
    )


def refusal(response: TestResponse, status: int) -> str:
    """The text of a refusal, which is a document that every client can read."""
    assert response.status_code == status
    charset = response.mimetype_params["charset"]
    assert response.data.decode(charset).startswith(f'<?xml version="1.0" encoding="{charset}"?>')
    root = fromstring(response.data)
    assert root.findtext("response/status") == "1"
    return root.findtext("response/errorText", "")


def heard(engine: EchoEngine) -> tuple[str, str]:
    """The host and the address that the engine was told last."""
    _, _, host, address = engine.calls[-1]
    return host, address


@pytest.fixture
def engine() -> EchoEngine:
    return EchoEngine()


FORWARDED = {
    "X_Forwarded_For": STRANGER,
    "X_Forwarded_Proto": "https",
    "X_Forwarded_Host": "crm.example",
}


@pytest.mark.parametrize("trusted", ["", "10.0.1.0/24, 127.0.0.1, unix"])
def test_nobody_is_believed_who_is_not_named(engine: EchoEngine, trusted: str) -> None:
    client = client_of(engine, trusted_proxies=proxies(trusted) if trusted else ())
    assert name_in(post(client, PROXY, Host="here", **FORWARDED))
    assert heard(engine) == ("here", PROXY)


@pytest.mark.parametrize(
    "trusted", [PROXY, "10.0.0.0/8", "::ffff:10.0.0.7, 10.0.0.7", "::/0,10.0.0.7/32"]
)
def test_a_named_proxy_is_believed(engine: EchoEngine, trusted: str) -> None:
    client = client_of(engine, trusted_proxies=proxies(trusted), require_https=True)
    assert name_in(post(client, PROXY, Host="here", **FORWARDED))
    assert heard(engine) == ("crm.example", STRANGER)


def test_a_socket_in_the_file_system_is_named_unix(engine: EchoEngine) -> None:
    client = client_of(engine, trusted_proxies=proxies("unix"))
    assert name_in(post(client, "", **FORWARDED))
    assert heard(engine)[1] == STRANGER
    assert name_in(post(client, PROXY, **FORWARDED))
    assert heard(engine)[1] == PROXY


@pytest.mark.parametrize(
    ("chain", "client_address"),
    [
        (f"1.2.3.4, {STRANGER}", STRANGER),
        (f"1.2.3.4, {STRANGER}, 10.0.0.8", STRANGER),
        (f"{PROXY}, {STRANGER}, 10.0.0.8,10.0.0.9", STRANGER),
        (f"{STRANGER}:4711", STRANGER),
        ("[2001:db8::1]:4711", "2001:db8::1"),
        ("::ffff:203.0.113.9", STRANGER),
        (f"{STRANGER}, unknown", PROXY),
        (f"{STRANGER}, unknown, 10.0.0.8", "10.0.0.8"),
        ("10.0.0.8, 10.0.0.9", "10.0.0.8"),
        ("<script>", PROXY),
        ("", PROXY),
        (",", PROXY),
    ],
)
def test_the_last_address_that_is_no_proxy_is_the_client(engine, chain, client_address) -> None:
    client = client_of(engine, trusted_proxies=proxies("10.0.0.0/8"))
    assert name_in(post(client, PROXY, X_Forwarded_For=chain))
    assert heard(engine)[1] == client_address


@pytest.mark.parametrize(
    ("addresses", "protocols", "allowed"),
    [
        # What a client sends of its own stands before what the proxy appends.
        (f"1.2.3.4, {STRANGER}", "https, http", False),
        (f"1.2.3.4, {STRANGER}", "http, https", True),
        # Two proxies: the outer one knows how the client came.
        (f"{STRANGER}, 10.0.0.8", "https, http", True),
        (f"{STRANGER}, 10.0.0.8", "http, https", False),
        (f"{STRANGER}, 10.0.0.8", "https", True),
        (STRANGER, "HTTPS", True),
        (STRANGER, "", False),
    ],
)
def test_the_proxy_nearest_to_the_client_says_how_it_came(
    engine, addresses, protocols, allowed
) -> None:
    client = client_of(engine, trusted_proxies=proxies("10.0.0.0/8"), require_https=True)
    response = post(client, PROXY, X_Forwarded_For=addresses, X_Forwarded_Proto=protocols)
    assert response.status_code == (200 if allowed else 403)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("1.2.3.4", "1.2.3.4"),
        ("::1", "::1"),
        ("[::1]", "::1"),
        ("1.2.3.4.5", None),
        ("[::1", "::1"),
        ("", None),
        ("_hidden", None),
    ],
)
def test_addresses_are_read_as_proxies_write_them(text: str, address: str | None) -> None:
    found = read_address(text)
    assert (None if found is None else str(found)) == address


@pytest.mark.parametrize("path", [PATH, "/", "/ProcessDocument.do", "/x/healthz"])
def test_plain_http_is_refused_where_it_is_not_wanted(engine: EchoEngine, path: str) -> None:
    client = client_of(engine, require_https=True)
    response = client.post(path, data=UTF_8_PACKET, headers={"X-Forwarded-Proto": "https"})
    assert refusal(response, 403) == "Error: This server is to be asked by https only"
    assert not engine.calls


def test_https_is_served_where_plain_http_is_not(engine: EchoEngine) -> None:
    client = client_of(engine, require_https=True)
    assert name_in(client.post(PATH, data=UTF_8_PACKET, base_url="https://crm.example"))


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
@pytest.mark.parametrize(("address", "status"), [("127.0.0.1", 200), ("::1", 200), (PROXY, 403)])
def test_health_is_open_to_this_machine(engine: EchoEngine, path, address, status) -> None:
    client = client_of(engine, require_https=True, allowed_hosts=("crm.example",))
    response = client.get(path, environ_overrides={"REMOTE_ADDR": address})
    assert response.status_code == status


def test_health_is_not_open_to_whom_a_proxy_brings(engine: EchoEngine) -> None:
    client = client_of(engine, require_https=True, trusted_proxies=proxies("127.0.0.1"))
    response = client.get("/healthz", headers={"X-Forwarded-For": STRANGER})
    assert response.status_code == 403


@pytest.mark.parametrize(
    "host", ["crm.example", "CRM.Example:8080", "crm.example.", "[2001:db8::2]:1"]
)
def test_the_hosts_that_are_allowed_are_served(engine: EchoEngine, host: str) -> None:
    client = client_of(engine, allowed_hosts=("crm.example", "2001:db8::2"))
    assert name_in(post(client, Host=host))


@pytest.mark.parametrize("host", ["other.example", "crm.example.evil", "xcrm.example", "127.0.0.1"])
def test_other_hosts_are_refused(engine: EchoEngine, host: str) -> None:
    client = client_of(engine, allowed_hosts=("crm.example",))
    text = refusal(post(client, Host=host), 421)
    assert text == "Error: This server does not serve the host name"
    assert not engine.calls


def test_the_host_that_a_trusted_proxy_names_is_the_one_that_counts(engine: EchoEngine) -> None:
    client = client_of(engine, allowed_hosts=("crm.example",), trusted_proxies=proxies(PROXY))
    assert name_in(post(client, PROXY, Host="inner:8080", X_Forwarded_Host="crm.example"))
    spoofed = post(client, STRANGER, Host="inner:8080", X_Forwarded_Host="crm.example")
    assert spoofed.status_code == 421


@pytest.mark.parametrize(("protocol", "status"), [("HTTP/1.0", 200), ("HTTP/1.1", 421)])
def test_only_an_old_client_may_name_no_host(engine: EchoEngine, protocol, status) -> None:
    client = client_of(engine, allowed_hosts=("crm.example",))
    overrides = {"HTTP_HOST": "", "SERVER_PROTOCOL": protocol}
    response = client.post(PATH, data=UTF_8_PACKET, environ_overrides=overrides)
    assert response.status_code == status


@pytest.mark.parametrize(
    "host",
    [
        *("crm.example/x", "a@crm.example", "crm.example,evil", "crm example", "crm.example:x"),
        *("<b>", '"crm"', "crm.example\\evil", "http://crm.example", "crm.example?x", "кц.example"),
    ],
)
def test_what_is_no_host_name_is_refused(engine: EchoEngine, host: str) -> None:
    overrides = {"HTTP_HOST": host.encode().decode("latin-1")}
    response = client_of(engine).post(PATH, data=UTF_8_PACKET, environ_overrides=overrides)
    text = refusal(response, 400)
    assert text == "Error: The header Host is no host name"
    assert not engine.calls


def test_an_absolute_target_counts_more_than_the_header(engine: EchoEngine) -> None:
    client = client_of(engine, allowed_hosts=("crm.example",))

    def target(text: str, host: str) -> int:
        overrides = {"RAW_URI": text, "HTTP_HOST": host}
        return client.post(PATH, data=UTF_8_PACKET, environ_overrides=overrides).status_code

    assert target(f"http://crm.example{PATH}", "crm.example") == 200
    assert target(f"http://crm.example{PATH}", "evil.example") == 200
    assert heard(engine)[0] == "crm.example"
    assert target(f"http://evil.example{PATH}", "crm.example") == 421
    assert target(f"http://crm.example@evil.example{PATH}", "crm.example") == 400


@pytest.mark.parametrize(
    "coding", ["gzip, chunked", "gzip,chunked", "deflate", "identity", "", "xchunked"]
)
def test_a_body_that_is_coded_in_transit_is_not_read(engine: EchoEngine, coding: str) -> None:
    """As a web server hands it on that does not know the coding either."""
    response = post(client_of(engine), Transfer_Encoding=coding)
    assert refusal(response, 501) == "Error: A body may be sent in chunks, but not be coded"
    assert not engine.calls


def test_chunks_are_no_coding(engine: EchoEngine) -> None:
    assert post(client_of(engine), Transfer_Encoding=" Chunked ").status_code == 200
