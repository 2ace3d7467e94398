"""Letter case is that of Unicode on both databases, whatever their locale; a third view says so too."""

from __future__ import annotations

import contextlib
import re
import sys
import unicodedata
from collections.abc import Iterator

import pytest
import sqlalchemy
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, select

from databases import Databases
from packetserver.catalogue.conditions import Literal
from packetserver.letters import BLANKS, fold_case, fold_name
from packetserver.records.filters.comparing import equal_ignoring_case, like_ignoring_case
from packetserver.records.opening import load_schema
from packetserver.store.conditions import sql
from packetserver.store.database import Database
from packetserver.store.folding import Folding, folded, folded_name, folding_of

SCHEMA = load_schema()
ACCOUNTS = SCHEMA.scope(SCHEMA.catalogue.objects["account"])

UNASSIGNED, SURROGATE, CONTROL = "Cn", "Cs", "Cc"
"""Categories of Unicode; XML carries no surrogates and few control characters."""

LETTERS = st.text(
    st.one_of(
        st.sampled_from("aAäÄßẞſsSKkKÅåİiIıΣσςΟοǅǄǆЖж%_ \u0307\u00a0\u2003\t"),
        st.characters(exclude_categories=(UNASSIGNED, SURROGATE, CONTROL)),
    ),
    max_size=8,
)


def small(text: str) -> str:
    """Each letter by itself, as the tables of Unicode have it."""
    return "".join("σ" if each == "ς" else each.lower() for each in text)


def matches(text: str, pattern: str) -> bool:
    """What `LIKE` means, in any letter case."""
    parts = {"%": ".*", "_": "."}
    expression = "".join(parts.get(each) or re.escape(each) for each in small(pattern))
    return re.fullmatch(expression, small(text), re.DOTALL) is not None


@pytest.fixture(scope="module")
def connections(databases: Databases) -> Iterator[list[Connection]]:
    """A file, a PostgreSQL with the letters of Unicode, and one in locale C."""
    with contextlib.ExitStack() as stack:
        urls = [
            stack.enter_context(databases.empty("sqlite")),
            stack.enter_context(databases.empty("postgresql")),
            stack.enter_context(databases.in_locale_c()),
        ]
        yield [
            stack.enter_context(stack.enter_context(contextlib.closing(Database(url))).connect())
            for url in urls
        ]


def test_every_character_is_folded_alike(connections: list[Connection]) -> None:
    every = [
        chr(number)
        for number in range(1, sys.maxunicode + 1)
        if unicodedata.category(chr(number)) != SURROGATE
    ]
    known = [each for each in every if unicodedata.category(each) != UNASSIGNED]
    assert [fold_case(each) for each in known] == [small(each) for each in known]
    text = "|".join(every)
    for connection in connections:
        (found,) = connection.execute(select(folded(text))).one()
        differing = {
            each: (hex(ord(each)), ours, theirs)
            for each, ours, theirs in zip(
                every, fold_case(text).split("|"), found.split("|"), strict=False
            )
            if ours != theirs and each != "|"
        }
        assert differing == {}
        assert found == fold_case(text)


@given(LETTERS)
@settings(max_examples=60)
@example("ΟΔΟΣ")
@example("İ")
def test_a_text_is_folded_alike(connections: list[Connection], text: str) -> None:
    assert fold_case(text) == small(text)
    assert fold_name(text) == small(text).strip(BLANKS)
    for connection in connections:
        row = connection.execute(select(folded(text), folded_name(text))).one()
        assert tuple(row) == (fold_case(text), fold_name(text))


@given(LETTERS, LETTERS)
@settings(max_examples=100)
@example("Ärzte Köln", "ärzte%")
@example("ΟΔΟΣΑ", "οδοσ%")
@example("ΟΔΟΣΑ", "ΟΔΟΣ%")
@example("İ", "i")
@example("İzmir", "i%")
@example("ẞ", "ß")
def test_texts_are_compared_alike(connections: list[Connection], text: str, other: str) -> None:
    for connection in connections:
        compared = (
            each(Literal(text), other) for each in (equal_ignoring_case, like_ignoring_case)
        )
        equal, like = connection.execute(select(*(sql(each, ACCOUNTS) for each in compared))).one()
        assert bool(equal) is (small(text) == small(other))
        assert bool(like) is matches(text, other)


def test_a_dotted_i_is_no_i(connections: list[Connection]) -> None:
    for connection in connections:
        compared = (equal_ignoring_case(Literal(each), "i") for each in ("İ", "I"))
        asked = select(*(sql(each, ACCOUNTS) for each in compared))
        assert [bool(each) for each in connection.execute(asked).one()] == [False, True]


@pytest.mark.parametrize("collation", ["pg_unicode_fast", "pg_c_utf8", "C.utf8", None])
def test_collations_that_know_letters_agree(
    connections: list[Connection], collation: str | None
) -> None:
    """A PostgreSQL has some of them; what it has must not matter."""
    _, with_letters, _ = connections
    known = {
        row[0] for row in with_letters.execute(sqlalchemy.text("SELECT collname FROM pg_collation"))
    }
    if collation is not None and collation not in known:
        pytest.skip(f"this PostgreSQL has no {collation}")
    texts = ["ÄRZTE", "İzmir", "ΟΔΟΣ", "ǅ", "Ж", "ẞ"]
    statement = f"SELECT {Folding(collation).expression('each')} FROM unnest(CAST(:texts AS text[])) AS each"  # noqa: S608 - names of PostgreSQL's
    found = with_letters.execute(sqlalchemy.text(statement), {"texts": texts}).scalars()
    assert list(found) == [small(each) for each in texts]


def test_a_database_in_locale_c_folds_by_a_collation(connections: list[Connection]) -> None:
    _, _, in_locale_c = connections
    folding = folding_of(in_locale_c.dialect)
    assert folding is not None
    assert folding.collation is not None
    assert not in_locale_c.execute(sqlalchemy.text("SELECT lower('Ä') = 'ä'")).scalar()
