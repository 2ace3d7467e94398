"""A protocol on the records alone: an object of JSON a line, and one for each as the answer.

{"do": "create", "object": "account", "values": {"name": "Springs Co."}}
{"do": "find", "object": "account", "where": {"name": "Springs Co."}, "show": ["id", "name"]}
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

from packetserver.catalogue.conditions import All, equals
from packetserver.failures import Failure, Refused
from packetserver.records import Given, How, Records, Rules
from packetserver.records.service import Service
from packetserver.security.principal import Principal
from packetserver.store.unit_of_work import UnitOfWork

READ = {"timestamp": datetime.fromisoformat, "date": date.fromisoformat}
Asked = Mapping[str, Any]


def answer(service: Service, principal: Principal, lines: Iterable[str]) -> list[str]:
    """Do what the lines ask for: all of it, or, where one is refused, nothing."""
    asked = [json.loads(each) for each in lines]

    def job(work: UnitOfWork) -> list[Any]:
        records = Records(work, service.schema, principal, service.preferences)
        try:
            return [OPERATIONS[each["do"]](records, each["object"], each) for each in asked]
        except Refused as refused:
            return [{"refused": [told(each) for each in refused.failures]}]

    with service.runner.request() as run:
        found = run.attempt(
            job, writes=True, keep=lambda done: all("refused" not in each for each in done)
        )
    return [json.dumps(each, default=str) for each in found]


def told(failure: Failure) -> dict[str, Any]:
    return {"kind": failure.kind.value, "field": failure.field, "reason": failure.reason}


def typed(records: Records, element: str, values: Asked) -> dict[str, Any]:
    found = dict(values)
    for name, value in values.items():
        field = records.object(element).field(name)
        with contextlib.suppress(KeyError, TypeError, ValueError, AttributeError):
            found[name] = READ[field.type.name](value)  # type: ignore[union-attr]
    return found


def written(records: Records, element: str, asked: Asked) -> tuple[Given, How]:
    given = Given(typed(records, element, asked.get("values", {})), dict(asked.get("controls", {})))
    return given, How(Rules.ALL if asked.get("validate", True) else Rules.AT_INSERT)


def create(records: Records, element: str, asked: Asked) -> Any:
    return {"key": records.create(element, *written(records, element, asked)).key}


def change(records: Records, element: str, asked: Asked) -> Any:
    return {"key": records.change(element, asked["key"], *written(records, element, asked)).key}


def remove(records: Records, element: str, asked: Asked) -> Any:
    return {"gone": records.remove(element, asked["key"]).stored is not None}


def retrieve(records: Records, element: str, asked: Asked) -> Any:
    plan = records.plan(element, asked.get("show", ()))
    row = records.retrieve(element, asked["key"], plan)
    return {"found": [] if row is None else [plan.values(row)]}


def find(records: Records, element: str, asked: Asked) -> Any:
    plan, wanted = records.plan(element, asked["show"]), typed(records, element, asked["where"])
    where = All(tuple(equals(*each) for each in wanted.items()))
    return {"found": [plan.values(row) for row in records.find(element, plan, where)]}


OPERATIONS = {each.__name__: each for each in (create, change, remove, retrieve, find)}
