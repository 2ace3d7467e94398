"""No packet gives a user or a role the name of another, whatever else the packet says."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing

import pytest
from driving import CLIENT, Answer, Driver
from making import Maker

from databases import KINDS, Databases
from packetserver.catalogue.loader import load_catalogue
from packetserver.protocols.packet.process import Engine, build_engine
from packetserver.settings import Settings
from packetserver.store.names import INSERTING, UPDATING, name_columns

CATALOGUE = load_catalogue()
NAMED = [
    pytest.param(each.element, field.name, id=f"{each.element} {field.name}")
    for each in CATALOGUE.objects.values()
    for field in each.names
]
ROUNDS = 5


@pytest.fixture(scope="module", params=KINDS)
def engine(request: pytest.FixtureRequest, databases: Databases) -> Iterator[Engine]:
    with databases.prepared(request.param) as url:
        engine = build_engine(Settings(database_url=url))
        with closing(engine.database):
            yield engine


@pytest.fixture(scope="module")
def maker(engine: Engine) -> Maker:
    return Maker(Driver(engine, CLIENT))


def send(maker: Maker, element: str, action: str, *, validate: bool, **values: str) -> Answer:
    sent = values
    if action == "insert":
        sent = {**maker.needed(element), **maker.wire_only(element), "description": "x", **values}
    return maker.driver.one(element, action, sent, ["id"], validate=validate)


def refused(answer: Answer, field: str) -> bool:
    """Whether nothing was stored, and a sentence of ours names the field."""
    lines = [each for each in answer.errors if f"{field}: " in each]
    return len(lines) == 1 and "UNIQUE" not in lines[0] and answer.records == []


def stored_name(maker: Maker, element: str, field: str, key: str) -> str:
    (record,) = maker.driver.one(element, "select", {"id": key}, [field]).records
    return str(record[field])


@pytest.mark.parametrize("validate", [True, False], ids=["validated", "not validated"])
@pytest.mark.parametrize(("element", "field"), NAMED)
def test_a_name_is_one_record_s_alone(
    maker: Maker, element: str, field: str, *, validate: bool
) -> None:
    name = f"Ännchen {validate}"
    (first,) = send(maker, element, "insert", validate=validate, **{field: name}).records
    (other,) = send(maker, element, "insert", validate=validate, **{field: f"{name} 2"}).records
    for twin in (name, name.upper(), f" {name.lower()}\t", f"\u00a0{name}"):
        values = {field: twin}
        assert refused(send(maker, element, "insert", validate=validate, **values), field), twin
        values["id"] = other["id"]
        assert refused(send(maker, element, "update", validate=validate, **values), field), twin
    assert stored_name(maker, element, field, other["id"]) == f"{name} 2"
    # One's own name may be written in another way, and sent again.
    for own in (name.upper(), f"{name} ", name):
        answer = send(
            maker, element, "update", validate=validate, **{"id": first["id"], field: own}
        )
        assert answer.errors == ()
        assert stored_name(maker, element, field, first["id"]) == own


@pytest.mark.parametrize(("element", "field"), NAMED)
def test_who_is_disabled_keeps_the_name_and_the_answer_says_so(
    maker: Maker, element: str, field: str
) -> None:
    values = {field: "resting", "enabled": "false"}
    (made,) = send(maker, element, "insert", validate=False, **values).records
    answer = send(maker, element, "insert", validate=False, **{field: "Resting"})
    assert answer.errors == (
        "Transaction failed",
        f"item 1 ({element}): {field}: The {element} {made['id']} has this name already, and is disabled",
    )


@pytest.mark.parametrize(("element", "field"), NAMED)
def test_of_two_packets_at_the_same_time_one_gets_the_name(
    engine: Engine, maker: Maker, element: str, field: str
) -> None:
    for number in range(ROUNDS):
        answers: list[Answer] = []
        begun = threading.Barrier(2)

        def insert(name: str, answers: list[Answer] = answers, begun=begun) -> None:
            begun.wait()
            answers.append(send(maker, element, "insert", validate=False, **{field: name}))

        names = (f"Both{number}", f"bOTH{number}")
        threads = [threading.Thread(target=insert, args=(name,)) for name in names]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        won = [each for each in answers if each.errors == ()]
        lost = [each for each in answers if each.errors != ()]
        assert (len(won), len(lost)) == (1, 1)
        assert refused(lost[0], field), lost[0].errors


@pytest.mark.parametrize(("element", "field"), NAMED)
def test_the_database_s_own_refusal_is_a_sentence_that_names_the_field(
    maker: Maker, element: str, field: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when another packet stores the name after this one has looked for it."""
    assert send(maker, element, "insert", validate=False, **{field: "late"}).errors == ()
    monkeypatch.setattr("packetserver.records.rules.taken_names", lambda _writing: ())
    answer = send(maker, element, "insert", validate=False, **{field: "Late"})
    kind = "user" if element == "user" else "role"
    assert answer.errors == (
        "Transaction failed",
        f"item 1 ({element}): {field}: Another {kind} has this name already",
    )


@pytest.mark.parametrize(("element", "field"), NAMED)
def test_twins_of_a_database_of_before_can_be_changed_and_parted(
    databases: Databases, element: str, field: str
) -> None:
    for kind in KINDS:
        with databases.prepared(kind) as url:
            engine = build_engine(Settings(database_url=url))
            with closing(engine.database):
                maker = Maker(Driver(engine, CLIENT))
                made = [
                    send(maker, element, "insert", validate=False, **{field: name}).records[0]["id"]
                    for name in ("ann", "bob")
                ]
                table = CATALOGUE.objects[element].table
                (names,) = (each for each in name_columns(CATALOGUE) if each.table == table)
                with engine.database.connect(writes=True) as connection:
                    for ending in (INSERTING, UPDATING):
                        if kind == "sqlite":
                            connection.exec_driver_sql(f"DROP TRIGGER {names.index}{ending}")
                    if kind != "sqlite":
                        connection.exec_driver_sql(f"DROP INDEX {names.index}")
                    connection.exec_driver_sql(
                        f"UPDATE {table} SET {names.column} = 'ANN' WHERE {names.key} = {made[1]}"  # noqa: S608
                    )
                    connection.commit()
                # Sent back as it was read, a name is no new one.
                kept = {"id": made[1], field: "ANN", "enabled": "false"}
                assert send(maker, element, "update", validate=False, **kept).errors == ()
                third = send(maker, element, "insert", validate=False, **{field: "Ann"})
                assert refused(third, field)
                parted = {"id": made[1], field: "bob"}
                assert send(maker, element, "update", validate=False, **parted).errors == ()


def test_a_filter_finds_letters_of_either_case_in_locale_c(databases: Databases) -> None:
    with databases.in_locale_c(prepared=True) as url:
        engine = build_engine(Settings(database_url=url))
        with closing(engine.database):
            maker = Maker(Driver(engine, CLIENT))
            maker.insert("account", {"name": "Ärzte Köln"})
            for sought in ("ärzte%", "ÄRZTE KÖLN", "%köLN"):
                found = maker.driver.one("accountList", "select", {"accountName": sought}, ["name"])
                assert [each["name"] for each in found.records] == ["Ärzte Köln"], sought
            name = {"username": "ÄNNE"}
            assert send(maker, "user", "insert", validate=False, **name).errors == ()
            twin = send(maker, "user", "insert", validate=False, username="änne")
            assert refused(twin, "username")
