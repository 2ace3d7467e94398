"""Posts a packet and reads the answer, with nothing of the server but its address."""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

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
