"""What a parser keeps of the names it has read: a process that reads packets of ever new names.

    python docs/decisions/parser_memory.py expat
    python docs/decisions/parser_memory.py libxml2

Prints resident memory in MB after each million of names, and whether a small packet is still read.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from xml.parsers import expat

NAMES_A_PACKET = 10_000
PACKETS_A_ROUND = 100
ROUNDS = 7
SMALL = b"<app><transaction id='1'><neverSeenBefore/></transaction></app>"


def read_with_expat(document: bytes) -> None:
    """Read a document as the server does, keeping nothing."""
    expat.ParserCreate("utf-8").Parse(document, True)  # noqa: FBT003 - expat takes no keywords


def read_with_libxml2(document: bytes) -> None:
    """Read a document through lxml, dropping every element as soon as it ends."""
    from lxml import etree  # noqa: PLC0415 - only this half of the experiment needs it

    parser = etree.XMLPullParser(("end",), resolve_entities=False, no_network=True)
    parser.feed(document)
    for _, element in parser.read_events():
        element.clear()
    parser.close()


def packet_of_new_names(number: int) -> bytes:
    """A packet none of whose names was in an earlier one."""
    first = number * NAMES_A_PACKET
    names = "".join(f"<aNameThatNoCatalogueHas{first + i:09}/>" for i in range(NAMES_A_PACKET))
    return f"<app>{names}</app>".encode()


def resident_megabytes() -> int:
    """What the process has in memory now."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096 // 1_000_000


def main(read: Callable[[bytes], None]) -> None:
    """Read round after round, until all is read or the parser refuses."""
    report = sys.stdout.write
    report(f"at the start: {resident_megabytes()} MB\n")
    for done in range(ROUNDS):
        try:
            for number in range(PACKETS_A_ROUND):
                read(packet_of_new_names(done * PACKETS_A_ROUND + number))
            read(SMALL)
        except Exception as refusal:  # noqa: BLE001 - whatever it says is the finding
            report(f"after {done + 1} million names: {resident_megabytes()} MB, {refusal}\n")
            break
        report(f"after {done + 1} million names: {resident_megabytes()} MB\n")
    try:
        read(SMALL)
    except Exception as refusal:  # noqa: BLE001
        report(f"a small packet: refused, {refusal}\n")
    else:
        report("a small packet: read\n")


if __name__ == "__main__":
    main({"expat": read_with_expat, "libxml2": read_with_libxml2}[sys.argv[1]])
