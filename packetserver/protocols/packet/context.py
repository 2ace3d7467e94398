"""What the parts of the protocol share while a packet is carried out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from packetserver.catalogue.model import ObjectType, Target
from packetserver.catalogue.types import TYPES
from packetserver.errors import ValueNotOfType
from packetserver.protocols.packet.meta import MetaPlan, meta_plan, output_elements, read_meta
from packetserver.protocols.packet.packet import Item, Packet, Place, RecordSink
from packetserver.protocols.packet.unheeded import Unheeded
from packetserver.records.preferences import Preferences
from packetserver.records.records import Records
from packetserver.records.writing import How, Rules
from packetserver.security.credentials import Credentials
from packetserver.security.principal import Principal
from packetserver.store.row_locks import TouchedRows
from packetserver.store.rows import Rows
from packetserver.store.schema import Schema
from packetserver.store.unit_of_work import UnitOfWork
from packetserver.sync.guids import GuidMap
from packetserver.sync.packet_log import PacketLog

MOST_HINTS = 200
"""How many names of a packet are compared with all others for the nearest: each takes a while."""


Anchors = tuple[datetime | None, datetime | None]
"""The last and the next anchor of a client, None where one is missing or is no time."""


def read_anchors(credentials: Credentials | None, zone: ZoneInfo) -> Anchors:
    """The anchors that a packet carries, in any form of a time (docs/synchronisation.md)."""
    if credentials is None:
        return None, None
    return _anchor(credentials.last_anchor, zone), _anchor(credentials.next_anchor, zone)


def _anchor(text: str | None, zone: ZoneInfo) -> datetime | None:
    if text is None:
        return None
    try:
        found = TYPES["timestamp"].read(text, zone)
    except ValueNotOfType:
        return None
    return found if isinstance(found, datetime) else None


@dataclass(slots=True)
class PacketContext:
    """One packet being carried out for its principal."""

    packet: Packet
    anchors: Anchors
    validate: bool
    principal: Principal
    schema: Schema
    preferences: Preferences
    sink: RecordSink
    log: PacketLog
    touched: TouchedRows | None = None
    """What its attempts have locked or changed, where packets can be in each other's way."""
    closely: bool = False
    """Whether a refused statement shall leave the transaction as it was (store.diagnosis)."""
    strict: bool = False
    """Whether what nothing heeds is an error."""
    unheeded: Unheeded = field(default_factory=Unheeded)
    """What nothing heeded in the transaction that is carried out."""
    hints: int = MOST_HINTS

    def records(
        self, work: UnitOfWork, permitted: dict[str, frozenset[str]] | None = None
    ) -> Records:
        """The records as far as the principal may have them; ``permitted`` is what is known of that."""
        return Records(
            work,
            self.schema,
            self.principal,
            self.preferences,
            self.touched,
            self.closely,
            {} if permitted is None else permitted,
        )


@dataclass(slots=True)
class TransactionContext:
    """One transaction being carried out; ``shared_keys`` live no longer than it does."""

    packet: PacketContext
    records: Records
    meta: tuple[str, ...]
    shared_keys: dict[str, str] = field(default_factory=dict)
    misnamed_meta: tuple[str, ...] = ()
    inserts_wait: bool = False
    """Whether records whose keys nobody needs may be stored together; then `settle` follows."""
    _plans: dict[str, MetaPlan] = field(default_factory=dict)

    @property
    def elements(self) -> dict[str, str]:
        """The elements of a record in their order, each with the meta property that it answers."""
        return output_elements(self.meta)

    def plan(self, element: str) -> MetaPlan:
        """How the fields that the transaction asks for are read of an object."""
        found = self._plans.get(element)
        if found is None:
            meta = read_meta(self.records.schema, element, self.meta)
            found = meta_plan(meta, self.records.plan(element, meta.asked))
            self._plans[element] = found
        return found

    def now(self) -> datetime:
        """The present, see Preferences.now."""
        return self.packet.preferences.now()


@dataclass(slots=True)
class Output:
    """Where the records of one item go; only those of a transaction's first item are wanted."""

    sink: RecordSink
    wanted: bool
    count: int = 0
    total: int | None = None

    def write(self, action: str, names: Sequence[str], texts: Sequence[str]) -> None:
        """Count a record, and hand it on when it is wanted."""
        self.count += 1
        if self.wanted:
            self.sink.write(action, names, texts)


@dataclass(slots=True)
class Call:
    """One item being carried out."""

    transaction: TransactionContext
    item: Item
    target: Target
    output: Output
    place: Place | None = None
    """Where in its transaction the item stands; None where there is no transaction."""

    @property
    def object(self) -> ObjectType:
        """The object that the item names."""
        return self.target.object

    @property
    def records(self) -> Records:
        """The records, within the transaction and as far as the principal may have them."""
        return self.transaction.records

    @property
    def rows(self) -> Rows:
        """The rows of the database, within the transaction."""
        return self.transaction.records.rows

    @property
    def principal(self) -> Principal:
        """Who asks."""
        return self.transaction.packet.principal

    @property
    def plan(self) -> MetaPlan:
        """How the fields that the transaction asks for are read."""
        return self.transaction.plan(self.object.element)

    @property
    def guids(self) -> GuidMap:
        """What the client that asks calls its records."""
        return GuidMap(self.rows, self.principal.client_id)

    @property
    def preferences(self) -> Preferences:
        """How the installation is configured."""
        return self.transaction.packet.preferences

    def how(self, *, later: bool = False) -> How:
        """How the packet wants its records to be written."""
        rules = Rules.ALL if self.transaction.packet.validate else Rules.AT_INSERT
        return How(rules, later=later, origin=self.place)
