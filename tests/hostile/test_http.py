"""Requests that no library would send, and every method at every address, on a real gunicorn."""

from __future__ import annotations

import gzip
import itertools
from collections.abc import Iterator

import pytest
from hostile.attacking import GOOD_PACKET, check_document, check_text, tried
from hostile.corpus_files import Case, cases_of, written_out
from hostile.raw import answers_in, exchanged
from whole.served import served

from databases import Databases
from serving import gunicorn_server

ADDRESSES = (
    *("/", "/healthz", "/readyz", "/metrics", "/nothing", "/nothing.do", "//", "*"),
    *("/ProcessPacket.do", "/x/ProcessPacket.do/ProcessClientSyncPackage.do"),
    *("/ProcessSyncPackageDownload.do", "/ProcessClientSyncPackage.do", "/ProcessDocument.do"),
)
METHODS = (
    *("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "PROPFIND"),
    *("M-SEARCH", "ABCDEFGHIJKLMNOPQRST"),
)
PACKED = gzip.compress(GOOD_PACKET)
HARMLESS = frozenset({200, 204, 400, 404, 405, 501})


@pytest.fixture(scope="module", params=["packetserver serve", "gunicorn with threads"])
def address(request: pytest.FixtureRequest, databases: Databases) -> Iterator[str]:
    encoding = {"default_response_encoding": "UTF-8"}
    with databases.prepared("sqlite") as url:
        if request.param == "packetserver serve":
            with served(url, **encoding) as server:
                yield f"http://{server.host}:{server.port}"
        else:
            with gunicorn_server(url, **encoding) as running:
                yield running


def is_well(address: str) -> bool:
    ((status, body),) = answers_in(exchanged(address, post(GOOD_PACKET)))
    return status == 200 and b"<status>0</status>" in body


def post(body: bytes) -> bytes:
    head = f"POST /ProcessPacket.do HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}"
    return f"{head}\r\nConnection: close\r\n\r\n".encode() + body


def request_of(case: Case) -> bytes:
    return in_bytes(case["head"]) + b"\r\n\r\n" + in_bytes(case["body"]) if case["head"] else b""


def in_bytes(text: str) -> bytes:
    """A text of the corpus; a line break of it is one of HTTP, but not within a packet."""
    lines = written_out(text.removeprefix("\n")).replace("\n", "\r\n").encode("latin-1")
    chunks = [GOOD_PACKET[start : start + 50] for start in range(0, len(GOOD_PACKET), 50)]
    chunked = b"".join(b"%X\r\n%s\r\n" % (len(each), each) for each in (*chunks, b""))
    for name, value in (
        (b"{packet}", GOOD_PACKET),
        (b"{chunked}", chunked),
        (b"{length}", str(len(GOOD_PACKET)).encode()),
        (b"{packed}", PACKED),
        (b"{packed_length}", str(len(PACKED)).encode()),
    ):
        lines = lines.replace(name, value)
    return lines


@pytest.mark.parametrize("case", cases_of("http.toml"), ids=lambda case: case["name"])
def test_a_request_of_the_corpus_is_answered_as_it_deserves(address: str, case: Case) -> None:
    tried.inputs += 1
    received = exchanged(address, request_of(case))
    found = answers_in(received)
    statuses = [status for status, _ in found] or [0]
    assert is_expected(statuses, case["statuses"]), f"{statuses}: {received[:500]!r}"
    for status, body in found:
        check_text(body.decode("latin-1"))
        if b"<aspcfs" in body[:200]:
            check_document(body)
        assert status < 500 or status in {501, 505}
    assert case.get("told", "").encode() in received, received[:500]
    assert is_well(address)


def is_expected(statuses: list[int], expected: list[int]) -> bool:
    return statuses == expected[: len(statuses)] or (len(statuses) == 1 and statuses[0] in expected)


def test_every_method_at_every_address_is_harmless(address: str) -> None:
    for method, path in itertools.product(METHODS, ADDRESSES):
        tried.inputs += 1
        head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        sent = f"{head}Content-Length: {len(GOOD_PACKET)}\r\n\r\n".encode() + GOOD_PACKET
        found = answers_in(exchanged(address, sent))
        assert len(found) == 1, f"{method} {path}"
        ((status, body),) = found
        assert status in HARMLESS, f"{method} {path}: {status}"
        check_text(body.decode("latin-1"))
        assert method != "TRACE" or b"username" not in body
    assert is_well(address)
