"""Nobody can delete what an installation needs, and it works whatever else is deleted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any

import pytest
from driving import ADMIN, CLIENT, Answer, Driver
from sqlalchemy import select

from databases import KINDS, Databases
from packetserver.catalogue.loader import load_catalogue, read_defaults
from packetserver.catalogue.model import ObjectType
from packetserver.cli.settings import shown_url
from packetserver.operation.doctor import examine
from packetserver.operation.findings import Check, Health
from packetserver.protocols.packet.process import Engine, build_engine
from packetserver.settings import Settings
from packetserver.store.setup import default_rows

CATALOGUE = load_catalogue()

FIRST: Mapping[str, int] = {
    table: len(rows) for _, content in read_defaults() for table, rows in default_rows(content)
}
OBJECTS = [
    each
    for each in CATALOGUE.objects.values()
    if each.table in FIRST and each.key is not None and each.element != "instantCampaign"
]
NEEDED = {
    "account": {0},
    "user": {0, 1},
    "lookupContactEmailTypes": {1},
    **{
        element: set(range(1, FIRST[CATALOGUE.objects[element].table or ""] + 1))
        for element in (
            *("role", "permission", "permissionCategory", "lookupAccessTypes"),
            *("actionPlanConstants", "lookupStepActions"),
        )
    },
}
"""By object: the keys in a new database that the server, or a command, relies on."""

OF_DATABASE = {Check.ROWS, Check.ADMINISTRATOR, Check.NAMES, Check.TABLES, Check.REVISION}


@pytest.fixture(params=KINDS)
def engine(request: pytest.FixtureRequest, databases: Databases) -> Iterator[Engine]:
    with databases.prepared(request.param) as url:
        engine = build_engine(Settings(database_url=url))
        with closing(engine.database):
            yield engine


def keys(engine: Engine, described: ObjectType) -> list[Any]:
    table = engine.schema.metadata.tables[described.table or ""]
    assert described.key is not None
    column = table.c[described.key.column or ""]
    with engine.database.connect() as connection:
        return list(connection.execute(select(column).order_by(column)).scalars())


def delete(driver: Driver, described: ObjectType, key: Any) -> Answer:
    assert described.key is not None
    sent = {described.key.name: str(key)}
    return driver.one(described.element, "delete", sent, validate=False)


def test_whatever_is_deleted_the_server_works(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver = Driver(engine, CLIENT)
    for described in OBJECTS:
        needed = NEEDED.get(described.element, set())
        refused = set()
        for key in keys(engine, described):
            answer = delete(driver, described, key)
            text = " ".join(answer.errors)
            if f"The {described.element} {key} cannot be deleted: " in text:
                refused.add(key)
            assert answer.errors == () or "cannot be deleted" in text or "in use" in text, text
        if described.element != "rolePermission":
            assert needed <= refused, described.element
        assert refused <= needed or described.element == "rolePermission", described.element
        assert needed <= set(keys(engine, described))
    assert driver.one("account", "insert", {"name": "x"}, ["orgId"], credentials=ADMIN).errors == ()
    for element in ("contact", "user"):
        assert driver.one(f"{element}List", "select", credentials=ADMIN).errors == ()
    url = engine.database.url.render_as_string(hide_password=False)
    found = list(examine({"PACKETSERVER_DATABASE_URL": url}, shown_url))
    wrong = [each for each in found if each.check in OF_DATABASE and each.health is not Health.OK]
    assert wrong == []


def test_the_own_company_cannot_be_trashed_by_an_update_either(engine: Engine) -> None:
    driver = Driver(engine, CLIENT)
    trashed = {"orgId": "0", "trashedDate": "2026-01-01 00:00:00.0"}
    answer = driver.one("account", "update", trashed, validate=False)
    assert "The account 0 cannot be deleted: it is the own company" in " ".join(answer.errors)
    (made,) = driver.one("account", "insert", {"name": "x"}, ["orgId"], validate=False).records
    other = {"orgId": made["orgId"], "trashedDate": "2026-01-01 00:00:00.0"}
    assert driver.one("account", "update", other, validate=False).errors == ()


def test_who_administers_keeps_what_that_takes(engine: Engine) -> None:
    """Rights of other roles can be taken away by deleting them."""
    driver = Driver(engine, CLIENT)
    rights = driver.one("rolePermissionList", "select", {}, ["id", "roleId"]).records
    of_administrators = next(each for each in rights if each["roleId"] == "1")
    of_others = next(each for each in rights if each["roleId"] == "4")
    described = CATALOGUE.objects["rolePermission"]
    refused = delete(driver, described, of_administrators["id"])
    assert "somebody must be able to administer" in " ".join(refused.errors)
    assert delete(driver, described, of_others["id"]).errors == ()
