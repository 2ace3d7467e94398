"""What an operator sees of the web service: its metrics, its line in the log, its audit."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from protocols.webservice.conftest import KEYS, Site, md5
from watching import watched_statements

from packetserver.operation.logs import configure_logging
from packetserver.settings import Settings


def counted(site: Site) -> dict[tuple[str, str], float]:
    text = site.client.get("/metrics").text
    return {
        (sample.labels["operation"], sample.labels["outcome"]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "packetserver_operations_total"
        and sample.labels["protocol"] == "webservice"
    }


def test_operations_are_counted_by_their_outcome(site: Site) -> None:
    session = site.session()
    site.log_in("admin", "WrongAccessKey01")
    site.get("logout", sessionName="unknown")
    site.get("logout", sessionName=session)
    site.get("no such thing")
    site.send("PUT", f"operation=logout&sessionName={site.session()}")
    assert counted(site) == {
        ("getchallenge", "done"): 3,
        ("login", "done"): 2,
        ("login", "refused"): 1,
        ("logout", "refused"): 1,
        ("logout", "done"): 1,
        ("logout", "failed"): 1,
        ("other", "failed"): 1,
    }


Lines = tuple[Callable[[], list[dict[str, Any]]], io.StringIO]


@pytest.fixture
def lines() -> Iterator[Lines]:
    """What gives the lines of the log so far, and the log itself."""
    stream, root = io.StringIO(), logging.getLogger()
    before, level = root.handlers[:], root.level
    configure_logging(Settings(log_format="json", log_level="debug"), stream)
    yield lambda: [json.loads(each) for each in stream.getvalue().splitlines()], stream
    root.handlers[:] = before
    root.setLevel(level)


def test_a_line_names_who_asked_for_what_and_no_secret(site: Site, lines: Lines) -> None:
    read, stream = lines
    token = site.token("rep1")
    digest = md5(token + KEYS["rep1"])
    session = site.post("login", username="rep1", accessKey=digest)["sessionName"]
    wrong = md5("wrong")
    site.post("login", username="rep1", accessKey=wrong)
    site.get("extendsession", sessionName=session)
    site.get("extendsession", PHPSESSID=session)
    site.send("GET", "operation=extendsession", headers={"corebos-authorization": session})
    site.get("logout", sessionName="dead" + session)
    site.get("logout", sessionName=session)
    found = [each for each in read() if each["event"] == "request"]
    told = [
        tuple(each.get(key) for key in ("operation", "outcome", "error", "user")) for each in found
    ]
    assert told == [
        ("getchallenge", "done", None, None),
        ("login", "done", None, "rep1"),
        ("login", "refused", "INVALID_USER_CREDENTIALS", None),
        *[("extendsession", "done", None, "rep1")] * 3,
        ("logout", "refused", "INVALID_SESSIONID", None),
        ("logout", "done", None, "rep1"),
    ]
    assert {each["protocol"] for each in found} == {"webservice"}
    assert {each["action"] for each in found} == {"webservice.php"}
    (audited,) = [each for each in read() if each["event"] == "audit"]
    assert (audited["outcome"], audited["principal"]["name"]) == ("not authorized", "rep1")
    assert audited["items"] == [{"object": None, "action": "login"}]
    for secret in (token, digest, session, wrong, KEYS["rep1"]):
        assert secret not in stream.getvalue()


def test_a_session_costs_one_statement(site: Site) -> None:
    session = site.session()
    with watched_statements(site.service.database.engine) as seen:
        site.send("PUT", f"operation=logout&sessionName={session}")
    assert [each.split()[0] for each in seen if each != "BEGIN"] == ["SELECT"]
