"""What the database chooses while it stores a record."""

from __future__ import annotations

from contextlib import closing

import pytest

from packetserver.records.opening import load_schema
from packetserver.store.chosen import FirstEnabled, parted
from packetserver.store.database import Database
from packetserver.store.rows import Rows

STAGE = FirstEnabled("lookup_account_stage", key="code", order="level")
NEW = {"name": "New", "enteredby": 0, "modifiedby": 0}


def stages(records: Rows, *rows: tuple[int | None, bool]) -> list[int]:
    """Make these the only stages, each with its level and whether it is enabled; their keys."""
    table = records.schema.metadata.tables["lookup_account_stage"]
    records.connection.execute(table.delete())
    return [
        records.insert_row(
            "lookup_account_stage", {"description": "x", "level": level, "enabled": enabled}
        )
        for level, enabled in rows
    ]


@pytest.mark.parametrize(
    ("rows", "first"),
    [
        ([(3, True), (1, True), (2, True)], 1),
        ([(1, False), (2, True)], 1),
        ([(1, True), (None, True)], 1),
        ([(None, True), (0, True)], 0),
        ([(-1, True), (None, True)], 0),
        ([(1, False)], None),
        ([], None),
    ],
)
def test_the_first_that_is_enabled_is_stored(prepared_database_url, rows, first):
    with (
        closing(Database(prepared_database_url)) as database,
        database.connect(writes=True) as connection,
    ):
        records = Rows(load_schema(), connection)
        keys = stages(records, *rows)
        account = records.schema.catalogue.objects["account"]
        plan = records.schema.plan("account", ("id", "stageId"))
        key = records.insert(account, {**NEW, "stage_id": STAGE}, plan)
        shown = records.read(account, plan, {"org_id": key})
        stored = records.value("organization", "stage_id", {"org_id": key})
        records.insert_later(account, NEW)
        records.insert_later(account, {**NEW, "name": "Newer", "stage_id": STAGE})
        others = records.values("organization", "stage_id", {"name": "Newer"})
    expected = None if first is None else keys[first]
    assert shown is not None
    assert (shown[1], stored, others) == (expected, expected, [expected])


def test_values_are_parted_from_what_is_chosen():
    assert parted({"a": 1, "b": None}) == ({"a": 1, "b": None}, ())
    assert parted({"a": 1, "b": STAGE}) == ({"a": 1}, (("b", STAGE),))
