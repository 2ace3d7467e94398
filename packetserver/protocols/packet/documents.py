"""`ProcessDocument.do`: a form with one file, which belongs to a record (PROTOCOL.md 1.6).

It is answered with a page, for the shipped clients only show it to people; what is wrong is on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from http import HTTPStatus

from packetserver.protocols.front.addresses import Edge
from packetserver.protocols.front.bodies import Incoming
from packetserver.protocols.front.forms import Form, received_form
from packetserver.protocols.front.outcomes import Outcome, OutcomeKind
from packetserver.protocols.front.requests import Request, Response
from packetserver.protocols.packet.builder import CREDENTIALS, read_integer
from packetserver.protocols.packet.exchange import status_of
from packetserver.protocols.packet.stored_documents import Document, Documents
from packetserver.protocols.packet.writer import FORBIDDEN
from packetserver.security.credentials import Credentials

FILE = "file1"
NO_FILE = f"{FILE}: The form has no file"
AGAIN_LATER = "The server cannot store files at the moment. Please send it again later."

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


class DocumentExchange:
    """One file that is sent, and the page that answers it."""

    def __init__(self, documents: Documents, edge: Edge, asked: Request) -> None:
        self._documents = documents
        self._edge = edge
        self._request = asked

    def answer(self) -> Response:
        """The page about the file, which is stored when there is a slot for it."""
        asked, library = self._request, self._documents.library
        if asked.method in {"GET", "HEAD"}:
            return _page(ABOUT)
        with received_form(asked, Incoming(library, self._edge.spools), FILE) as form:
            if form.received is None:
                return _refusal((NO_FILE,))
            with self._edge.concurrency.slot():
                complaints = self._documents.store(
                    credentials_in(form.fields),
                    document_in(form),
                    form.received,
                    asked.host_name,
                    asked.remote_addr or "",
                )
        return _refusal(complaints) if complaints else _page(STORED)

    def refuse(self, outcome: Outcome) -> Response:
        """The page about a file that was not looked at to its end."""
        sentence = outcome.text
        if outcome.kind is OutcomeKind.TOO_LARGE:
            most = self._documents.library.largest
            sentence = f"{FILE}: longer than the {most} bytes that this server takes"
        elif outcome.kind is OutcomeKind.FAULT:
            sentence = f"The server failed to store the file. {outcome.text}"
        elif outcome.kind.is_for_later:
            sentence = AGAIN_LATER
        return _refusal((sentence,), status_of(outcome))


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
