"""`send`: post a packet and see the answer."""

from __future__ import annotations

import http.client
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import IO
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element, ParseError

import click
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from packetserver.cli.program import aligned, examples, printable
from packetserver.errors import PacketServerError

PATH = "/ProcessPacket.do"
ANSWER = "aspcfs"
CONNECTIONS = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}


class SendError(PacketServerError):
    """The packet could not be sent, or what came back is no answer of the protocol."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back: the status of HTTP and the body as it is."""

    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class AnsweredRecord:
    """A record of an answer; a field's text is empty when its element is."""

    action: str
    fields: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """The response to one transaction; ``status`` is a text, "0" for success."""

    id: str | None
    status: str
    errors: tuple[str, ...]
    name: str | None
    total: str | None
    records: tuple[AnsweredRecord, ...]


def post(url: str, packet: bytes, headers: Mapping[str, str], seconds: float) -> Reply:
    """Post a packet; ``seconds`` is how long the server may keep silent.

    Raises SendError when the URL is none, or nobody answers.
    """
    parts = urlsplit(url)
    if parts.scheme not in CONNECTIONS or not parts.hostname:
        raise SendError(f"{url} is no address such as http://127.0.0.1:8080{PATH}")
    target = (parts.path.rstrip("/") or PATH) + (f"?{parts.query}" if parts.query else "")
    try:
        connection = CONNECTIONS[parts.scheme](parts.hostname, parts.port, timeout=seconds)
        try:
            connection.request("POST", target, packet, {"Content-Type": "text/xml", **headers})
            response = connection.getresponse()
            return Reply(response.status, response.read())
        finally:
            connection.close()
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "strerror", None) or error
        raise SendError(f"{url} does not answer: {reason}") from error
    except ValueError as error:
        raise SendError(f"{url} is no address: {error}") from error


def read_answers(reply: Reply) -> tuple[Answer, ...]:
    """The responses of an answer, in its order; raises SendError when it is none."""
    try:
        root = fromstring(reply.body)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise SendError(f"the answer (HTTP status {reply.status}) is no XML: {error}") from error
    if root.tag != ANSWER:
        raise SendError(f"the answer (HTTP status {reply.status}) is no {ANSWER} document")
    return tuple(_answer(each) for each in root.iter("response"))


def _answer(response: Element) -> Answer:
    found = response.find("recordSet")
    records = () if found is None else tuple(_record(each) for each in found.iter("record"))
    return Answer(
        id=response.get("id"),
        status=(response.findtext("status") or "").strip(),
        errors=tuple((response.findtext("errorText") or "").splitlines()),
        name=None if found is None else found.get("name"),
        total=None if found is None else found.get("total"),
        records=records,
    )


def _record(record: Element) -> AnsweredRecord:
    fields = tuple((each.tag, each.text or "") for each in record)
    return AnsweredRecord(record.get("action", ""), fields)


URL = f"http://127.0.0.1:8080{PATH}"
SUCCESS = "0"
CONFLICT = "conflict"
NOT_STORED = "conflict: not stored"
HEADERS = {"validate": "object-validation", "commit_level": "commit-level", "strict": "strict"}
"""The headers of HTTP by the names of our options."""

WIDEST = 60
"""Characters of a value that the table shows."""


@click.command(
    epilog=examples(
        "packetserver send packet.xml",
        "packetserver catalogue show account",
        "packetserver send packet.xml --commit-level transaction --no-validate",
    )
)
@click.argument("file", type=click.File("rb"))
@click.option("--url", default=URL, show_default=True, help="Where the packet is posted.")
@click.option(
    "--validate/--no-validate", default=None, help="Send the header object-validation: true, false."
)
@click.option(
    "--commit-level",
    type=click.Choice(["packet", "transaction"]),
    help="Send the header commit-level: what is undone when a transaction fails.",
)
@click.option(
    "--strict/--no-strict", default=None, help="Send the header strict: unknown names are errors."
)
@click.option("--raw", is_flag=True, help="Show the answer as it came.")
@click.option("--timeout", default=120.0, show_default=True, help="Seconds that the server has.")
@click.pass_context
def send(
    context: click.Context,
    /,
    *,
    file: IO[bytes],
    url: str,
    raw: bool,
    timeout: float,
    **choices: bool | str | None,
) -> None:
    """Post the packet in FILE and show the answer: status, errors and records.

    FILE may be - for standard input. Long values are cut; --raw shows everything. The exit code is
    1 when a transaction failed, and when a record was not stored because of a conflict.
    """
    reply = post(url, file.read(), dict(_headers(choices)), timeout)
    if raw:
        sys.stdout.buffer.write(reply.body)
    answers = read_answers(reply)
    if not raw:
        click.echo("\n\n".join("\n".join(_shown(each)) for each in answers))
    elif any(map(_has_conflict, answers)):
        click.echo(NOT_STORED, err=True)
    if not answers or any(each.status != SUCCESS or _has_conflict(each) for each in answers):
        context.exit(1)


def _headers(choices: Mapping[str, bool | str | None]) -> Iterator[tuple[str, str]]:
    """The headers of the choices that were made; the server has defaults for the others."""
    for name, header in HEADERS.items():
        if choices[name] is not None:
            yield header, str(choices[name]).lower()


def _has_conflict(answer: Answer) -> bool:
    """Whether a change was not made: the client has not seen the record as it is, or there is none."""
    return any(each.action == CONFLICT for each in answer.records)


def _state(answer: Answer) -> str:
    if answer.status != SUCCESS:
        return "failed"
    return NOT_STORED if _has_conflict(answer) else "done"


def _shown(answer: Answer) -> Iterator[str]:
    number = "" if answer.id is None else f" {answer.id}"
    yield f"response{number}: status {answer.status} ({_state(answer)})"
    yield from (f"  {printable(line)}" for line in answer.errors)
    if answer.name is None:
        return
    of_all = "" if answer.total is None else f" of {answer.total}"
    records = "record" if len(answer.records) == 1 else "records"
    yield f"{printable(answer.name)}: {len(answer.records)}{of_all} {records}"
    yield from (f"  {line}" for line in aligned(list(_cells(answer))))


def _cells(answer: Answer) -> Iterator[list[str]]:
    """A heading and a row for each record; records need not have the same fields."""
    if not answer.records:
        return
    names = list(dict.fromkeys(name for each in answer.records for name, _ in each.fields))
    yield ["action", *map(_cell, names)]
    for each in answer.records:
        texts = dict(each.fields)
        yield [_cell(each.action), *(_cell(texts.get(name, "")) for name in names)]


def _cell(text: str) -> str:
    shown = printable(text)
    return shown if len(shown) <= WIDEST else shown[: WIDEST - 1] + "…"
