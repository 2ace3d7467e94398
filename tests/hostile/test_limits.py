"""Filters up to the limits of a database, and beyond: they work, or are told to be too much."""

from __future__ import annotations

import pytest
from hostile.arenas import Arena
from hostile.attacking import errors_of, item, packet

# One process for them all: what they share takes longer to make than most of them take.
pytestmark = pytest.mark.xdist_group("hostile limits")

MOST_IDS = 10_000
LONGEST_PATTERN = 10_000


def selected(arena: Arena, filters: dict[str, str], element: str = "accountList") -> str:
    """What is told of a select by these filters."""
    document = arena.target.play(packet(([item(element, "select", filters)], ["id"])))
    return "\n".join(errors_of(document))


def ids(number: int) -> str:
    return ",".join(map(str, range(number)))


def test_as_many_ids_as_may_be_are_looked_for(arena: Arena) -> None:
    most = ids(MOST_IDS)
    assert selected(arena, {"types": most, "excludeIds": most, "ownerIdRange": most}) == ""


def test_more_ids_than_a_statement_can_have_are_refused(arena: Arena) -> None:
    for number in (MOST_IDS + 1, 100_000, 1_000_000):
        told = selected(arena, {"excludeIds": ids(number)})
        assert (
            told
            == f"Transaction failed\nitem 1 (accountList): excludeIds: more than {MOST_IDS} integers"
        )


def test_a_pattern_may_be_as_long_as_every_database_takes_it(arena: Arena) -> None:
    arena.maker.insert("account", {"name": "a" * 80})
    arena.maker.insert("ticket", {"problem": "a" * 5000})
    for character in ("a", "\U0001f4a3", "%"):
        pattern = "%" + character * (LONGEST_PATTERN - 1)
        assert selected(arena, {"accountName": pattern}) == ""
        assert selected(arena, {"searchText": pattern}, "ticketList") == ""


def test_a_longer_pattern_is_refused(arena: Arena) -> None:
    most = f"A pattern can have {LONGEST_PATTERN} characters at most"
    for length in (LONGEST_PATTERN, 60_000, 3_000_000):
        for element, name in (("accountList", "accountName"), ("ticketList", "searchText")):
            told = f"Transaction failed\nitem 1 ({element}): {most}"
            assert selected(arena, {name: "%" + "a" * length}, element) == told


def test_a_long_text_that_is_no_pattern_is_compared(arena: Arena) -> None:
    assert selected(arena, {"accountName": "a" * 3_000_000}) == ""


def test_a_field_without_numbers_is_no_reference(arena: Arena) -> None:
    """No record can be named by a text, whatever element a client asks to be named by it."""
    arena.maker.insert("account")
    names = ["name^accountGuid", "entered^contactGuid", "enabled^userGuid", "revenue^ticketGuid"]
    document = arena.target.play(packet(([item("accountList", "select")], names)))
    assert errors_of(document) == [""]
    records = document.findall(".//record")
    assert records
    assert {each.text for record in records for each in record} == {None}
