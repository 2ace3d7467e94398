import http.server
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

PACKET = b'<?xml version="1.0" encoding="UTF-8"?>\n<app>\xc3\xa4</app>\n'

RECORDS = """<aspcfs>
  <response id="1"><status>0</status><errorText/>
    <recordSet name="accountList" count="2" total="57">
      <record action="select"><id>1</id><name>Ärzte &amp; Co</name></record>
      <record action="select"><id>20</id><name/></record>
    </recordSet>
  </response>
  <response id="2"><status>0</status><errorText/><recordSet name="task" count="1">
    <record action="processed"><id>3</id></record></recordSet></response>
</aspcfs>"""
SHOWN = """\
response 1: status 0 (done)
accountList: 2 of 57 records
  action  id  name
  select  1   Ärzte & Co
  select  20

response 2: status 0 (done)
task: 1 record
  action     id
  processed  3
"""
FAILED = """<aspcfs>
  <response id="1"><status>0</status><errorText/><recordSet name="task" count="0"/></response>
  <response><status>1</status><errorText>Transaction failed
name: Required Field</errorText></response>
</aspcfs>"""


@dataclass
class Server:
    """Answers every post with the same, and remembers what it was sent."""

    answer: bytes = b""
    status: int = 200
    url: str = ""
    path: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            state.path = self.path
            state.headers = {name.lower(): value for name, value in self.headers.items()}
            state.body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(state.status)
            self.send_header("Content-Length", str(len(state.answer)))
            self.end_headers()
            self.wfile.write(state.answer)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as listening:
        state.url = f"http://127.0.0.1:{listening.server_port}"
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield state
        listening.shutdown()
        thread.join()


@pytest.fixture
def send(run, server, tmp_path) -> Callable[..., object]:
    path = tmp_path / "packet.xml"
    path.write_bytes(PACKET)
    return lambda *options: run("send", str(path), "--url", server.url, *options)


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16", "ISO-8859-1"])
def test_records_are_shown_as_a_table(send, server, encoding):
    declaration = f'<?xml version="1.0" encoding="{encoding}"?>'
    server.answer = (declaration + RECORDS).encode(encoding)
    result = send()
    assert (result.exit_code, result.output) == (0, SHOWN)


def test_the_packet_is_sent_as_it_is(send, server):
    server.answer = RECORDS.encode()
    send()
    assert server.body == PACKET
    assert server.path == "/ProcessPacket.do"
    assert server.headers["content-type"] == "text/xml"
    assert not {"object-validation", "commit-level"} & set(server.headers)


@pytest.mark.parametrize(
    ("options", "headers"),
    [
        (("--validate",), {"object-validation": "true"}),
        (("--no-validate",), {"object-validation": "false"}),
        (("--commit-level", "packet"), {"commit-level": "packet"}),
        (("--commit-level", "transaction", "--validate"), {"commit-level": "transaction"}),
    ],
)
def test_headers_are_sent_when_they_are_chosen(send, server, options, headers):
    server.answer = RECORDS.encode()
    assert send(*options).exit_code == 0
    assert headers.items() <= server.headers.items()


def test_any_path_may_be_given(run, server, tmp_path):
    path = tmp_path / "packet.xml"
    path.write_bytes(PACKET)
    server.answer = RECORDS.encode()
    url = f"{server.url}/x/ProcessPacket.do?command=ReloadSyncMap"
    assert run("send", str(path), "--url", url).exit_code == 0
    assert server.path == "/x/ProcessPacket.do?command=ReloadSyncMap"


def test_a_packet_from_standard_input(run, server):
    server.answer = RECORDS.encode()
    assert run("send", "-", "--url", server.url, stdin=PACKET).exit_code == 0
    assert server.body == PACKET


@pytest.mark.parametrize("status", [200, 413, 503])
def test_a_failed_transaction_is_exit_code_1(send, server, status):
    server.answer, server.status = FAILED.encode(), status
    result = send()
    assert result.exit_code == 1
    assert result.output == (
        "response 1: status 0 (done)\ntask: 0 records\n\n"
        "response: status 1 (failed)\n  Transaction failed\n  name: Required Field\n"
    )


@pytest.mark.parametrize("raw", [True, False])
def test_a_conflict_is_told_and_is_exit_code_1(send, server, raw):
    server.answer = RECORDS.replace("processed", "conflict").encode()
    result = send(*(["--raw"] if raw else []))
    assert result.exit_code == 1
    shown = result.stderr if raw else result.stdout
    assert (
        "conflict: not stored\n" if raw else "response 2: status 0 (conflict: not stored)\n"
    ) in shown
    assert "response 1: status 0 (done)\n" in result.stdout or raw


def test_an_answer_without_a_response_is_no_success(send, server):
    server.answer = b"<aspcfs/>"
    assert send().exit_code == 1


def test_raw_shows_the_answer_as_it_came(send, server):
    server.answer = FAILED.encode("utf-16")
    result = send("--raw")
    assert result.stdout_bytes == server.answer
    assert result.exit_code == 1


def test_values_stay_on_one_line_and_cannot_steer_the_terminal(send, server):
    value = "two\nlines \u009b31m " + "x" * 80
    server.answer = RECORDS.replace("Ärzte &amp; Co", value).encode()
    (line,) = [line for line in send().output.splitlines() if "lines" in line]
    assert line.startswith(r"  select  1   two\nlines \x9b31m xxx")
    assert line.endswith("xx…")
    assert len(line) == len("  select  1   ") + 60


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"", "(HTTP status 200) is no XML"),
        (b"<html></html>", "(HTTP status 200) is no aspcfs document"),
        (b"<aspcfs>", "is no XML"),
        (b'<?xml version="1.0" encoding="no-such"?><aspcfs/>', "is no XML"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><aspcfs>&b;</aspcfs>', "is no XML"),
    ],
)
def test_what_is_no_answer_is_one_sentence(send, server, answer, message):
    server.answer = answer
    result = send()
    assert (result.exit_code, result.stdout) == (1, "")
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("ftp://127.0.0.1/", "is no address such as http://127.0.0.1:8080/ProcessPacket.do"),
        ("127.0.0.1:8080", "is no address such as"),
        ("http://127.0.0.1:port/", "is no address"),
        ("http://127.0.0.1:1/", "does not answer: Connection refused"),
    ],
)
def test_an_address_where_nobody_answers(run, tmp_path: Path, url, message):
    path = tmp_path / "packet.xml"
    path.write_bytes(PACKET)
    result = run("send", str(path), "--url", url)
    assert (result.exit_code, result.stdout) == (1, "")
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
