"""Packets that a server answers well, from the conformance cases and from the reference."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from defusedxml.ElementTree import parse
from hostile.attacking import ADMIN_CODE

from conformance import replay

ROOT = Path(__file__).resolve().parents[2]
CASES = ROOT / "tests" / "conformance" / "cases"
REFERENCE = ROOT / "docs" / "objects"
WORLD = tomllib.loads((CASES.parent / "world.toml").read_text(encoding="utf-8"))
KNOWN = {"{host}": "localhost", "{user name}": "admin", "{code}": ADMIN_CODE}
"""What a reader of the reference has to put in."""

EXAMPLE = re.compile(r"^```xml\n(.*?)^```", re.MULTILINE | re.DOTALL)


def good_packets() -> list[bytes]:
    """Every packet once, in a fixed order."""
    return sorted({each for each in (*_of_cases(), *_of_reference()) if each})


def _of_cases() -> Iterator[bytes]:
    for path in CASES.rglob("*.xml"):
        # What a step learns for the next ones is not known here: any number will do.
        for send in parse(path).getroot().iter("send"):
            yield replay.request_body(send, WORLD, "localhost", {})


def _of_reference() -> Iterator[bytes]:
    for path in REFERENCE.glob("*.md"):
        for text in EXAMPLE.findall(path.read_text(encoding="utf-8")):
            if "<app>" in text:
                for name, value in KNOWN.items():
                    text = text.replace(name, value)  # noqa: PLW2901
                yield text.encode()
