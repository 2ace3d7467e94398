"""The addresses of the protocol, and what stands behind each (PROTOCOL.md 1).

Whatever the method and whatever stands before in the path: the last segment decides (DECISIONS.md,
Routing).
"""

from __future__ import annotations

from functools import partial

from packetserver.protocols.front.addresses import Address, Edge, WireProtocol
from packetserver.protocols.front.bodies import Incoming
from packetserver.protocols.front.forms import MOST_FIELD_BYTES
from packetserver.protocols.front.requests import Request
from packetserver.protocols.packet.documents import DocumentExchange
from packetserver.protocols.packet.exchange import PacketEngine, PacketExchange, refusal
from packetserver.protocols.packet.package_download import DownloadExchange
from packetserver.protocols.packet.package_upload import UploadExchange


def packet_protocol(engine: PacketEngine, edge: Edge) -> WireProtocol:
    """The protocol on an engine."""

    def packet(asked: Request) -> PacketExchange:
        return PacketExchange(engine, edge, asked)

    def download(asked: Request) -> DownloadExchange:
        return DownloadExchange(engine.packages, packet(asked), edge.concurrency, asked)

    def upload(asked: Request) -> UploadExchange:
        incoming = Incoming(engine.documents.library, edge.spools)
        return UploadExchange(engine.packages, incoming, edge, asked)

    def document(asked: Request) -> DocumentExchange:
        return DocumentExchange(engine.documents, edge, asked)

    packet_bytes = edge.settings.max_body_bytes
    form_bytes = packet_bytes + MOST_FIELD_BYTES
    file_bytes = edge.settings.max_file_bytes + MOST_FIELD_BYTES
    return WireProtocol(
        (
            Address("/ProcessPacket.do", packet, packet_bytes, found_by_name=True),
            Address("/ProcessSyncPackageDownload.do", download, packet_bytes, found_by_name=True),
            Address("/ProcessClientSyncPackage.do", upload, form_bytes, found_by_name=True),
            Address("/ProcessDocument.do", document, file_bytes, found_by_name=True),
        ),
        partial(refusal, settings=edge.settings),
        suffix=".do",
    )
