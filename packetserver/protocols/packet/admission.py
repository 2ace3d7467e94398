"""Who sends something that is no packet: a file, or the package of a sync client."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from packetserver.errors import NotAuthorized
from packetserver.protocols.packet.context import PacketContext, read_anchors
from packetserver.protocols.packet.packet import Packet, RecordSink
from packetserver.records.service import Service
from packetserver.security.audit import What
from packetserver.security.credentials import Credentials
from packetserver.security.throttle import REFUSAL
from packetserver.store.unit_of_work import unit_of_work
from packetserver.sync.packet_log import PacketLog


class NoRecords(RecordSink):
    """Takes no record: the answer to a file shows none."""

    def position(self) -> int:
        """Where it always is."""
        return 0

    def cut(self, position: int) -> None:
        """Nothing was kept."""

    def write(self, action: str, names: Sequence[str], texts: Sequence[str]) -> None:
        """Drop a record."""


@dataclass(frozen=True, slots=True)
class Admission:
    """Lets such senders in, and gives them the context of a packet without transactions."""

    service: Service

    def admit(
        self,
        credentials: Credentials | None,
        host: str,
        address: str,
        what: What,
        *,
        validate: bool,
        clients_only: bool = False,
    ) -> PacketContext:
        """The context of a request; ``host`` and ``address`` are those of `Engine.process`.

        Raises NotAuthorized, also for users where ``clients_only`` are admitted, and
        StoreUnavailable when the database is away.
        """
        service, preferences = self.service, self.service.preferences
        with service.entrance.attempt(credentials, address, lambda: [what]) as attempt:
            with unit_of_work(service.database, writes=service.authenticator.upgrades) as work:
                principal = service.authenticator.authenticate(
                    work.connection, credentials, host, preferences.now(), attempt
                )
                work.commit()
            if clients_only and principal.client_id is None:
                raise NotAuthorized(REFUSAL)
        system = None if credentials is None else credentials.system_id
        return PacketContext(
            packet=Packet(credentials, ()),
            anchors=read_anchors(credentials, preferences.zone),
            validate=validate,
            principal=principal,
            schema=service.schema,
            preferences=preferences,
            sink=NoRecords(),
            log=PacketLog(system, principal.client_id, address),
            strict=preferences.strict,
        )
