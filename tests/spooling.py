"""Spools for what writes records without a server."""

from __future__ import annotations

from packetserver.protocols.front.spools import Spools
from packetserver.protocols.packet.charsets import OutputEncoding
from packetserver.protocols.packet.record_spool import AnswerLimits, RecordSpool
from packetserver.settings import Settings


def spool_of(encoding: OutputEncoding, memory_bytes: int, most_bytes: int = 2**40) -> RecordSpool:
    return RecordSpool(encoding, Spools.of(Settings()), AnswerLimits(memory_bytes, most_bytes))
