"""What an operation can do with records: as who asks, as a whole or not at all, on both databases."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from protocols.webservice.conftest import Site
from sqlalchemy import select

from packetserver.errors import WorkUndone
from packetserver.failures import because
from packetserver.protocols.webservice import exchange
from packetserver.protocols.webservice.calls import Call, Method, Operation
from packetserver.protocols.webservice.operations import OPERATIONS
from packetserver.records import Given, Records

DENIED = ("ACCESS_DENIED", "Permission to perform the operation is denied")
Run = Callable[[str, Callable[[Call], Any]], Any]


@pytest.fixture
def carry_out(site: Site, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A function that calls an operation as a user."""

    def carry_out(name: str, run: Callable[[Call], Any]) -> Any:
        table = {**OPERATIONS, "try": Operation("try", run, Method.POST)}
        monkeypatch.setattr(exchange, "OPERATIONS", table)
        return site.post("try", sessionName=site.session(name))

    return carry_out


def account(records: Records, name: str) -> None:
    records.create("account", Given({"name": name}))


def names(site: Site, name: str) -> list[str]:
    column = site.service.schema.metadata.tables["organization"].c.name
    return [row[0] for row in site.execute(select(column).where(column.startswith(name)))]


def test_a_record_is_created_and_found_by_its_user(site: Site, carry_out: Run) -> None:
    assert carry_out("admin", lambda call: call.write(lambda one: account(one, "Anvil"))) is None
    assert names(site, "Anvil") == ["Anvil"]
    ((entered_by, owner),) = site.execute(
        "SELECT enteredby, modifiedby FROM organization WHERE name = 'Anvil'"
    )
    assert (entered_by, owner) == (1, 1)
    plan = site.service.schema.plan("account", ("name",))
    found = carry_out(
        "admin",
        lambda call: call.read(lambda one: [row[0] for row in one.find("account", plan)]),
    )
    assert "Anvil" in found


def test_what_a_role_does_not_allow_is_denied_and_nothing_is_stored(
    site: Site, carry_out: Run
) -> None:
    def both(records: Records) -> None:
        account(records, "Bellows")
        records.create("user", Given({"username": "new"}))

    assert carry_out("rep1", lambda call: call.write(both)) == DENIED
    assert names(site, "Bellows") == []


def test_what_fails_is_undone_as_a_whole_and_told(site: Site, carry_out: Run) -> None:
    def failing(records: Records) -> None:
        account(records, "Chisel")
        raise because("it is Sunday")

    found = carry_out("admin", lambda call: call.write(failing))
    assert found == ("INVALID_VALUE", "it is Sunday")
    assert names(site, "Chisel") == []


def test_what_the_database_undid_is_done_again_and_stored_once(site: Site, carry_out: Run) -> None:
    attempts = []

    def undone_once(records: Records) -> int:
        account(records, "Drill")
        attempts.append(1)
        if len(attempts) == 1:
            raise WorkUndone("a deadlock")
        return len(attempts)

    assert carry_out("admin", lambda call: call.write(undone_once)) == 2
    assert names(site, "Drill") == ["Drill"]


def test_who_reads_changes_nothing(site: Site, carry_out: Run) -> None:
    carry_out("admin", lambda call: call.read(lambda one: account(one, "Engine")))
    assert names(site, "Engine") == []
