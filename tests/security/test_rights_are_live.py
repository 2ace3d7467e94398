"""What somebody may is read with every packet, by every server of a database."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from driving import ADMIN, CLIENT, HOST, Driver, item

from packetserver.protocols.packet.packet import CommitLevel
from packetserver.protocols.packet.process import build_engine
from packetserver.security.credentials import Credentials
from packetserver.settings import Settings

DENIED = ("User denied permission to perform action on the object",)
NOT_AUTHORIZED = ("Not authorized",)
REP = Credentials(username="rep1", code="5a53b980100f71a23d18352ae67af15b", system_id=4)
REP_CLIENT = Credentials(HOST, "secret4", 4, 4)
REP_BY_CLIENT = Credentials(HOST, REP.code, 4, 4, "rep1")
EVERYBODY = (REP, REP_CLIENT, REP_BY_CLIENT)
"""The ways in which rep1 of tests/conformance/world.toml may come."""

REP_ID, ADMINISTRATOR, HR = "2", "1", "9"


@dataclass(frozen=True)
class TwoServers:
    """Two servers on one database; one is told of a change, the other must know."""

    told: Driver
    other: Driver

    def change(self, element: str, action: str, **values: str | None) -> str:
        """A change at the one server, by a client that may do everything; returns the key."""
        answer = self.told.one(element, action, values, ["id"], validate=False)
        assert answer.errors == ()
        return answer.records[0]["id"]

    def ask(self, credentials: Credentials, element: str = "roleList") -> tuple[str, ...]:
        """What is wrong with a list that somebody asks the other server for."""
        return self.other.one(element, "select", {}, ["guid"], credentials=credentials).errors

    def greet(self, credentials: Credentials) -> tuple[str, ...]:
        """What is wrong with what everybody may do: the credentials themselves."""
        return self.other.one("syncClient", "getDateTime", credentials=credentials).errors


@pytest.fixture
def servers(prepared_database_url: str) -> Iterator[TwoServers]:
    settings = Settings(database_url=prepared_database_url, remember_credentials_seconds=10**6)
    with contextlib.ExitStack() as stack:
        engines = [build_engine(settings) for _ in range(2)]
        for each in engines:
            stack.callback(each.database.close)
        yield TwoServers(*(Driver(each, CLIENT) for each in engines))


def permission(servers: TwoServers, name: str) -> str:
    rows = servers.told.one("permissionList", "select", {}, ["id", "name"]).records
    return next(each["id"] for each in rows if each["name"] == name)


def test_a_permission_counts_from_the_next_packet_on(servers: TwoServers) -> None:
    def asked() -> set[tuple[str, ...]]:
        return {servers.ask(each) for each in (REP, REP_CLIENT)}

    assert asked() == {DENIED}
    admin_roles = permission(servers, "admin-roles")
    row = {"roleId": "4", "permissionId": admin_roles}
    granted = servers.change("rolePermission", "insert", **row, view="true")
    assert asked() == {()}
    servers.change("rolePermission", "update", id=granted, view="false")
    assert asked() == {DENIED}
    servers.change("rolePermission", "update", id=granted, view="true")
    assert asked() == {()}
    servers.change("permission", "update", id=admin_roles, enabled="false")
    assert asked() == {DENIED}
    servers.change("permission", "update", id=admin_roles, enabled="true")
    assert asked() == {()}
    servers.change("rolePermission", "delete", id=granted)
    assert asked() == {DENIED}


def test_another_role_counts_from_the_next_packet_on(servers: TwoServers) -> None:
    for role, errors in ((HR, DENIED), (ADMINISTRATOR, ()), (HR, DENIED)):
        servers.change("user", "update", id=REP_ID, roleId=role)
        for each in (REP, REP_CLIENT):
            assert servers.ask(each, "accountList") == errors


def test_a_user_who_is_out_is_out_with_the_next_packet(servers: TwoServers) -> None:
    # The second packet finds the credentials remembered.
    assert {servers.greet(each) for each in (*EVERYBODY, *EVERYBODY)} == {()}
    for out, back in (
        ({"enabled": "false"}, {"enabled": "true"}),
        ({"expires": "2020-01-01 00:00:00.0"}, {"expires": None}),
    ):
        servers.change("user", "update", id=REP_ID, **out)
        assert {servers.greet(each) for each in EVERYBODY} == {NOT_AUTHORIZED}
        servers.change("user", "update", id=REP_ID, **back)
        assert {servers.greet(each) for each in EVERYBODY} == {()}


def test_a_sync_client_that_is_disabled_or_gone_is_out_with_the_next_packet(
    servers: TwoServers,
) -> None:
    assert {servers.greet(each) for each in (*EVERYBODY, *EVERYBODY)} == {()}
    servers.change("syncClient", "update", id="4", enabled="false")
    assert [servers.greet(each) for each in EVERYBODY] == [(), NOT_AUTHORIZED, NOT_AUTHORIZED]
    servers.change("syncClient", "update", id="4", enabled="true")
    assert {servers.greet(each) for each in EVERYBODY} == {()}
    servers.change("syncClient", "delete", id="4")
    assert [servers.greet(each) for each in EVERYBODY] == [(), NOT_AUTHORIZED, NOT_AUTHORIZED]


def test_an_old_password_is_out_with_the_next_packet(servers: TwoServers) -> None:
    assert servers.greet(REP) == servers.greet(REP) == ()
    servers.change("user", "update", id=REP_ID, encryptedPassword=ADMIN.code)
    assert servers.greet(REP) == NOT_AUTHORIZED
    assert servers.greet(Credentials(username="rep1", code=ADMIN.code, system_id=4)) == ()


def test_an_alias_of_nobody_lends_no_rights(servers: TwoServers) -> None:
    """Zero means no alias, although the owner of the shipped records has that number."""
    with servers.told.engine.database.connect(writes=True) as connection:
        connection.exec_driver_sql("UPDATE access SET role_id = 1 WHERE user_id = 0")
        connection.exec_driver_sql("UPDATE access SET alias = 0 WHERE user_id = 2")
        connection.commit()
    assert servers.ask(ADMIN) == ()
    assert servers.ask(REP) == DENIED


def test_what_a_packet_changes_counts_for_its_next_transaction(servers: TwoServers) -> None:
    """Rights are read with the sender, and so before the packet has changed them."""
    revoked = {"id": _row_of(servers), "view": "false"}
    driver = Driver(servers.other.engine, ADMIN)
    answers = driver.send(
        [
            [item("roleList", "select")],
            [item("rolePermission", "update", revoked)],
            [item("roleList", "select")],
        ],
        ["id"],
        level=CommitLevel.TRANSACTION,
        validate=False,
    )
    assert [each.errors for each in answers] == [(), (), DENIED]


def _row_of(servers: TwoServers) -> str:
    """The administrator's row of the permission that lists of roles need."""
    wanted = {"roleId": ADMINISTRATOR, "permissionId": permission(servers, "admin-roles")}
    rows = servers.told.one("rolePermissionList", "select", {}, ["id", *wanted]).records
    return next(r["id"] for r in rows if all(r[name] == text for name, text in wanted.items()))
