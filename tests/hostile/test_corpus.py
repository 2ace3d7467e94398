"""The corpus of hostile packets, each in every way in which a packet can come."""

from __future__ import annotations

from urllib.parse import quote_from_bytes

import pytest
from hostile.arenas import Arena
from hostile.attacking import XML, errors_of
from hostile.corpus_files import Case, cases_of, packet_of

BOUNDARY = "a-boundary-that-no-packet-holds"
CASES = cases_of("xml.toml")
SMALL = 100_000
"""Larger packets come in one way only: it is the parser that they are for."""


def in_field(body: bytes) -> tuple[bytes, str]:
    return b"x=1&data=" + quote_from_bytes(body).encode(), "application/x-www-form-urlencoded"


def in_part(body: bytes) -> tuple[bytes, str]:
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="data"; filename="p.xml"\r\n\r\n'
    tail = f"\r\n--{BOUNDARY}--\r\n"
    return head.encode() + body + tail.encode(), f"multipart/form-data; boundary={BOUNDARY}"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_a_packet_of_the_corpus_is_answered_as_it_deserves(sqlite_arena: Arena, case: Case) -> None:
    target, body = sqlite_arena.target, packet_of(case)
    check(case, errors_of(target.play(body, case.get("type", XML))))
    if len(body) <= SMALL and "type" not in case:
        check(case, errors_of(target.play(*in_part(body))))
        # What a form's field holds was decoded by the form.
        target.play(*in_field(body))
    assert target.is_well()


def check(case: Case, told: list[str]) -> None:
    expected = case["answer"]
    text = "\n".join(told)
    assert expected in text if expected else text == "", f"{case['name']}: {text[:500]}"
