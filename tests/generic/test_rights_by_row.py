"""Every object, every permission alone, rows of every kind of owner, every action.

What the server does is compared, row by row, with tests/generic/who_sees_what.py.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from typing import Any

import pytest
import sqlalchemy
from attempts import NEXT_ANCHOR
from driving import CLIENT, HOST, Answer, Driver, ListSink, _records, item
from generic.owned_rows import MODULES, OwnedRows, identity, identity_fields
from generic.who_sees_what import Contents, Party, Rights, Row, described, is_denied, opening
from making import Maker, creatable

from databases import KINDS, Databases
from packetserver.catalogue.loader import load_catalogue
from packetserver.catalogue.model import Field
from packetserver.protocols.packet.packet import CommitLevel, Item, Options, Packet, Transaction
from packetserver.protocols.packet.process import build_engine
from packetserver.security.credentials import Credentials
from packetserver.settings import Settings

CATALOGUE = load_catalogue()
STORED = creatable(CATALOGUE)
LISTED = [each for each in STORED if CATALOGUE.objects[each].list_element]
DENIED = "User denied permission to perform action on the object"
UNSUPPORTED = "Unsupported object specified"
MARK = item("nobodyKnowsThis", "select")
VERBS = ("view", "add", "edit", "delete")
CODE = "900150983cd24fb0d6963f7d28e17f72"
READER, STRANGER = "reader", "stranger"

CHOOSING = {"contact", "call", "history", "ticket", "folder", "file", "report"}
"""Permission rules that open some rows of an object in one way, and some in another."""

BASES = sorted(
    {each.rpartition("-")[0] for one in STORED for verb in VERBS for each in opening(one, verb)}
    - {""}
)
"""Every permission that opens anything."""


@dataclasses.dataclass
class World:
    """A database full of rows, and somebody whose role holds what a test says."""

    kind: str
    maker: Maker
    user: Credentials
    client: Credentials
    user_id: int
    role_id: int
    client_id: int
    rows: OwnedRows

    @property
    def engine(self) -> Any:
        return self.maker.driver.engine

    def hold(self, *names: str) -> Party:
        """Let the role hold these full permission names and no other."""
        with self.engine.database.connect(writes=True) as connection:
            off = ", ".join(f"role_{verb} = :off" for verb in VERBS)
            change(connection, f"UPDATE role_permission SET {off} WHERE role_id = :role", self)  # noqa: S608
            for name in names:
                base, _, verb = name.rpartition("-")
                found = "(SELECT permission_id FROM permission WHERE permission = :base)"
                granted = f"role_{verb} = :on WHERE role_id = :role AND permission_id = {found}"
                change(connection, f"UPDATE role_permission SET {granted}", self, base=base)  # noqa: S608
            connection.commit()
        return self.party(*names)

    def party(self, *names: str) -> Party:
        """Whoever holds these full permission names."""
        return Party(self.user_id, frozenset(names), self.client_id)

    def send(self, asked: list[tuple[list[Item], list[str]]], level: CommitLevel) -> list[Answer]:
        """Transactions with meta properties of their own, from the user's client."""
        sent = tuple(
            Transaction(number, tuple(meta), tuple(items))
            for number, (items, meta) in enumerate(asked, 1)
        )
        sink = ListSink()
        credentials = dataclasses.replace(self.client, next_anchor=NEXT_ANCHOR)
        options = Options(level, validate=False)
        responses = self.engine.process(Packet(credentials, sent), options, HOST, HOST, sink)
        return [Answer(each, _records(each, sink)) for each in responses]

    def lists(self, elements: list[str], action: str, **attributes: str) -> dict[str, Answer]:
        """The lists of some objects, each in a transaction."""
        asked = [
            (
                [item(CATALOGUE.objects[each].list_element or "", action, {}, **attributes)],
                ["guid"] if action == "syncDelete" else identity_fields(each),
            )
            for each in elements
        ]
        answers = self.send(asked, CommitLevel.TRANSACTION)
        return dict(zip(elements, answers, strict=True))

    def denied(self, items: list[Item]) -> list[bool]:
        """Which of some items are denied; none of them leaves a trace."""
        answers = self.send([([each, MARK], []) for each in items], CommitLevel.PACKET)
        return [DENIED in each.errors for each in answers]


def change(connection: Any, statement: str, world: World, **more: Any) -> None:
    values = {"off": False, "on": True, "role": world.role_id, **more}
    asked = {name: each for name, each in values.items() if f":{name}" in statement}
    connection.execute(sqlalchemy.text(statement), asked)


def grouped(kind: str) -> Any:
    """The database of a kind, whose tests one process has to itself: it takes seconds to make."""
    return pytest.param(kind, marks=pytest.mark.xdist_group(f"rights by row on {kind}"))


@pytest.fixture(scope="module", params=[grouped(kind) for kind in KINDS], ids=KINDS)
def world(request: pytest.FixtureRequest, databases: Databases) -> Iterator[World]:
    with databases.prepared(request.param) as url:
        engine = build_engine(Settings(database_url=url))
        with closing(engine.database):
            maker = Maker(Driver(engine, CLIENT))
            made = make_world(request.param, maker)
            yield made


def make_world(kind: str, maker: Maker) -> World:
    driver = maker.driver
    (role,) = driver.one("role", "insert", {"role": "Alone", "description": "x"}, ["id"]).records
    permissions = driver.one("permissionList", "select", {}, ["id"]).records
    for each in permissions:
        driver.one("rolePermission", "insert", {"roleId": role["id"], "permissionId": each["id"]})
    users = {
        name: driver.one(
            "user",
            "insert",
            {"username": name, "password": CODE, "roleId": role["id"], "addContact": "false"},
            ["id"],
            validate=False,
        ).records[0]["id"]
        for name in (READER, STRANGER)
    }
    registered = {"type": "t", "code": "its code", "userId": users[READER], "enabled": "true"}
    (client,) = driver.one("syncClient", "insert", registered, ["id"]).records
    rows = OwnedRows(maker, users[READER], users[STRANGER])
    rows.make_all()
    return World(
        kind,
        maker,
        Credentials(username=READER, code=CODE, system_id=4),
        dataclasses.replace(CLIENT, client_id=int(client["id"]), code="its code"),
        int(users[READER]),
        int(role["id"]),
        int(client["id"]),
        rows,
    )


@pytest.fixture(scope="module")
def listed(world: World) -> dict[str, Counter[tuple[str, ...]]]:
    """What somebody without limits finds in each list."""
    found = {}
    for element in LISTED:
        list_element = CATALOGUE.objects[element].list_element or ""
        answer = world.maker.driver.one(list_element, "select", {}, identity_fields(element))
        assert answer.errors == ()
        found[element] = Counter(each.texts for each in answer.records)
    return found


@pytest.fixture(scope="module")
def rights(world: World) -> Rights:
    with world.engine.database.connect() as connection:
        return Rights(Contents(connection, {described(each)["table"] for each in STORED}))


def rows_of(rights: Rights, element: str) -> list[Row]:
    return rights.contents.rows(described(element)["table"])


def relevant(base: str) -> list[str]:
    """The objects that a permission opens something of."""
    names = {f"{base}-{verb}" for verb in VERBS}
    return [each for each in STORED if any(names & opening(each, verb) for verb in VERBS)]


def test_the_rows_are_of_every_kind(world: World, rights: Rights) -> None:
    """A check of the test itself: access types and permissions tell some rows from others."""
    for element in STORED:
        rows = rows_of(rights, element)
        assert rows, element
        if described(element).keys() & {"owned", "belongs_to"}:
            hidden = {rights.is_hidden(world.party(), element, row) for row in rows}
            assert hidden == {True, False}, element
        for name in opening(element, "edit") - {""}:
            party = world.party(name)
            if name.rpartition("-")[0] in BASES and described(element).get("permission_rule"):
                assert any(rights.may(party, element, row, "edit") for row in rows), (element, name)


def sampled(world: World, base: str) -> None:
    """On PostgreSQL only the permissions that choose among the rows of an object are tried."""
    rules = {described(each).get("permission_rule", "plain") for each in relevant(base)}
    if world.kind == "postgresql" and not rules & CHOOSING:
        pytest.skip("this one is tried on SQLite")


@pytest.mark.parametrize("base", BASES)
def test_lists_show_the_rows_that_may_be_seen(
    world: World, rights: Rights, listed: dict[str, Counter[tuple[str, ...]]], base: str
) -> None:
    sampled(world, base)
    party = world.hold(f"{base}-view")
    concerned = [each for each in relevant(base) if each in LISTED]
    for action, elements in (("select", LISTED), ("sync", concerned)):
        for element, answer in world.lists(elements, action).items():
            if is_denied(party, element, "view"):
                assert answer.errors == (DENIED,), (action, element)
                continue
            found = Counter(each.texts for each in answer.records)
            expected = seen(rights, party, element, listed)
            assert (answer.errors, found) == ((), expected), (action, element)


def seen(
    rights: Rights, party: Party, element: str, listed: dict[str, Counter[tuple[str, ...]]]
) -> Counter[tuple[str, ...]]:
    """What somebody may see of a list, by what identifies the rows."""
    rows = (row for row in rows_of(rights, element) if rights.may(party, element, row, "view"))
    return Counter(name for row in rows if (name := shown(row, element)) in listed[element])


def shown(row: Row, element: str) -> tuple[str, ...]:
    """What identifies a row, as a client reads it."""
    texts = identity(row, element)
    fields = [CATALOGUE.objects[element].fields[name] for name in identity_fields(element)]
    return tuple(
        each.unset if text == "None" else text for each, text in zip(fields, texts, strict=True)
    )


@pytest.mark.parametrize("base", BASES)
def test_pages_and_gone_records_count_the_same_rows(
    world: World, rights: Rights, listed: dict[str, Counter[tuple[str, ...]]], base: str
) -> None:
    sampled(world, base)
    party = world.hold(f"{base}-view")
    elements = [each for each in relevant(base) if each in LISTED]
    for element, answer in world.lists(elements, "select", items="1").items():
        if not is_denied(party, element, "view"):
            assert answer.total == seen(rights, party, element, listed).total(), element
    mapped = [each for each in elements if give_all(world, each)]
    for element, answer in world.lists(mapped, "syncDelete").items():
        if not is_denied(party, element, "view"):
            gone = Counter((each["guid"],) for each in answer.records)
            kept = seen(rights, party, element, listed)
            trashed = {key for key in gone if key not in listed[element]}
            assert gone + kept == listed[element] + Counter(trashed), element


def give_all(world: World, element: str) -> bool:
    """Let the client have every record of an object, each called by its key, if it can."""
    described_here = CATALOGUE.objects[element]
    key, table = described_here.key, described_here.table
    if key is None or key.type.name != "integer":
        return False
    place = "(SELECT min(table_id) FROM sync_table WHERE system_id = 4 AND element_name = :name)"
    with world.engine.database.connect(writes=True) as connection:
        values = {"client": world.client_id, "name": described_here.list_element}
        connection.execute(
            sqlalchemy.text(
                f"DELETE FROM sync_map WHERE client_id = :client AND table_id = {place}"  # noqa: S608
            ),
            values,
        )
        added = connection.execute(
            sqlalchemy.text(
                "INSERT INTO sync_map (client_id, table_id, record_id, cuid, complete)"  # noqa: S608
                f" SELECT :client, {place}, {key.column}, {key.column}, :no FROM {table}"
                f" WHERE {place} IS NOT NULL AND {key.column} >= 0"
            ),
            {**values, "no": False},
        )
        connection.commit()
    return added.rowcount > 0


@pytest.mark.parametrize("base", BASES)
def test_single_records_are_denied_to_whom_they_do_not_belong(
    world: World, rights: Rights, base: str
) -> None:
    sampled(world, base)
    for held in VERBS:
        party = world.hold(f"{base}-{held}")
        asked = [each for element in relevant(base) for each in singles(world, rights, element)]
        denied = world.denied([one for _, _, _, one in asked])
        for (element, verb, row, one), is_refused in zip(asked, denied, strict=True):
            is_permitted = rights.may(party, element, row, verb)
            assert is_refused is not is_permitted, (held, one, row)


def singles(world: World, rights: Rights, element: str) -> Iterator[tuple[str, str, Row, Item]]:
    """A select, an update and a delete of every row, and an insert of its like."""
    fields = CATALOGUE.objects[element].fields
    named = [name for name, each in fields.items() if each.key] or [
        *CATALOGUE.objects[element].identified_by
    ]
    changed = harmless(world.maker, element)
    # There it is the same condition, in the words of another database.
    for row in rows_of(rights, element)[:: 3 if world.kind == "postgresql" else 1]:
        key = {name: written(fields[name], row) for name in named}
        if not named or any(text is None for text in key.values()):
            continue
        yield element, "view", row, item(element, "select", key)
        yield element, "edit", row, item(element, "update", {**key, **changed})
        yield element, "delete", row, item(element, "delete", key)
    made = made_rows(world, rights, element)
    plain = {**world.maker.needed(element), **world.maker.wire_only(element)}
    for sent, row in zip(world.rows.sent.get(element, [plain])[: len(made)], made, strict=True):
        yield element, "add", row, item(element, "insert", sent)


def written(field: Field, row: Row) -> str | None:
    value = row[field.column or ""]
    return None if value is None else field.type.write(as_typed(field, value))


def as_typed(field: Field, value: Any) -> Any:
    return (
        datetime.fromisoformat(value)
        if field.type.name == "timestamp" and isinstance(value, str)
        else value
    )


def harmless(maker: Maker, element: str) -> dict[str, str]:
    """A change of a field that no right depends on."""
    found = maker.changed(element)
    return {name: text for name, text in found.items() if name not in {*MODULES, "employee"}}


def made_rows(world: World, rights: Rights, element: str) -> list[Row]:
    """The rows that were made with what `sent` has, in the same order."""
    if CATALOGUE.objects[element].key is None:
        return []
    rows = (rights.contents.row(element, int(key)) for key in world.rows.keys(element))
    return [row for row in rows if row is not None]
