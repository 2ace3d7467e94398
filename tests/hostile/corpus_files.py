"""Reads the corpus: tables of what is sent, why, and what is told about it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from hostile.attacking import CREDENTIALS

CORPUS = Path(__file__).parent / "corpus"
REPEATED = re.compile(r"\{(.+?)\*(\d+)\}")
AUTHENTICATION = "".join(f"<{name}>{text}</{name}>" for name, text in CREDENTIALS)

Case = Mapping[str, Any]


def cases_of(file: str) -> list[Case]:
    """The cases of a file, each with a name and a reason."""
    found = tomllib.loads((CORPUS / file).read_text(encoding="utf-8"))["case"]
    assert all(each["name"] and each["why"] for each in found)
    return list(found)


def written_out(text: str) -> str:
    """A text of the corpus with its credentials, and with what it repeats."""
    named = text.replace("{auth}", f"<authentication>{AUTHENTICATION}</authentication>")
    return REPEATED.sub(lambda found: found[1] * int(found[2]), named)


def packet_of(case: Case) -> bytes:
    """The bytes of a packet of the corpus."""
    if "bytes_of" in case:
        return GENERATED[case["bytes_of"]]()
    if "bytes" in case:
        return str(case["bytes"]).encode("latin-1")
    encoded = written_out(case["xml"]).encode(case.get("encoding", "utf-8"))
    return bytes.fromhex(case.get("mark", "")) + encoded


def _attributes() -> bytes:
    attributes = "".join(f' a{number}=""' for number in range(80_000))
    return f"<app{attributes}/>".encode()


def _names() -> bytes:
    return ("<app>" + "".join(f"<n{number}/>" for number in range(200_000)) + "</app>").encode()


GENERATED: Mapping[str, Callable[[], bytes]] = {
    "attributes": _attributes,
    "names": _names,
    "nulls": lambda: b"\0" * 400_000 + b"<app/>",
}
"""Packets that no text of a table can describe."""
