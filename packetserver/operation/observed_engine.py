"""An engine that counts what another one does, so that neither it nor the protocols know."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from packetserver.catalogue.model import Target
from packetserver.errors import NotAuthorized, TryAgainLater
from packetserver.failures import Kind
from packetserver.operation.metrics import OTHER, Metrics
from packetserver.operation.requests import CURRENT, Principal, RequestFacts
from packetserver.protocols.packet.actions import ACTIONS, NAMED_INSERTS
from packetserver.protocols.packet.exchange import PacketEngine
from packetserver.protocols.packet.packages import Packages
from packetserver.protocols.packet.packet import Item, Options, Packet, RecordSink, Response
from packetserver.protocols.packet.stored_documents import Documents
from packetserver.records.service import Service
from packetserver.security.credentials import Credentials

LABELS = {
    Kind.NOT_AUTHORIZED: "not_authorized",
    Kind.FORBIDDEN: "not_authorized",
    Kind.DENIED: "permission",
    Kind.UNDONE: "rolled_back",
    Kind.INVALID: "validation",
    Kind.UNKNOWN: "message",
}
"""What the metric calls failures; all others are transactions that failed."""

ACTION_NAMES = frozenset(ACTIONS) | {name for _, name in NAMED_INSERTS}


class ObservedEngine:
    """Counts packets; in all else it is the engine that it is made of.

    ``targets`` are what elements of the catalogue name: nothing else becomes a label.
    """

    def __init__(
        self, engine: PacketEngine, metrics: Metrics, targets: Mapping[str, Target]
    ) -> None:
        self._engine = engine
        self._metrics = metrics
        self._targets = targets

    @property
    def service(self) -> Service:
        """What it shares with other protocols."""
        return self._engine.service

    @property
    def documents(self) -> Documents:
        """What takes files that come by themselves."""
        return self._engine.documents

    @property
    def packages(self) -> Packages:
        """What hands out and takes the packages of sync clients."""
        return self._engine.packages

    def ping(self) -> None:
        """Raises StoreUnavailable when the database does not answer."""
        self._engine.ping()

    def recognise(self, packet: Packet, host: str, address: str) -> None:
        """Find out whether a sender is let in; who is not, is counted."""
        try:
            self._engine.recognise(packet, host, address)
        except NotAuthorized:
            if (facts := CURRENT.get()) is not None:
                facts.transactions = len(packet.transactions)
                facts.items = len(packet.transactions[0].items)
                self._note_refusal(facts)
            raise

    def process(
        self, packet: Packet, options: Options, host: str, address: str, sink: RecordSink
    ) -> tuple[Response, ...]:
        """Carry out a packet, and count it. Raises StoreUnavailable."""
        facts = CURRENT.get()
        if facts is None:
            return self._engine.process(packet, options, host, address, sink)
        facts.transactions = len(packet.transactions)
        facts.items = sum(len(each.items) for each in packet.transactions)
        try:
            responses = self._engine.process(packet, options, host, address, sink)
        except TryAgainLater:
            facts.outcome = "unavailable"
            raise
        except Exception:
            facts.outcome = "fault"
            raise
        if is_refused(responses):
            self._note_refusal(facts)
            return responses
        for each in responses:
            facts.unheeded.add(each.unheeded)
        facts.errors.update(label_of(each.kinds) for each in responses if each.kinds)
        facts.failed = sum(each.status for each in responses)
        facts.outcome = "failed" if facts.failed else "done"
        facts.principal = _principal(packet.credentials)
        self._count(packet, responses, facts.failed)
        return responses

    def _note_refusal(self, facts: RequestFacts) -> None:
        facts.outcome = "refused"
        # The audit log may have told more than the answer does.
        facts.errors = facts.errors or Counter({"not_authorized": 1})

    def _count(self, packet: Packet, responses: Sequence[Response], failed: int) -> None:
        records = sum(each.records.count for each in responses if each.records is not None)
        self._metrics.transactions(len(responses) - failed, failed, records)
        self._metrics.items(self._named(packet))

    def _named(self, packet: Packet) -> Iterator[tuple[str, str, int]]:
        """The items of a packet by the names of their object and action."""
        items = (item for each in packet.transactions for item in each.items)
        for (element, action), count in Counter(map(_what, items)).items():
            target = self._targets.get(element)
            name = OTHER if target is None else target.object.element
            yield name, action if action in ACTION_NAMES else OTHER, count


def label_of(kinds: Sequence[Kind]) -> str:
    """What the metric calls the first failure of a response."""
    return LABELS.get(kinds[0], "failed")


def is_refused(responses: Sequence[Response]) -> bool:
    """Whether the answer is that the sender is not let in."""
    return len(responses) == 1 and responses[0].kinds == (Kind.NOT_AUTHORIZED,)


def _what(item: Item) -> tuple[str, str]:
    return item.element, item.action or ""


def _principal(credentials: Credentials | None) -> Principal | None:
    if credentials is None:
        return None
    # A negative client id counts as none (PROTOCOL.md 2.2).
    client = credentials.client_id
    client = client if client is not None and client >= 0 else None
    if credentials.username is None:
        return Principal("sync client", client=client)
    kind = "user" if client is None else "user-based sync client"
    return Principal(kind, credentials.username, client)
