"""`ProcessDocument.do`: a form with one file, which belongs to a record (PROTOCOL.md 1.6).

It is answered with a page, for the shipped clients only show it to people; what is wrong is on it.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from html import escape
from http import HTTPStatus

from werkzeug.sansio.multipart import Event, Field, File
from werkzeug.wrappers import Request, Response

from packetserver.engine.document_record import Document
from packetserver.engine.documents import Documents
from packetserver.errors import PacketError, PacketServerError, PacketTooLarge, TryAgainLater
from packetserver.protocols.front.bodies import REFUSED_WITH, RequestBody
from packetserver.protocols.front.concurrency import Places
from packetserver.protocols.front.incoming import Incoming
from packetserver.protocols.front.requests import fault_number
from packetserver.protocols.packet.builder import CREDENTIALS, read_integer
from packetserver.protocols.packet.forms import (
    MULTIPART,
    NO_FORM,
    form_text,
    multipart_events,
    part_data,
)
from packetserver.protocols.packet.writer import FORBIDDEN
from packetserver.security.credentials import Credentials
from packetserver.store.files import ReceivedFile

logger = logging.getLogger(__name__)

FILE = "file1"
NO_FILE = f"{FILE}: The form has no file"
RETRY_AFTER_SECONDS = 10
MOST_FIELD_BYTES = 1024 * 1024
"""How much a form may hold beside its file."""

PAGE = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>Document</title></head>
<body>
{}
</body>
</html>
"""
ABOUT = "<p>Programs post files to this address.\nThere is nothing to see here for people.</p>"
STORED = "<p>System response: OK</p>"
REFUSED = "<p>System response: ERROR</p>\n<ul>\n{}\n</ul>"


@dataclass(slots=True)
class Form:
    """What a form holds: its fields, and its file once that has arrived."""

    fields: dict[str, str] = field(default_factory=dict)
    filename: str = ""
    received: ReceivedFile | None = None


def process_document(
    documents: Documents, incoming: Incoming, host: str, asked: Request, places: Places
) -> Response:
    """Answer the request; ``host`` is the name that the client used for this server."""
    if asked.method in {"GET", "HEAD"}:
        return _page(ABOUT)
    try:
        complaints = _stored(documents, incoming, host, asked, places)
    except PacketTooLarge:
        most = documents.library.largest
        sentence = f"{FILE}: longer than the {most} bytes that this server takes"
        return _refusal((sentence,), HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    except PacketError as refusal:
        return _refusal((refusal.text,), REFUSED_WITH.get(type(refusal), HTTPStatus.OK))
    except TryAgainLater as failure:
        logger.warning("A file cannot be stored: %s", failure)
        sentence = "The server cannot store files at the moment. Please send it again later."
        response = _refusal((sentence,), HTTPStatus.SERVICE_UNAVAILABLE)
        response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
        return response
    except Exception:
        number = fault_number(asked.environ)
        logger.exception("Request %s failed", number)
        return _refusal(
            (f"The server failed to store the file. Its log tells why, at request {number}.",)
        )
    return _refusal(complaints) if complaints else _page(STORED)


def _stored(
    documents: Documents, incoming: Incoming, host: str, asked: Request, places: Places
) -> tuple[str, ...]:
    """Read the whole form and store its file; a refused one is read to its end, or nearly so."""
    body = RequestBody.of(asked, documents.library.largest + MOST_FIELD_BYTES)
    with contextlib.ExitStack() as kept:
        try:
            events = _events(asked, body.chunks())
            form = read_form(events, lambda chunks: kept.enter_context(incoming.received(chunks)))
        except PacketServerError:
            body.drain()
            raise
        if form.received is None:
            return (NO_FILE,)
        with places.taken():
            return documents.store(
                credentials_in(form.fields),
                document_in(form),
                form.received,
                host,
                asked.remote_addr or "",
            )


def _events(asked: Request, chunks: Iterable[bytes]) -> Iterator[Event]:
    if asked.mimetype != MULTIPART:
        raise PacketError(NO_FORM)
    return multipart_events(chunks, asked.mimetype_params.get("boundary", ""))


def read_form(
    events: Iterator[Event],
    receive: Callable[[Iterator[bytes]], ReceivedFile],
    name: str = FILE,
) -> Form:
    """Read a form to its end; of two fields, or files, of a name the first counts.

    ``receive`` takes the bytes of the file while they come. Raises PacketError for a form that
    cannot be read or has too much beside its file, and what ``receive`` raises.
    """
    form, room = Form(), MOST_FIELD_BYTES
    for event in events:
        if isinstance(event, File) and event.name == name and form.received is None:
            form.filename = event.filename
            form.received = receive(part_data(events))
        elif isinstance(event, Field | File):
            content = _limited(part_data(events), room)
            room -= len(content)
            if isinstance(event, Field):
                form.fields.setdefault(event.name, form_text(content))
    return form


def _limited(chunks: Iterator[bytes], room: int) -> bytes:
    content = bytearray()
    for chunk in chunks:
        content += chunk
        if len(content) > room:
            raise PacketError(f"The form has more than {MOST_FIELD_BYTES} bytes beside its file")
    return bytes(content)


def credentials_in(fields: Mapping[str, str]) -> Credentials:
    """What a form says of its sender, in fields named like the children of `authentication`.

    What no packet could say counts as not said: a database may refuse the very question.
    """
    sent = {
        name: text
        for name in CREDENTIALS
        if (text := fields.get(name)) and not FORBIDDEN.search(text)
    }
    return Credentials(
        **{
            attribute: read(sent[name])
            for name, (attribute, read) in CREDENTIALS.items()
            if name in sent
        }
    )


def document_in(form: Form) -> Document:
    """What a form says of its file."""
    subject = form.fields.get("subject", "")
    kind = form.fields.get("type", "").strip().lower() or None
    numbers = {name: read_integer(text) for name, text in form.fields.items()}
    return Document(
        filename=form.filename,
        subject=subject if subject.strip() else None,
        type=kind,
        module=numbers.get("linkModuleId"),
        item=numbers.get("tid") if kind is not None else numbers.get("linkItemId"),
        folder=numbers.get("folderId"),
        entered_by=numbers.get("enteredBy"),
    )


def _refusal(complaints: Iterable[str], status: HTTPStatus = HTTPStatus.OK) -> Response:
    lines = (f"<li>{escape(each)}</li>" for each in complaints)
    return _page(REFUSED.format("\n".join(lines)), status)


def _page(content: str, status: HTTPStatus = HTTPStatus.OK) -> Response:
    return Response(PAGE.format(content), status, mimetype="text/html")
