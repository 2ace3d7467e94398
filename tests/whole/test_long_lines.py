"""Lines of requests: as long as queries of the web service are, and what they hold reaches no log."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from defusedxml.ElementTree import fromstring
from whole.served import Served, served

from packetserver.http.threads import refuse

LONGEST = 8190
SECRET = "5e551093e14b4cc0"


@pytest.fixture(scope="module")
def server(databases) -> Iterator[Served]:
    with databases.prepared("sqlite") as url, served(url) as running:
        yield running


def answer(server: Served, line: str) -> tuple[int, str, bytes]:
    """The status, type and body of the answer to a request of this line."""
    with server.connect() as connection:
        connection.sendall(f"{line}\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        response = http.client.HTTPResponse(connection)
        response.begin()
        return response.status, response.headers.get_content_type(), response.read()


def line_of(length: int, path: str) -> str:
    begun, end = f"GET {path}?operation=getchallenge&username=", " HTTP/1.1"
    return begun + "x" * (length - len(begun) - len(end)) + end


def test_a_line_of_the_longest_is_taken(server: Served) -> None:
    status, kind, body = answer(server, line_of(LONGEST, "/webservice.php"))
    assert (status, kind) == (200, "application/json")
    assert json.loads(body)["result"]["token"]


@pytest.mark.parametrize("length", [LONGEST + 3, 20_000, 40_000])
def test_a_longer_one_is_told_in_the_words_of_its_address(server: Served, length: int) -> None:
    status, kind, body = answer(server, line_of(length, "/crm/webservice.php"))
    assert (status, kind) == (414, "application/json")
    error = json.loads(body)["error"]
    assert error["code"] == "REQUEST_TOO_LARGE"
    status, kind, body = answer(server, line_of(length, "/ProcessPacket.do"))
    assert (status, kind) == (414, "text/xml")
    assert fromstring(body).findtext("response/errorText", "").startswith("Error: The address")


@pytest.mark.parametrize(
    "line",
    [
        f"GET /webservice.php?sessionName={SECRET}&query=with blanks in it HTTP/1.1",
        f"GET /webservice.php?sessionName={SECRET} {SECRET}",
        f"GET /webservice.php?sessionName={SECRET}",
        f"G,T /webservice.php?sessionName={SECRET} HTTP/1.1",
        line_of(LONGEST + 100, f"/webservice.php?sessionName={SECRET}&"),
        f"GET /webservice.php?operation=logout&sessionName={SECRET} HTTP/1.1",
    ],
    ids=["blanks", "no version", "one word", "no method", "too long", "no session"],
)
def test_no_log_has_what_a_line_holds(server: Served, line: str) -> None:
    status, _, _ = answer(server, line)
    assert status in {200, 400, 414}
    assert SECRET not in server.logged()


def test_no_log_has_the_query_of_a_request_that_failed() -> None:
    told: list[str] = []
    worker = SimpleNamespace(handle_error=lambda request, *_: told.append(request.uri))
    request = SimpleNamespace(uri=f"/webservice.php?sessionName={SECRET}")
    outgoing = SimpleNamespace(flush=lambda: True)
    connection: Any = SimpleNamespace(request=request, outgoing=outgoing, client=None)
    refuse(worker, connection, RuntimeError())
    assert told == ["/webservice.php"]
