"""Multipart forms made by hand, well or badly."""

from __future__ import annotations

from collections.abc import Mapping

BOUNDARY = "a-boundary-that-nothing-holds"
MULTIPART = f"multipart/form-data; boundary={BOUNDARY}"
OPENING = f"--{BOUNDARY}\r\n".encode()
CLOSING = f"--{BOUNDARY}--\r\n".encode()


def part(name: str, content: bytes, filename: str | bytes | None = None) -> bytes:
    """A field, or a file when it has a name."""
    sent = filename.encode() if isinstance(filename, str) else filename
    named = b"" if sent is None else b'; filename="' + sent + b'"'
    head = f'Content-Disposition: form-data; name="{name}"'.encode()
    return OPENING + head + named + b"\r\n\r\n" + content + b"\r\n"


def form(
    fields: Mapping[str, str | bytes],
    content: bytes,
    filename: str | bytes = "a.txt",
    name: str = "file1",
) -> bytes:
    """A form of fields and one file."""
    texts = {key: text.encode() if isinstance(text, str) else text for key, text in fields.items()}
    parts = [part(key, text) for key, text in texts.items()]
    return b"".join((*parts, part(name, content, filename), CLOSING))
