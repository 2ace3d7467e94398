"""A server under attack: what is sent to it, and what every answer of it must be like."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from xml.sax.saxutils import escape, quoteattr

from defusedxml import ElementTree
from flask.testing import FlaskClient
from lxml import etree
from werkzeug.test import TestResponse

ADMIN_CODE = "21232f297a57a5a743894a0e4a801fc3"
PATH = "/ProcessPacket.do"
XML = "text/xml"

INNARDS = re.compile(
    r"Traceback|sqlalchemy|psycopg|sqlite3?\b|packetserver\.|OperationalError|IntegrityError"
    r"|DataError|ProgrammingError|StatementError|NotNullViolation|ForeignKeyViolation"
    r"|UNIQUE constraint|violates |syntax error at|at request [0-9a-f]{16}"
    r"|[A-Z][a-z]+Error\b|\bline \d+, in |File \"",
)
"""What must never be read in an answer: names of classes, words of the database, a fault's number."""

CREDENTIALS = (("username", "admin"), ("code", ADMIN_CODE), ("systemId", "4"))
CLIENT = (("id", "localhost"), ("code", "secret1"), ("clientId", "1"), ("systemId", "4"))
"""An administrator, and a sync client that may do everything (tests/conformance/world.toml)."""

ALLOWED = frozenset({200, 400, 401, 403, 404, 405, 408, 411, 413, 414, 415, 416, 417, 431, 501})
"""The server refuses, but never fails; 501 is what HTTP says of codings that nobody knows."""


@dataclass(frozen=True)
class Item:
    """An item of a packet; a value of None is an empty element."""

    element: str
    action: str | None
    values: tuple[tuple[str, str | None], ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)


def item(
    element: str,
    action: str | None,
    values: Mapping[str, str | None] | None = None,
    **attributes: str,
) -> Item:
    return Item(element, action, tuple((values or {}).items()), attributes)


def xml_of(sent: Item) -> str:
    attributes = dict(sent.attributes)
    if sent.action is not None:
        attributes["action"] = sent.action
    written = "".join(f" {name}={quoteattr(text)}" for name, text in attributes.items())
    values = "".join(
        f"<{name}/>" if text is None else f"<{name}>{text_of(text)}</{name}>"
        for name, text in sent.values
    )
    return f"<{sent.element}{written}>{values}</{sent.element}>"


def text_of(text: str) -> str:
    return escape(text, {"\r": "&#13;"})


def packet(
    *transactions: tuple[list[Item], list[str]],
    credentials: tuple[tuple[str, str], ...] = CREDENTIALS,
    encoding: str | None = None,
) -> bytes:
    """A packet of transactions, each of items and meta properties."""
    who = dict(credentials) | ({} if encoding is None else {"encoding": encoding})
    authentication = "".join(f"<{name}>{text_of(text)}</{name}>" for name, text in who.items())
    parts = (
        f'<transaction id="{number}"><meta>'
        + "".join(f"<property>{text_of(name)}</property>" for name in meta)
        + "</meta>"
        + "".join(xml_of(each) for each in items)
        + "</transaction>"
        for number, (items, meta) in enumerate(transactions, 1)
    )
    text = f"<app><authentication>{authentication}</authentication>{''.join(parts)}</app>"
    return ('<?xml version="1.0" encoding="UTF-8"?>' + text).encode()


GOOD_PACKET = packet(
    ([item("accountList", "select", {"id": "0"})], ["id", "name"]), encoding="UTF-8"
)
"""A packet that any healthy server answers with the one record that every database has."""


class Complaint(AssertionError):
    """An answer, or what was logged meanwhile, is not as it must be."""


DECLARATION = re.compile(r"\s*<\?xml[^>]*\?>")


def check_document(body: bytes, charset: str = "UTF-8") -> etree._Element:
    """The document of an answer: two parsers read it, and it tells nothing of the inside.

    It is decoded first: no parser knows all the encodings that a client may ask for.
    """
    try:
        content = DECLARATION.sub("", body.decode(charset).removeprefix("\ufeff"), count=1).encode()
        root = ElementTree.fromstring(content)
        by_libxml = etree.fromstring(content, etree.XMLParser(huge_tree=True))
    except (ElementTree.ParseError, etree.XMLSyntaxError, UnicodeError) as error:
        raise Complaint(f"no document: {error}: {body[:300]!r}") from error
    if root.tag != "aspcfs" or by_libxml.tag != "aspcfs":
        raise Complaint(f"another document: {body[:300]!r}")
    for each in by_libxml.iterchildren("response"):
        told = each.findtext("errorText") or ""
        if each.findtext("status") not in {"0", "1"}:
            raise Complaint(f"no status: {body[:300]!r}")
        if each.findtext("status") == "0" and told:
            raise Complaint(f"an error that is none: {told[:300]!r}")
        check_text(told)
    return by_libxml


def check_text(told: str) -> None:
    found = INNARDS.search(told)
    if found is not None:
        raise Complaint(f"{found[0]!r} in {told[:600]!r}")


def check_page(answer: TestResponse) -> str:
    """The text of any answer, which tells nothing of the inside."""
    told = answer.data.decode(answer.mimetype_params.get("charset", "utf-8"))
    check_text(told)
    return told


class _Errors(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@contextmanager
def nothing_fails() -> Iterator[None]:
    """Complains of every error that is logged meanwhile: a server that is attacked has none."""
    handler = _Errors()
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
    for record in handler.records:
        cause = record.exc_info[1] if record.exc_info else None
        raise Complaint(f"{record.getMessage()}: {cause!r}"[:2000]) from cause


@dataclass
class Tally:
    """How many inputs this process has tried on servers."""

    inputs: int = 0


tried = Tally()


@dataclass(frozen=True)
class Target:
    """An application that is attacked from within the process."""

    client: FlaskClient

    def send(
        self,
        body: bytes,
        path: str = PATH,
        content_type: str = XML,
        method: str = "POST",
        headers: Mapping[str, str] | None = None,
    ) -> TestResponse:
        """Send a request; complains of a failure of the server, whatever it answers."""
        tried.inputs += 1
        with nothing_fails():
            answer = self.client.open(
                path, method=method, data=body, content_type=content_type, headers=headers
            )
            answer.get_data()
        if answer.status_code not in ALLOWED:
            raise Complaint(f"{answer.status}: {answer.data[:300]!r}")
        return answer

    def play(
        self, body: bytes, content_type: str = XML, headers: Mapping[str, str] | None = None
    ) -> etree._Element:
        """Send a packet; the document of its answer, which is in the encoding that it says."""
        answer = self.send(body, content_type=content_type, headers=headers)
        if answer.mimetype != XML or answer.content_length != len(answer.data):
            raise Complaint(f"no packet's answer: {answer.headers}")
        return check_document(answer.data, answer.mimetype_params["charset"])

    def is_well(self) -> bool:
        """Whether a good packet is answered as ever."""
        answer = self.client.post(PATH, data=GOOD_PACKET, content_type=XML)
        return answer.status_code == 200 and b"<status>0</status>" in answer.data


def errors_of(document: etree._Element) -> list[str]:
    """The error texts of all responses, empty ones included."""
    return [each.findtext("errorText") or "" for each in document.iterchildren("response")]


def statuses_of(document: etree._Element) -> list[str]:
    return [each.findtext("status") or "" for each in document.iterchildren("response")]
