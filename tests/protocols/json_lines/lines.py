"""A protocol of a few lines on the records alone: one object of JSON a line, one answer a line.

It shows what a protocol needs of the server, and is the example for the next one:

    {"do": "create", "object": "account", "values": {"name": "Springs Co."}}
    {"do": "find", "object": "account", "where": {"name": "Springs Co."}, "show": ["id", "name"]}
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any

from packetserver.catalogue.conditions import All, equals
from packetserver.catalogue.model import ObjectType
from packetserver.failures import Failure, Refused
from packetserver.records import Given, How, Records, Rules
from packetserver.records.service import Service
from packetserver.security.principal import Principal
from packetserver.store.unit_of_work import UnitOfWork

READ = {"timestamp": datetime.fromisoformat, "date": date.fromisoformat}
"""What JSON has no values of its own for."""


def answer(service: Service, principal: Principal, lines: Iterator[str]) -> list[str]:
    """Do what the lines ask for: all of it, or, where one is refused, nothing."""

    def job(work: UnitOfWork) -> list[Any]:
        records = Records(work, service.schema, principal, service.preferences)
        try:
            done = [OPERATIONS[each["do"]](records, each) for each in map(json.loads, lines)]
            records.settle()
        except Refused as refused:
            return [{"refused": [told(each) for each in refused.failures]}]
        return done

    with service.runner.request() as request:
        found = request.attempt(
            job,
            writes=True,
            keep=lambda answers: not any("refused" in each for each in answers),
            note=lambda _answers: lambda _work: None,
        )
    return [json.dumps(each, default=str) for each in found]


def create(records: Records, asked: Mapping[str, Any]) -> Any:
    written = records.create(asked["object"], given(records, asked), how(asked))
    return {"key": written.key}


def change(records: Records, asked: Mapping[str, Any]) -> Any:
    written = records.change(asked["object"], asked["key"], given(records, asked), how(asked))
    return {"key": written.key}


def retrieve(records: Records, asked: Mapping[str, Any]) -> Any:
    plan = records.plan(asked["object"], asked.get("show", ()))
    row = records.retrieve(asked["object"], asked["key"], plan)
    return {"found": [] if row is None else [plan.values(row)]}


def remove(records: Records, asked: Mapping[str, Any]) -> Any:
    return {"gone": records.remove(asked["object"], asked["key"]).stored is not None}


def find(records: Records, asked: Mapping[str, Any]) -> Any:
    described = records.object(asked["object"])
    where = All(
        tuple(equals(name, each) for name, each in typed(described, asked.get("where", {})).items())
    )
    plan = records.plan(described.element, asked["show"])
    rows = records.find(described.element, plan, where, asked.get("order", ()))
    return {"found": [plan.values(row) for row in rows]}


OPERATIONS = {
    "create": create,
    "change": change,
    "remove": remove,
    "retrieve": retrieve,
    "find": find,
}


def how(asked: Mapping[str, Any]) -> How:
    return How(Rules.ALL if asked.get("validate", True) else Rules.AT_INSERT)


def given(records: Records, asked: Mapping[str, Any]) -> Given:
    described = records.object(asked["object"])
    return Given(typed(described, asked.get("values", {})), dict(asked.get("controls", {})))


def typed(described: ObjectType, values: Mapping[str, Any]) -> dict[str, Any]:
    def value(name: str, each: Any) -> Any:
        found = described.field(name)
        read = None if found is None else READ.get(found.type.name)
        return each if read is None or not isinstance(each, str) else read(each)

    return {name: value(name, each) for name, each in values.items()}


def told(failure: Failure) -> dict[str, Any]:
    facts = {"kind": failure.kind.value, "field": failure.field, "reason": failure.reason}
    return {name: each for name, each in facts.items() if each}
