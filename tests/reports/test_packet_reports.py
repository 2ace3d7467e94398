"""What failed for users once: small inputs, each with the answer that is right, on both databases.

The cases are played like those of tests/conformance; a package is what a client uploads.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from protocols.packet.packing_client import open_desk, zipped

from conformance.test_cases import play
from databases import KINDS, Databases
from packetserver.records.opening import load_schema

PACKETS = Path(__file__).parent / "packets"
RECORDS_UNDER_THE_ROOT = PACKETS / "package" / "records-under-the-root.xml"
NOTHING_IN_IT = PACKETS / "package" / "nothing-in-it.xml"


def on_both(paths: list[Path]) -> list[object]:
    """Cases that share a server: they stay in one worker, in order."""
    return [
        pytest.param(kind, path, id=f"{kind}-{path.stem}", marks=pytest.mark.xdist_group(kind))
        for kind in KINDS
        for path in sorted(paths)
    ]


@pytest.mark.parametrize(("kind", "path"), on_both(list(PACKETS.glob("*.xml"))))
def test_packet(kind: str, path: Path, shared_server: Callable[[str], str]) -> None:
    play(path, shared_server(kind))


@pytest.mark.parametrize("kind", KINDS)
def test_packages(kind: str, databases: Databases, tmp_path: Path) -> None:
    with (
        databases.prepared(kind) as url,
        open_desk(url, load_schema(), tmp_path / "files") as desk,
    ):
        stored = desk.upload(zipped(("a", RECORDS_UNDER_THE_ROOT.read_bytes())))
        assert stored.text == "The package is stored: 1 records.\n"
        (account,) = desk.packing.office.rows("organization", name="Under The Root")
        (mapped,) = desk.packing.office.rows("sync_map", client_id=2, cuid=7001)
        assert mapped["record_id"] == account["org_id"]

        empty = desk.upload(zipped(("a", NOTHING_IN_IT.read_bytes())))
        assert empty.text.startswith("Error: ")
        assert "No record was found" in empty.text
