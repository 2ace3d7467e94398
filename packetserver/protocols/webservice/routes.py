"""The address of the web service, which may stand anywhere in a path."""

from __future__ import annotations

from functools import cache
from typing import Protocol

from packetserver.protocols.front.addresses import Address, Edge, WireProtocol
from packetserver.protocols.front.outcomes import Outcome
from packetserver.protocols.front.requests import Request, Response
from packetserver.protocols.webservice.calls import WebService
from packetserver.protocols.webservice.envelope import failure, reply
from packetserver.protocols.webservice.errors import words_of_outcome
from packetserver.protocols.webservice.exchange import WebServiceExchange, status_of
from packetserver.records.service import Service


class Served(Protocol):
    """What has the records of an installation."""

    @property
    def service(self) -> Service:
        """The service that protocols share."""


def webservice_protocol(served: Served, edge: Edge) -> WireProtocol:
    """The protocol on the records of an installation."""

    @cache
    def shared() -> WebService:
        return WebService(served.service, edge.settings)

    def exchange(asked: Request) -> WebServiceExchange:
        return WebServiceExchange(shared(), edge, asked)

    longest = edge.settings.max_webservice_bytes
    address = Address(
        "/webservice.php", exchange, longest, found_by_name=True, followed_by_any=True
    )
    return WireProtocol((address,), refusal)


def refusal(outcome: Outcome) -> Response:
    """What is told to who comes to no exchange."""
    return reply(None, failure(words_of_outcome(outcome)), status_of(outcome))
