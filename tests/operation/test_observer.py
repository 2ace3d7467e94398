"""Each request has a name and one line, which tells what it was and nothing that it carried."""

from __future__ import annotations

import logging
import re

import pytest
from driving import ADMIN
from protocols.packet.exchanges import PATH, UTF_8_PACKET, client_of, error_of, post

from packetserver.app import create_app
from packetserver.errors import StoreUnavailable
from packetserver.protocols.front.requests import new_request_id
from packetserver.settings import Settings

SECRET = "0123456789abcdef0123456789abcdef"
NAME = "Dark Horse Ventures"
PACKET = f"""<app><authentication><systemId>4</systemId><username>admin</username><code>{ADMIN.code}</code>
<encoding>UTF-8</encoding></authentication><transaction id="1"><meta><property>name</property></meta>
<account action="insert"><name>{NAME}</name></account>
<accountList action="select"/></transaction></app>"""


class LoggingEngine:
    """Logs what it is asked, and answers nothing."""

    def process(self, *arguments):
        logging.getLogger("an.engine").warning("at work")
        return ()


@pytest.fixture
def client(echo):
    return client_of(echo)


@pytest.mark.parametrize("sent", ["a", "7f3c2a10-5b1e-4e6e", "x" * 64, "A.b_c:9-0"])
def test_an_id_that_the_client_sends_is_kept(client, log, sent):
    response = post(client, UTF_8_PACKET, headers={"X-Request-Id": sent})
    response.close()
    assert response.headers.getlist("X-Request-Id") == [sent]
    assert log.requests()[0]["request_id"] == sent


@pytest.mark.parametrize(
    "sent", [None, "", "x" * 65, "a b", "-a", '"', "ä", "a,b", "a;b", "a=b", "<b>", "a/b"]
)
def test_any_other_request_gets_an_id_of_ours(client, log, sent):
    headers = {} if sent is None else {"X-Request-Id": sent}
    response = post(client, UTF_8_PACKET, headers=headers)
    response.close()
    (made,) = response.headers.getlist("X-Request-Id")
    assert re.fullmatch("[0-9a-f]{16}", made)
    assert log.requests()[0]["request_id"] == made


@pytest.mark.parametrize(
    "path", [PATH, "/", "/healthz", "/nothing", "/x.do", "/ProcessDocument.do"]
)
def test_every_answer_carries_an_id(client, path):
    assert client.get(path).headers["X-Request-Id"]


def test_a_fault_tells_the_id_under_which_the_log_tells_why(client, echo, log):
    echo.failure = RuntimeError("nobody foresaw it")
    response = post(client, UTF_8_PACKET, headers={"X-Request-Id": "call-7"})
    text = error_of(response)
    response.close()
    assert text.endswith("Its log tells why, at request call-7.")
    failure, request = log.lines
    assert failure["request_id"] == request["request_id"] == "call-7"
    assert "nobody foresaw it" in failure["exception"]
    assert (request["outcome"], request["errors"]) == ("fault", {"internal": 1})


def test_all_lines_of_a_request_carry_its_id_and_later_ones_do_not(log):
    client = create_app(Settings(), LoggingEngine()).test_client()
    post(client, UTF_8_PACKET, headers={"X-Request-Id": "r-1"}).close()
    post(client, UTF_8_PACKET, headers={"X-Request-Id": "r-2"}).close()
    logging.getLogger("afterwards").info("idle")
    found = [(line["event"], line.get("request_id")) for line in log.lines]
    assert found == [
        *(("at work", "r-1"), ("request", "r-1")),
        *(("at work", "r-2"), ("request", "r-2")),
        ("idle", None),
    ]


def test_a_packet_has_one_line_with_its_facts(engine, log):
    client = create_app(Settings(), engine).test_client()
    response = client.post(PATH, data=PACKET, content_type="text/xml")
    response.close()
    (line,) = log.requests()
    assert line["milliseconds"] > 0
    facts = {
        "method": "POST",
        "address": "127.0.0.1",
        "action": "ProcessPacket.do",
        "status": 200,
        "bytes_in": len(PACKET),
        "bytes_out": len(response.data),
        "outcome": "done",
        "transactions": 1,
        "failed": 0,
        "items": 2,
        "principal": "user",
        "user": "admin",
        "level": "info",
    }
    assert {name: line.get(name) for name in facts} == facts


def test_nothing_that_a_packet_carries_is_logged(engine, log):
    client = create_app(Settings(), engine).test_client()
    path = f"/{NAME.replace(' ', '-')}/ProcessPacket.do?code={SECRET}"
    for body in (PACKET, PACKET.replace(str(ADMIN.code), SECRET)):
        client.post(path, data=body, headers={"Cookie": SECRET, "Authorization": SECRET}).close()
    assert [line["outcome"] for line in log.requests()] == ["done", "refused"]
    for word in (SECRET, str(ADMIN.code), NAME, "Dark-Horse"):
        assert word not in log.text


def test_a_sender_who_is_refused_is_not_named_as_if_it_were_known(engine, log):
    client = create_app(Settings(), engine).test_client()
    client.post(PATH, data=PACKET.replace(str(ADMIN.code), SECRET)).close()
    (line,) = log.requests()
    assert line["errors"] == {"not_authorized": 1}
    assert not {"principal", "user", "client"} & set(line)


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_probes_are_for_debugging(client, configured, path):
    log = configured(log_level="debug")
    client.get(path).close()
    assert [line["level"] for line in log.requests()] == ["debug"]


def test_what_stands_in_a_path_or_a_method_is_made_plain(client, log):
    client.open("/%1b[2J%0aforged name" + "x" * 100, method="BREW\x07").close()
    (line,) = log.requests()
    assert re.fullmatch(r"[\w.?-]{1,64}", line["action"])
    assert line["method"] == "BREW?"


def test_the_line_comes_when_the_answer_has_ended(client, log):
    response = post(client, UTF_8_PACKET)
    assert log.requests() == []
    response.close()
    response.close()
    assert len(log.requests()) == 1


def test_a_long_answer_is_counted_to_its_end(echo, log):
    body = UTF_8_PACKET.replace(b"Zo", b"Zo" + b"x" * 100_000)
    response = post(client_of(echo, spool_memory_bytes=1024), body)
    assert len(response.data) > 100_000
    response.close()
    (line,) = log.requests()
    assert line["bytes_out"] == len(response.data)
    assert line["bytes_in"] == len(body)


def test_an_application_that_raises_is_counted_as_a_fault(log):
    def broken(environ, start_response):
        raise MemoryError

    app = create_app(Settings(), LoggingEngine())
    app.wsgi_app._application._application = broken
    with pytest.raises(MemoryError):
        app.test_client().get("/")
    (line,) = log.requests()
    assert (line["status"], line["errors"]) == (500, {"internal": 1})


@pytest.mark.parametrize(
    ("body", "status", "outcome", "errors"),
    [
        (b"<app", 200, "refused", {"packet": 1}),
        (b"<app>" + b" " * 4000, 413, "refused", {"too_large": 1}),
        (UTF_8_PACKET, 503, "unavailable", {"unavailable": 1}),
    ],
)
def test_a_packet_that_cannot_be_carried_out_says_which_kind_of_error_it_was(
    echo, log, body, status, outcome, errors
):
    echo.failure = StoreUnavailable("away")
    response = post(client_of(echo, max_body_bytes=1000), body)
    response.close()
    assert response.status_code == status
    (line,) = log.requests()
    assert (line["status"], line["outcome"], line["errors"]) == (status, outcome, errors)


def test_a_host_that_is_not_served_is_counted_at_the_door(echo, log):
    client = client_of(echo, allowed_hosts=("crm.example.org",))
    post(client, UTF_8_PACKET, headers={"Host": "other.example.org"}).close()
    (line,) = log.requests()
    assert (line["status"], line["outcome"], line["errors"]) == (421, "refused", {"door": 1})


def test_a_throttled_login_is_told_from_a_wrong_code(engine, log, prepared_database_url, tmp_path):
    client = create_app(Settings(), engine).test_client()
    kinds = []
    for number in range(12):
        wrong = PACKET.replace(str(ADMIN.code), f"{number:032x}")
        client.post(PATH, data=wrong).close()
        kinds += log.requests()[-1]["errors"]
    assert kinds == ["not_authorized"] * 10 + ["throttled"] * 2


def test_ids_of_ours_differ():
    assert len({new_request_id() for _ in range(1000)}) == 1000
