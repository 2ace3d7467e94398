"""A record that is put by values that are its own alone: changed, or else created, and never twice."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from packetserver.failures import Kind, Refused
from packetserver.records import Given, Records
from packetserver.security.principal import Principal, PrincipalKind
from packetserver.store.unit_of_work import UnitOfWork

EVERYBODY = Principal(PrincipalKind.SYNC_CLIENT, None, None, 1, 1)
NOBODY = Principal(PrincipalKind.USER, 1, -1, None, 1)
"""A user whose role holds nothing."""


def put(desk: Any, by: dict[str, Any], principal: Principal = EVERYBODY, **values: Any) -> Any:
    """Put an account within a unit of work of its own; returns its key."""
    service = desk.engine.service

    def job(work: UnitOfWork) -> Any:
        records = Records(work, service.schema, principal, service.preferences)
        return records.put("account", by, Given(dict(values))).key

    with service.runner.request() as request:
        return request.attempt(job, writes=True, keep=lambda _: True)


def test_it_is_created_once_and_then_changed(desk):
    by = {"accountNumber": desk.name("N")}
    key = put(desk, by, name="First")
    assert put(desk, by, name="Second") == key
    (row,) = desk.rows("organization", account_number=by["accountNumber"])
    assert (row["org_id"], row["name"]) == (key, "Second")


def test_one_that_is_trashed_is_none(desk):
    by = {"accountNumber": desk.name("N")}
    key = put(desk, by, name="Gone")
    desk.act("delete", "account", id=key)
    assert put(desk, by, name="New") != key


def test_who_may_not_see_it_cannot_make_a_twin_of_it(desk):
    by = {"accountNumber": desk.name("N")}
    put(desk, by, name="Hidden")
    with pytest.raises(Refused) as refused:
        put(desk, by, NOBODY, name="Twin")
    assert refused.value.kind is Kind.DENIED
    assert len(desk.rows("organization", account_number=by["accountNumber"])) == 1


def test_however_many_put_it_at_once_there_is_one(desk):
    by = {"accountNumber": desk.name("N")}
    together = threading.Barrier(4)

    def one(number: int) -> Any:
        together.wait()
        return put(desk, by, name=f"Name {number}")

    with ThreadPoolExecutor(4) as pool:
        keys = set(pool.map(one, range(4)))
    (row,) = desk.rows("organization", account_number=by["accountNumber"])
    assert keys == {row["org_id"]}


@pytest.mark.parametrize("by", [{}, {"nothing": 1}])
def test_what_is_put_is_named_by_fields(desk, by):
    with pytest.raises(Refused) as refused:
        put(desk, by, name="X")
    assert refused.value.kind is Kind.UNSUPPORTED
