"""What the parts of the engine share while a packet is carried out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from packetserver.catalogue.model import ObjectType, Target
from packetserver.engine.answers import RecordSink
from packetserver.engine.packet import Item, Packet
from packetserver.engine.places import Place
from packetserver.engine.rights import EVERYTHING_PROTECTED, Held, Policy, Rights
from packetserver.engine.unheeded import Unheeded
from packetserver.security.audit import Audit
from packetserver.security.principal import Principal
from packetserver.store.files import FileLibrary
from packetserver.store.parameters import CLIENT, NO_CLIENT, PRESENT, READER
from packetserver.store.plans import Plan, output_elements
from packetserver.store.row_locks import TouchedRows
from packetserver.store.rows import Rows
from packetserver.store.schema import Schema
from packetserver.store.unit_of_work import UnitOfWork
from packetserver.sync.guids import GuidMap
from packetserver.sync.packet_log import PacketLog
from packetserver.sync.windows import read_anchor

MOST_HINTS = 200
"""How many names of a packet are compared with all others for the nearest: each takes a while."""


@dataclass(frozen=True, slots=True)
class Preferences:
    """What the installation is configured to (PROTOCOL.md 5.8, 5.9), and how it is protected."""

    zone: ZoneInfo
    language: str
    country: str
    currency: str
    library: FileLibrary
    system_xml: str | None = None
    policy: Policy = EVERYTHING_PROTECTED
    sync_overlap: timedelta = timedelta(days=1)
    allow_client_registration: bool = True
    strict: bool = False
    audit_log: Path | None = None
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    def now(self) -> datetime:
        """The present as it is stored: wall clock of the configured zone, whole milliseconds."""
        present = self.clock().astimezone(self.zone).replace(tzinfo=None)
        return present.replace(microsecond=present.microsecond // 1000 * 1000)

    @property
    def audit(self) -> Audit:
        """The audit log, whose times are those of the configured zone."""
        return Audit(lambda: self.clock().astimezone(self.zone), self.audit_log)


@dataclass(slots=True)
class PacketContext:
    """One packet being carried out for its principal."""

    packet: Packet
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

    @property
    def parameters(self) -> dict[str, Any]:
        """What statements leave open: when it is, and who asks."""
        client_id = self.principal.client_id
        return {
            PRESENT: self.preferences.now(),
            READER: self.principal.user_id,
            CLIENT: NO_CLIENT if client_id is None else client_id,
        }

    @property
    def anchors(self) -> tuple[datetime | None, datetime | None]:
        """The last and the next anchor, None where one is missing or is no time."""
        credentials, zone = self.packet.credentials, self.preferences.zone
        if credentials is None:
            return None, None
        last, following = credentials.last_anchor, credentials.next_anchor
        return read_anchor(last, zone), read_anchor(following, zone)


@dataclass(slots=True)
class TransactionContext:
    """One transaction being carried out; ``shared_keys`` live no longer than it does."""

    packet: PacketContext
    records: Rows
    meta: tuple[str, ...]
    work: UnitOfWork
    shared_keys: dict[str, str] = field(default_factory=dict)
    misnamed_meta: tuple[str, ...] = ()
    permitted: dict[str, frozenset[str]] = field(default_factory=dict)
    inserts_wait: bool = False
    """Whether records whose keys nobody needs may be stored together; then `settle` follows."""
    rights: Rights = field(init=False)

    def __post_init__(self) -> None:
        """What the principal may: the same for all items."""
        principal, schema = self.packet.principal, self.packet.schema
        held = Held(self.records, principal, self.permitted)
        self.rights = Rights(schema, principal, self.packet.preferences.policy, held)
        self.records.sight = self.rights

    @property
    def elements(self) -> dict[str, str]:
        """The elements of a record in their order, each with the meta property that it answers."""
        return output_elements(self.meta)

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
    def records(self) -> Rows:
        """The records of the database, within the transaction."""
        return self.transaction.records

    @property
    def principal(self) -> Principal:
        """Who asks."""
        return self.transaction.packet.principal

    @property
    def rights(self) -> Rights:
        """What the principal may."""
        return self.transaction.rights

    @property
    def plan(self) -> Plan:
        """How the fields that the transaction asks for are read."""
        return self.rights.plan(self.object.element, self.transaction.meta)

    @property
    def guids(self) -> GuidMap:
        """What the client that asks calls its records."""
        return GuidMap(self.records, self.principal.client_id)

    @property
    def preferences(self) -> Preferences:
        """How the installation is configured."""
        return self.transaction.packet.preferences
