"""What is told about objects that write to the tables of others is what the effects do."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from types import ModuleType

from packetserver.adoption.differences import QUOTE_VALUES, WRITTEN, WireNames, writers_of
from packetserver.records import effects
from packetserver.records.effects import AFTER, BEFORE
from packetserver.records.opening import load_schema

ADDING = {"add_record", "add_row", "add"}
CATALOGUE = load_schema().catalogue
CHOSEN_AT_WORK = {f"quote_product_option_{each}" for each in QUOTE_VALUES}
"""Tables of which an effect picks one."""


def effect_modules() -> Iterator[ModuleType]:
    for each in pkgutil.iter_modules(effects.__path__, f"{effects.__name__}."):
        yield importlib.import_module(each.name)


def added_in(module: ModuleType) -> Iterator[str]:
    """The tables that a module's functions add rows to, where the code says which."""
    nodes = ast.walk(ast.parse(inspect.getsource(module)))
    for call in (each for each in nodes if isinstance(each, ast.Call)):
        function = call.func
        name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
        if name not in ADDING:
            continue
        for argument in call.args[:2]:
            text = argument.value if isinstance(argument, ast.Constant) else None
            if isinstance(argument, ast.Name):
                text = getattr(module, argument.id, None)
            if isinstance(text, str):
                described = CATALOGUE.objects.get(text)
                yield text if described is None else described.table or ""


def test_every_table_that_an_effect_adds_to_is_told():
    added = {table for module in effect_modules() for table in added_in(module)}
    told = {table for tables in WRITTEN.values() for table in tables}
    assert "history" in added
    assert told == added | CHOSEN_AT_WORK
    assert told <= set(CATALOGUE.tables)


def test_every_effect_that_is_told_is_one():
    assert set(WRITTEN) <= {*BEFORE, *AFTER}


def test_who_writes_to_a_table():
    assert writers_of(CATALOGUE, "ticketlog") == ["ticket"]
    assert writers_of(CATALOGUE, "organization") == []


def test_what_suffers_with_a_table_is_named_in_its_order():
    names = WireNames(CATALOGUE)
    assert names.stored_in("lookup_title") == "lookupTitle"
    own, writers, others = names.stored_in("history").split(", and what ")
    assert own == "contactHistory"
    assert writers.startswith("writes here: ")
    assert {"call", "ticket"} <= set(writers.replace(",", "").split())
    assert others.startswith("belongs to new ones: ")
    assert {"callParticipant", "ticketActivityLog"} <= set(others.replace(",", "").split())
