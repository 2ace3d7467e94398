"""The addresses of the protocol, and what stands behind each (PROTOCOL.md 1).

An answer of the protocol has status 200, errors included: the shipped clients read no other
(DECISIONS.md, HTTP status).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING

from werkzeug.exceptions import HTTPException, InternalServerError
from werkzeug.wrappers import Request, Response

from packetserver.protocols.front.concurrency import Places
from packetserver.protocols.front.incoming import Incoming
from packetserver.protocols.front.requests import fault_number
from packetserver.protocols.front.spools import Spools
from packetserver.protocols.packet.charsets import UTF_8
from packetserver.protocols.packet.documents import MOST_FIELD_BYTES, process_document
from packetserver.protocols.packet.exchange import Exchange, PacketEngine, host_of, reply
from packetserver.protocols.packet.package_download import send_package
from packetserver.protocols.packet.package_upload import take_package
from packetserver.settings import Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

logger = logging.getLogger(__name__)

EMPTY_ANSWER = b'<?xml version="1.0" encoding="UTF-8"?><aspcfs/>\n'
ABOUT = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>Packet server</title></head>
<body>
<h1>Packet server</h1>
<p>Programs post XML packets to <code>/ProcessPacket.do</code> and are answered with XML.
There is nothing to see here for people.</p>
</body>
</html>
"""


def longest_body(settings: Settings, path: str) -> int:
    """How many bytes the body of a request for a path may have."""
    match path.rpartition("/")[2].partition(";")[0]:
        case "ProcessDocument.do":
            return settings.max_file_bytes + MOST_FIELD_BYTES
        case "ProcessClientSyncPackage.do":
            return settings.max_body_bytes + MOST_FIELD_BYTES
        case _:
            return settings.max_body_bytes


def about_page() -> Response:
    """Tells a person with a browser what this address is for."""
    return Response(ABOUT, mimetype="text/html")


class PacketAddresses:
    """The addresses of the protocol, whatever the method and whatever stands before in the path.

    The last path segment decides (DECISIONS.md, Routing). The rules of Flask cannot say that, and
    would redirect a path with two slashes; so this is WSGI, and stands before the ``others``.
    """

    def __init__(
        self,
        others: WSGIApplication,
        engine: PacketEngine,
        settings: Settings,
        places: Places,
        spools: Spools,
    ) -> None:
        self._others = others
        self._handlers: Mapping[str, Callable[[Request], Response]] = {
            "ProcessPacket.do": lambda asked: _process_packet(
                engine, settings, spools, asked, places
            ),
            "ProcessSyncPackageDownload.do": lambda asked: _send_package(
                engine, settings, spools, asked, places
            ),
            "ProcessClientSyncPackage.do": lambda asked: take_package(
                engine.packages,
                settings,
                Incoming(engine.documents.library, spools),
                host_of(asked),
                asked,
                places,
            ),
            "ProcessDocument.do": lambda asked: process_document(
                engine.documents,
                Incoming(engine.documents.library, spools),
                host_of(asked),
                asked,
                places,
            ),
        }

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        action = environ.get("PATH_INFO", "").rpartition("/")[2]
        if not action.endswith(".do"):
            return self._others(environ, start_response)
        handler = self._handlers.get(action, _unknown_action)
        answer: Response | HTTPException
        try:
            # To know each other would keep both in memory until somebody looks for such circles.
            answer = handler(Request(environ, populate_request=False))
        except HTTPException as refusal:
            answer = refusal
        except Exception:
            logger.exception("Request %s failed", fault_number(environ))
            answer = InternalServerError()
        return answer(environ, start_response)


def _unknown_action(asked: Request) -> Response:
    text = "There is nothing at this address. Packets are posted to /ProcessPacket.do\n"
    return Response(text, HTTPStatus.NOT_FOUND, mimetype="text/plain")


def _process_packet(
    engine: PacketEngine, settings: Settings, spools: Spools, asked: Request, places: Places
) -> Response:
    if asked.query_string and asked.args.get("command") == "ReloadSyncMap":
        # The catalogue never changes while the server runs: there is nothing to load again.
        return reply([EMPTY_ANSWER], UTF_8, len(EMPTY_ANSWER))
    if asked.method in {"GET", "HEAD"}:
        return about_page()
    return Exchange(engine, settings, spools, asked).answer(places)


def _send_package(
    engine: PacketEngine, settings: Settings, spools: Spools, asked: Request, places: Places
) -> Response:
    if asked.method in {"GET", "HEAD"}:
        return about_page()
    exchange = Exchange(engine, settings, spools, asked)
    return send_package(engine.packages, exchange.packet, host_of(asked), asked, places)
