"""docs/operation.md says what there is, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

from protocols.packet.exchanges import UTF_8_PACKET, client_of, post

from packetserver.app import create_app
from packetserver.errors import Outage, StoreUnavailable
from packetserver.operation import metrics
from packetserver.operation.findings import Check
from packetserver.operation.observer import _line
from packetserver.operation.requests import Principal, RequestFacts
from packetserver.protocols.front.requests import Summary
from packetserver.settings import Settings

PAGE = (Path(__file__).parents[2] / "docs" / "operation.md").read_text(encoding="utf-8")


def rows(heading: str) -> list[list[str]]:
    """The cells of the tables under a heading with this first cell."""
    found = re.findall(rf"^\| {heading} \|.*\n\|[-|]+\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
    lines = "".join(found).splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_the_metrics_are_those_that_are_declared() -> None:
    declared = [
        [f"`{each.name}`", each.kind, ", ".join(f"`{one}`" for one in each.labels), each.help]
        for each in (*metrics.COUNTED, *metrics.ASKED)
    ]
    assert rows("metric") == declared


def test_the_metrics_are_those_that_are_answered(engine) -> None:
    client = create_app(Settings(), engine).test_client()
    post(client, UTF_8_PACKET).close()
    found = re.findall(r"^# TYPE (\S+) (\S+)$", client.get("/metrics").text, re.MULTILINE)
    declared = {(each.name, each.kind) for each in (*metrics.COUNTED, *metrics.ASKED)}
    assert set(found) == declared


def test_the_alerts_go_by_metrics_that_there_are() -> None:
    used = set(re.findall(r"packetserver_\w+", PAGE.partition("### Alerts")[2]))
    names = {each.name for each in (*metrics.COUNTED, *metrics.ASKED)}
    assert used
    assert {name.removesuffix("_bucket") for name in used} <= names
    kinds = set(re.findall(r'kind="(\w+)"', PAGE))
    assert kinds
    assert kinds <= set(metrics.ERROR_KINDS)


def test_the_kinds_of_errors_are_all_there() -> None:
    declared = [[f"`{name}`", meaning] for name, meaning in metrics.ERROR_KINDS.items()]
    assert rows("kind") == declared


def test_the_keys_of_a_line_are_all_there(echo, log) -> None:
    post(client_of(echo), UTF_8_PACKET).close()
    facts = RequestFacts("1", "POST", "ProcessPacket.do", outcome="failed")
    facts.errors["failed"] += 1
    facts.unheeded.note("field", "account", "nmae")
    facts.principal = Principal("user-based sync client", "ann", 1)
    facts.summary = Summary("webservice", "login", "refused", "ann", "INVALID_SESSIONID")
    keys = {f"`{name}`" for name in (*_line(facts), *log.lines[0])}
    assert {row[0] for row in rows("key")} == {*keys, "`exception`"}


def test_every_check_of_the_doctor_is_explained() -> None:
    assert [row[0] for row in rows("check")] == [each.value for each in Check]


def test_every_outage_is_explained() -> None:
    told = [row[0] for row in rows("sentence")]
    assert told == [StoreUnavailable(outage=each).sentence for each in Outage]
