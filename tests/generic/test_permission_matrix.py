"""Every role, every object, every action: who may is allowed, and nobody else.

The actions of an object are sent in one transaction, each with an item behind it that no server
knows: so all of it is undone, every role finds the same records, and the messages tell apart what
was denied and what was done.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import pytest
import sqlalchemy
from attempts import NEXT_ANCHOR, attempts
from driving import CLIENT, HOST, Answer, Driver, item
from generic.rights import LIST_ACTIONS, VERBS, described_objects, held_by, sufficient
from making import Maker, creatable

from databases import KINDS, Databases
from packetserver.catalogue.loader import load_catalogue
from packetserver.protocols.packet.actions import NAMED_INSERTS
from packetserver.protocols.packet.packet import Item
from packetserver.protocols.packet.process import build_engine
from packetserver.security.credentials import Credentials
from packetserver.settings import Settings

CATALOGUE = load_catalogue()
STORED = creatable(CATALOGUE)
DENIED = "User denied permission to perform action on the object"
UNSUPPORTED = "Unsupported object specified"
REJECTED = "Transaction contained in the packet is not allowed for this User"
IN_USE = "The record is in use by "
NOBODY_KNOWS = item("nobodyKnowsThis", "select")
FREE = item("system", "getDateTime")
"""What everybody may: the records of a transaction's first item are the ones that are read."""

CODE = "900150983cd24fb0d6963f7d28e17f72"
ROLES = (
    *("Administrator", "Operations Manager", "Sales Manager", "Salesperson"),
    *("Customer Service Manager", "Customer Service Representative", "Marketing Manager"),
    *("Accounting Manager", "HR Representative"),
)
"""The roles of a new database."""

PROTECTED = {"contact", "syncClient"}
"""What is asked about even when only contacts are protected."""


@dataclass(frozen=True)
class Cell:
    """One item of the matrix."""

    element: str
    action: str
    item: Item


@dataclass
class Matrix:
    """The cells on one database, and a user and a sync client of every role."""

    maker: Maker
    cells: dict[str, list[Cell]]
    parties: dict[str, tuple[Credentials, Credentials]]

    def held(self, role: str) -> frozenset[str]:
        with self.maker.driver.engine.database.connect() as connection:
            return held_by(connection, role)

    def denied(
        self,
        credentials: Credentials,
        cells: Mapping[str, list[Cell]],
        driver: Driver | None = None,
    ) -> set[tuple[str, str]]:
        """The cells that are denied; every other one was carried out without a word."""
        asking = dataclasses.replace(credentials, next_anchor=NEXT_ANCHOR)
        answers = (driver or self.maker.driver).send(
            [[FREE, *marked(each)] for each in cells.values()],
            validate=False,
            credentials=asking,
        )
        refused = set[tuple[str, str]]()
        for of_element, answer in zip(cells.values(), answers, strict=True):
            refused |= read_messages(of_element, answer)
        return refused


def marked(cells: list[Cell]) -> Iterator[Item]:
    """The items of the cells, each with a mark behind it in the messages."""
    for each in cells:
        yield each.item
        yield NOBODY_KNOWS


def read_messages(cells: list[Cell], answer: Answer) -> set[tuple[str, str]]:
    """The cells that are denied; nothing else may have been wrong with one."""
    lines, refused = list(answer.errors), set[tuple[str, str]]()
    for each in cells:
        if lines[:1] == [DENIED]:
            refused.add((each.element, each.action))
            del lines[0]
        if each.action == "delete" and len(lines) == 2 and IN_USE in lines[1]:
            # Effects of later records chose this one: the permission to remove it was there.
            return refused
        assert lines[:1] == [UNSUPPORTED], (each.element, each.action, answer.errors)
        del lines[0]
    assert lines == []
    return refused


def cells_of(maker: Maker, element: str) -> list[Cell]:
    """All actions of an element, its removal last."""
    list_element = maker.object(element).list_element
    *first, last = (Cell(element, each.title, each.item) for each in attempts(maker, element))
    if list_element is not None:
        first.append(Cell(element, "syncDelete", item(list_element, "syncDelete")))
    return [*first, last]


def named_cells_of(maker: Maker) -> Iterator[Cell]:
    for element, name in NAMED_INSERTS:
        sent = {**maker.needed(element), **maker.wire_only(element), **maker.named(element)}
        yield Cell(element, name, item(element, name, sent))


def make_party(driver: Driver, role: str) -> tuple[Credentials, Credentials]:
    """A user of the role and a sync client of his."""
    roles = driver.one("roleList", "select", {}, ["id", "role"]).records
    role_id = next(each["id"] for each in roles if each["role"] == role)
    user = {"username": role, "password": CODE, "roleId": role_id, "addContact": "false"}
    (made,) = driver.one("user", "insert", user, ["id"], validate=False).records
    client = {"type": "t", "code": f"{role}'s", "userId": made["id"], "enabled": "true"}
    (registered,) = driver.one("syncClient", "insert", client, ["id"]).records
    by_client = Credentials(HOST, client["code"], 4, int(registered["id"]))
    return Credentials(username=role, code=CODE, system_id=4), by_client


def grouped(kind: str) -> Any:
    """The database of a kind, whose tests one process has to itself: it takes seconds to make."""
    return pytest.param(kind, marks=pytest.mark.xdist_group(f"permissions on {kind}"))


@pytest.fixture(scope="module", params=[grouped(kind) for kind in KINDS], ids=KINDS)
def matrix(request: pytest.FixtureRequest, databases: Databases) -> Iterator[Matrix]:
    with databases.prepared(request.param) as url:
        engine = build_engine(Settings(database_url=url))
        with closing(engine.database):
            maker = Maker(Driver(engine, CLIENT))
            parties = {role: make_party(maker.driver, role) for role in ROLES}
            cells = {element: cells_of(maker, element) for element in STORED}
            yield Matrix(maker, cells, parties)


def refused_to(matrix: Matrix, role: str) -> set[tuple[str, str]]:
    """The cells that a role is refused, by the rows of its permissions."""
    held = matrix.held(role)
    wanted = {
        (each.element, each.action): sufficient(each.element, each.action)
        for cells in matrix.cells.values()
        for each in cells
    }
    return {cell for cell, names in wanted.items() if names and not names & held}


def registering(cells: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Without what every user may: to register a client of his own."""
    return cells - {("syncClient", "insert")}


@pytest.mark.parametrize("role", ROLES)
def test_a_user_may_do_what_his_role_holds_and_nothing_else(matrix: Matrix, role: str) -> None:
    user, _ = matrix.parties[role]
    assert matrix.denied(user, matrix.cells) == registering(refused_to(matrix, role))


@pytest.mark.parametrize("role", ["Administrator", "Salesperson", "HR Representative"])
def test_a_sync_client_may_do_what_its_user_s_role_holds(matrix: Matrix, role: str) -> None:
    _, client = matrix.parties[role]
    assert matrix.denied(client, matrix.cells) == refused_to(matrix, role)


def test_a_sync_client_of_nobody_may_do_everything(matrix: Matrix) -> None:
    assert matrix.denied(CLIENT, matrix.cells) == set()


def test_by_way_of_his_client_a_user_may_do_nothing_of_all_this(matrix: Matrix) -> None:
    user, client = matrix.parties["Administrator"]
    asking = dataclasses.replace(user, client_id=client.client_id, next_anchor=NEXT_ANCHOR)
    cells = [each for cells in matrix.cells.values() for each in cells]
    others = [each for each in cells if each.element != "syncClient"]
    answers = matrix.maker.driver.send([[each.item] for each in others], credentials=asking)
    assert {each.errors[0].partition(".")[0] for each in answers} == {REJECTED}


def test_a_named_insert_takes_the_permission_to_add(matrix: Matrix) -> None:
    cells = list(named_cells_of(matrix.maker))
    for role in ROLES:
        held, (user, _) = matrix.held(role), matrix.parties[role]
        answers = matrix.maker.driver.send(
            [[each.item, NOBODY_KNOWS] for each in cells], validate=False, credentials=user
        )
        for cell, answer in zip(cells, answers, strict=True):
            is_held = bool(sufficient(cell.element, "insert") & held)
            assert (DENIED not in answer.errors) is is_held, (role, cell)


def test_a_setting_leaves_all_but_contacts_and_sync_clients_open(matrix: Matrix) -> None:
    role = "HR Representative"
    url = matrix.maker.driver.engine.database.url.render_as_string(hide_password=False)
    engine = build_engine(Settings(database_url=url, permissions="contacts"))
    refused = {cell for cell in refused_to(matrix, role) if cell[0] in PROTECTED}
    with closing(engine.database):
        user, client = matrix.parties[role]
        assert matrix.denied(user, matrix.cells, Driver(engine)) == registering(refused)
        assert matrix.denied(client, matrix.cells, Driver(engine)) == refused


def test_the_matrix_has_every_role_every_object_and_every_action(matrix: Matrix) -> None:
    engine = matrix.maker.driver.engine
    with engine.database.connect() as connection:
        roles = connection.execute(sqlalchemy.text("SELECT role FROM role")).scalars().all()
    assert set(ROLES) <= set(roles)
    assert set(matrix.cells) | {"compileSyncData", "processSyncPackageDownload"} == set(
        described_objects()
    )
    for element, cells in matrix.cells.items():
        has_list = CATALOGUE.objects[element].list_element is not None
        expected = set(VERBS) if has_list else set(VERBS) - LIST_ACTIONS
        assert {each.action for each in cells} == expected
    count = sum(map(len, matrix.cells.values()))
    assert all(0 < len(refused_to(matrix, role)) < count for role in ROLES)
