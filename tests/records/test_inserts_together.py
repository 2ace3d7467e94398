"""Records that are stored together answer and fail as if each had been stored by itself."""

from __future__ import annotations

from typing import Any

import pytest
from driving import Driver, item
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from packetserver.protocols.packet.packet import Item
from packetserver.records import creating
from packetserver.store.rows import Rows
from packetserver.store.waiting import MOST_WAITING

NOWHERE = "2000000000"


def contact(name: str, **more: str) -> Item:
    return item("contact", "insert", {"nameLast": name, "accessType": "2", **more})


def stored_names(desk: Any, beginning: str) -> list[str]:
    rows = sorted(desk.rows("contact"), key=lambda row: row["contact_id"])
    return [row["namelast"] for row in rows if (row["namelast"] or "").startswith(beginning)]


def test_records_are_stored_in_the_order_in_which_they_come(desk):
    beginning = desk.name("Many")
    names = [f"{beginning}-{number}" for number in range(2 * MOST_WAITING + 3)]

    (answer,) = Driver(desk.engine).send([[contact(name) for name in names]], ("nameLast",))

    assert (answer.errors, [each.texts for each in answer.records]) == ((), [(names[0],)])
    assert stored_names(desk, beginning) == names


@pytest.mark.parametrize("later", ["nothing", "contact"])
def test_the_error_of_an_earlier_record_hides_what_comes_later(desk, later):
    beginning = desk.name("Refused")
    items = [
        contact(f"{beginning}-1"),
        contact(f"{beginning}-2"),
        contact(f"{beginning}-3", source=NOWHERE),
        item(later, "insert", {"nameFirst": "X"}),
    ]

    (answer,) = Driver(desk.engine).send([items], validate=False)

    assert answer.errors == (
        "Transaction failed",
        f"item 3 (contact): source: there is no lookupContactSource {NOWHERE}",
    )
    assert stored_names(desk, beginning) == []


ITEMS = st.lists(st.sampled_from(["good", "refused", "invalid", "unknown", "lookup"]), max_size=8)


def made(kind: str, name: str) -> Item:
    if kind == "unknown":
        return item("nothing", "insert", {"a": "b"})
    if kind == "lookup":
        return item("lookupIndustry", "insert", {"description": name, "level": "1"})
    more = {"refused": {"source": NOWHERE}, "invalid": {"owner": "nobody"}}
    return contact(name, **more.get(kind, {}))


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kinds=ITEMS)
def test_nobody_can_tell_that_records_wait(desk, kinds):
    """Errors, count and what is stored are the same as without waiting."""
    told, kept = [], []
    for may_wait in (creating._may_wait, lambda writing: False):
        beginning = desk.name("Told")
        items = [made(kind, f"{beginning}-{i}") for i, kind in enumerate(("good", *kinds))]
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(creating, "_may_wait", may_wait)
            (answer,) = Driver(desk.engine).send([items], ("guid",))
        told.append((answer.errors, len(answer.records)))
        kept.append([name.rpartition("-")[2] for name in stored_names(desk, beginning)])
    assert told[0] == told[1]
    assert kept[0] == kept[1]


def test_a_waiting_row_is_seen_by_whoever_looks_at_its_table(desk):
    with desk.engine.database.connect(writes=True) as connection:
        records = Rows(desk.engine.schema, connection)
        described = desk.engine.schema.catalogue.objects["lookupIndustry"]
        assert records.value("lookup_industry", "level", {"description": "Seen"}) is None
        for level in (7, 8):
            values = {"description": "Seen", "level": level, "enabled": True}
            records.insert_later(described, values)

        assert records.value("lookup_industry", "level", {"description": "Seen"}) == 7
        assert records.values("lookup_industry", "level", {"description": "Seen"}) == [7, 8]
