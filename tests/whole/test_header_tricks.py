"""Requests that two servers could read in two ways are refused; old ways to ask are understood."""

from __future__ import annotations

import http.client
from collections.abc import Iterator

import pytest
from whole.served import PATH, Served, account, answer_on, packet, served

CONTENT = packet(account("Tricky"))
LENGTH = f"Content-Length: {len(CONTENT)}"
CHUNKS = f"{len(CONTENT):x}\r\n".encode() + CONTENT + b"\r\n0\r\n\r\n"
CHUNKED = "Transfer-Encoding: chunked"
HOST = "Host: crm.example"


@pytest.fixture(scope="module")
def server(databases) -> Iterator[Served]:
    with (
        databases.prepared("sqlite") as url,
        served(url, allowed_hosts="crm.example", trusted_proxies="10.0.0.1") as running,
    ):
        yield running


def request(*headers: str, target: str = PATH, version: str = "1.1") -> bytes:
    return "\r\n".join((f"POST {target} HTTP/{version}", *headers, "", "")).encode()


@pytest.mark.parametrize(
    "sent",
    [
        request(HOST, LENGTH) + CONTENT,
        request(HOST, CHUNKED) + CHUNKS,
        request(HOST, LENGTH, version="1.0") + CONTENT,
        request(LENGTH, version="1.0") + CONTENT,
        request(HOST, LENGTH, target=f"http://crm.example{PATH}") + CONTENT,
        request("Host: evil.example", LENGTH, target=f"http://crm.example:81{PATH}") + CONTENT,
        request(HOST, LENGTH, "Expect: 100-continue", version="1.0") + CONTENT,
        request(HOST, LENGTH, "X_Forwarded_Host: evil.example", "Forwarded: host=evil") + CONTENT,
    ],
    ids=["1.1", "chunked", "1.0", "no host", "absolute", "host of target", "expect", "others"],
)
def test_what_is_clear_is_served(server: Served, sent: bytes) -> None:
    with server.connect() as connection:
        connection.sendall(sent)
        status, document = answer_on(connection)
        assert (status, document.findtext("response/status")) == (200, "0")


@pytest.mark.parametrize(
    ("sent", "statuses"),
    [
        (request(HOST, HOST, LENGTH) + CONTENT, {400}),
        (request(HOST, "Host: evil.example", LENGTH) + CONTENT, {400}),
        (request("Host: evil.example", LENGTH) + CONTENT, {421}),
        (request("Host: crm.example, evil.example", LENGTH) + CONTENT, {400}),
        (request("Host: crm.example\x00evil", LENGTH) + CONTENT, {400}),
        (request("Host: crm.example\nX-Injected: yes", LENGTH) + CONTENT, {400}),
        (request("Host : crm.example", LENGTH) + CONTENT, {400}),
        (request(LENGTH) + CONTENT, {421}),
        (request(HOST, LENGTH, target=f"http://evil.example{PATH}") + CONTENT, {421}),
        (request(HOST, LENGTH, CHUNKED) + CHUNKS, {400}),
        (request(HOST, LENGTH, "Content-Length: 5") + CONTENT, {400}),
        (request(HOST, "Content-Length: +5") + CONTENT, {400}),
        (request(HOST, "Content-Length: -5") + CONTENT, {400}),
        (request(HOST, "Transfer-Encoding: xchunked") + CHUNKS, {400, 501}),
        (request(HOST, "Transfer-Encoding: chunked, chunked") + CHUNKS, {400}),
        (request(HOST, CHUNKED, version="1.0") + CHUNKS, {400}),
        (request("X-Forwarded-Host: crm.example", "Host: evil", LENGTH) + CONTENT, {421}),
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(
    server: Served, sent: bytes, statuses: set[int]
) -> None:
    with server.connect() as connection:
        connection.sendall(sent)
        response = http.client.HTTPResponse(connection)
        response.begin()
        assert response.status in statuses
        assert response.getheader("X-Injected") is None
        response.read()
        assert "Traceback" not in server.logged()
