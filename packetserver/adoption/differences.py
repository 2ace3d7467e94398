"""How the tables of a database differ from those that the catalogue describes.

What is found is told in words that say what it means for clients.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

from packetserver.adoption.found import FoundColumn, FoundTable
from packetserver.catalogue.model import NOW, Catalogue, Column, ObjectType, Table

QUOTE_VALUES = ("boolean", "float", "integer", "text", "timestamp")

WRITTEN: Mapping[str, tuple[str, ...]] = {
    "add_answer_average": ("active_survey_answer_avg",),
    "add_contact_of_user": ("contact",),
    "add_primary_contact": ("contact",),
    "add_product_to_category": ("product_catalog_category_map",),
    "add_to_outline": ("project_requirements_map",),
    "attach_action_plan": ("action_plan_work", "action_phase_work", "action_item_work"),
    "draw_project_ticket_number": ("project_ticket_count",),
    "first_file_version": ("project_files_version",),
    "link_criteria_lists": ("campaign_list_groups",),
    "link_news_task_category": ("taskcategorylink_news",),
    "link_surveys": ("campaign_survey_link",),
    "link_task_contact": ("tasklink_contact",),
    "log_action_item": ("action_item_log",),
    "log_component": ("opportunity_component_log",),
    "log_quote": ("quotelog",),
    "log_ticket": ("ticketlog",),
    "map_option_to_product": ("product_option_map",),
    "note_assignment": ("project_assignments_status",),
    "note_new_quote": ("quote_notes",),
    "record_history": ("history",),
    "store_option_values": tuple(f"quote_product_option_{each}" for each in QUOTE_VALUES),
}
"""The tables that an effect of the catalogue adds rows to, by its name."""


def writers_of(catalogue: Catalogue, table: str) -> list[str]:
    """The elements of other tables whose records may add a row to this one when they are stored."""
    return [
        each.element
        for each in catalogue.objects.values()
        if each.table not in {None, table} and table in _added_to(each)
    ]


def belonging_to(catalogue: Catalogue, elements: Collection[str]) -> list[str]:
    """The other elements whose records must refer to a record of one of these."""
    tables = {catalogue.objects[each].table for each in elements}
    return [
        each.element
        for each in catalogue.objects.values()
        if each.element not in elements and tables & _demanded(catalogue, each)
    ]


def _added_to(described: ObjectType) -> set[str]:
    effects = (*described.on_insert, *described.on_update)
    return {table for each in effects for table in WRITTEN.get(each.name, ())}


def _demanded(catalogue: Catalogue, described: ObjectType) -> set[str | None]:
    """The tables that a record cannot do without a reference to."""
    return {catalogue.table_of(each) for each in described.stored_fields if each.required} - {None}


class Weight(Enum):
    """How much a finding matters; the value heads the findings of that weight."""

    MENDING = "To be mended: this does not work as it is"
    DIFFERENCE = "Works, with a difference that clients can see"
    HARMLESS = "Differs without consequence for clients"


class Topic(Enum):
    """What is found; the value is its weight, and a sentence about all places where it is found."""

    NO_KEY = (
        Weight.MENDING,
        "The table has no key column: requests for these objects fail.",
    )
    OTHER_TYPE = (
        Weight.MENDING,
        (
            "The column is of a kind that this server does not expect: requests that touch these"
            " fields may fail."
        ),
    )
    NOT_FILLED = (
        Weight.MENDING,
        (
            "The column wants a value, has no default, and this server never fills it: every insert"
            " of these objects is refused, until it has a default."
        ),
    )
    NO_KEYS_GIVEN = (
        Weight.MENDING,
        (
            "No sequence gives the keys: every insert of these objects is refused, until the column"
            " has the default nextval('…')."
        ),
    )
    BEHIND = (
        Weight.HARMLESS,
        (
            "The sequence is behind the keys that are there: this server moves it once it gives a key"
            " that is taken. Other programs are refused until then, or until setval('…') moves it."
        ),
    )
    OWN_TABLE = (
        Weight.MENDING,
        (
            "This server writes the column by itself, and what it writes may not fit: packets are"
            " refused, until the column is as this server makes it."
        ),
    )
    NO_ROW = (
        Weight.MENDING,
        (
            "A row is missing that belongs to every database: what this server enters by itself is"
            " refused."
        ),
    )
    NO_PERMISSION = (
        Weight.MENDING,
        (
            "No role can hold the permission, because this database does not know it: users are"
            " refused these objects."
        ),
    )
    SAME_NAME = (
        Weight.MENDING,
        (
            "More than one row has the same name, letter case and blanks around it left aside: the"
            " first of them whose password fits logs in, and the database does not keep further ones"
            " out. Give all but one another name, by packetserver user rename where they are users,"
            " and adopt again."
        ),
    )
    NO_LETTERS = (
        Weight.DIFFERENCE,
        (
            "Beyond a to z letters count as different in another case, in names and in filters: the"
            " database has neither the encoding UTF8 nor a collation that knows them."
        ),
    )
    SHORT = (
        Weight.DIFFERENCE,
        (
            "The column is shorter than this server allows: a text that does not fit is refused with"
            ' "A value does not fit its field".'
        ),
    )
    SHORT_SECRET = (
        Weight.DIFFERENCE,
        (
            "A salted hash does not fit: a new secret is refused. The old ones work, unless"
            " PACKETSERVER_UPGRADE_SECRETS is set."
        ),
    )
    NOT_UNIQUE = (
        Weight.DIFFERENCE,
        (
            "Rows stand in the way of a unique index, which is left out: a guid that stands for several"
            " records finds any one of them, and an insert that is sent twice at the same time may be"
            " stored twice."
        ),
    )
    PADDED = (
        Weight.DIFFERENCE,
        "Texts are filled up with blanks to the length of the column, and are read so.",
    )
    NARROW = (
        Weight.DIFFERENCE,
        'Only small numbers fit: others are refused with "A value does not fit its field".',
    )
    COARSE = (
        Weight.DIFFERENCE,
        (
            "Values may be rounded when they are stored, and are read so; numbers that are too large"
            " are refused."
        ),
    )
    FINE_TIME = (
        Weight.DIFFERENCE,
        (
            "Times that other programs store here are finer than the milliseconds that clients see:"
            " where they tell when a record changed, sync clients may be sent it again."
        ),
    )
    MANDATORY = (
        Weight.DIFFERENCE,
        (
            "The column may not be empty here: a record without it is refused with"
            ' "A field that may not be empty has no value".'
        ),
    )
    UNCHECKED = (
        Weight.DIFFERENCE,
        (
            "The database does not check the reference: an id of a record that does not exist is"
            " stored, and reads as a record without a name."
        ),
    )
    CHECKED = (
        Weight.DIFFERENCE,
        "The database checks the reference: an id of a record that does not exist is refused.",
    )
    OTHER_SEQUENCE = (
        Weight.HARMLESS,
        "The sequence has another name, and stays the one that gives the keys.",
    )
    LONGER = (
        Weight.HARMLESS,
        "The column holds longer texts; they are read whole, and none longer is stored.",
    )
    FINER = (
        Weight.HARMLESS,
        "The column holds more than this server stores.",
    )
    OPTIONAL = (
        Weight.HARMLESS,
        "The column may be empty here; this server fills it in every record that it stores.",
    )
    UNKNOWN_COLUMN = (
        Weight.HARMLESS,
        "This server does not know the column: it is kept, and no client sees it.",
    )
    UNKNOWN_TABLE = (
        Weight.HARMLESS,
        (
            "This server does not know the table: it is kept, and no client sees it. A record that"
            " one of its rows refers to cannot be removed."
        ),
    )

    @property
    def weight(self) -> Weight:
        """How much it matters."""
        return self.value[0]

    @property
    def sentence(self) -> str:
        """What it means, for all places."""
        return self.value[1]


@dataclass(frozen=True, slots=True)
class Finding:
    """A difference: where (a table, a column, a row), what, and which wire names it concerns."""

    topic: Topic
    place: str
    fact: str = ""
    concerns: str = ""


class WireNames:
    """What clients call tables and columns."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._elements: dict[str, list[str]] = {}
        self._fields: dict[tuple[str, str], list[str]] = {}
        self._secrets: set[tuple[str, str]] = set()
        for each in catalogue.objects.values():
            if each.table is None:
                continue
            self._elements.setdefault(each.table, []).append(each.element)
            for field in each.stored_fields:
                named = self._fields.setdefault((each.table, field.column or ""), [])
                named.append(f"{each.element} {field.name}")
                if field.secret is not None:
                    self._secrets.add((each.table, field.column or ""))

    def table(self, name: str) -> str:
        """The elements whose records a table holds; empty when it holds none."""
        return ", ".join(self._elements.get(name, ()))

    def stored_in(self, name: str) -> str:
        """The elements that suffer when a table takes no rows: its own, and what adds to it."""
        writers = writers_of(self._catalogue, name)
        parts = (
            ("", list(self._elements.get(name, ()))),
            ("what writes here: ", writers),
            ("what belongs to new ones: ", belonging_to(self._catalogue, writers)),
        )
        return ", and ".join(f"{words}{', '.join(each)}" for words, each in parts if each)

    def column(self, table: str, name: str) -> str:
        """The fields that a column holds; empty when it holds none."""
        return ", ".join(self._fields.get((table, name), ()))

    def has_field(self, table: str, name: str) -> bool:
        """Whether clients can fill a column."""
        return (table, name) in self._fields

    def is_secret(self, table: str, name: str) -> bool:
        """Whether a column holds hashes of secrets."""
        return (table, name) in self._secrets


def by_topic(findings: tuple[Finding, ...]) -> Mapping[Topic, list[Finding]]:
    """The findings, in the order of topics."""
    found = {topic: [each for each in findings if each.topic is topic] for topic in Topic}
    return {topic: each for topic, each in found.items() if each}


EXPECTED: Mapping[str, frozenset[str]] = {
    "integer": frozenset({"integer"}),
    "double": frozenset({"double precision"}),
    "boolean": frozenset({"boolean"}),
    "text": frozenset({"character varying", "text"}),
    "timestamp": frozenset({"timestamp without time zone"}),
    "date": frozenset({"date"}),
    "binary": frozenset({"bytea"}),
}
"""PostgreSQL's words for each type of the catalogue."""

CLOSE: Mapping[tuple[str, str], Topic] = {
    ("integer", "bigint"): Topic.FINER,
    ("integer", "smallint"): Topic.NARROW,
    ("double", "real"): Topic.COARSE,
    ("double", "numeric"): Topic.COARSE,
    ("text", "character"): Topic.PADDED,
    ("date", "timestamp without time zone"): Topic.FINER,
}
"""Other types that the server can work with all the same, and what that means."""

REFUSING = frozenset({Topic.SHORT, Topic.NARROW, Topic.OTHER_TYPE})
"""Types that some values do not fit."""

MILLISECONDS = 3
HASH_LENGTH = 76
"""Characters of a salted hash (packetserver.security.secrets)."""


def compare(catalogue: Catalogue, found: Mapping[str, FoundTable]) -> Iterator[Finding]:
    """The differences of all tables that both sides have, and the tables that only one has."""
    names = WireNames(catalogue)
    for table in catalogue.tables.values():
        if table.name in found:
            yield from _compare_table(table, found[table.name], names)
    for name in sorted(set(found) - set(catalogue.tables) - {"alembic_version"}):
        targets = sorted(set(found[name].references.values()) & set(catalogue.tables))
        yield Finding(
            Topic.UNKNOWN_TABLE, name, f"refers to {', '.join(targets)}" if targets else ""
        )


def _compare_table(table: Table, found: FoundTable, names: WireNames) -> Iterator[Finding]:
    if table.key is not None and table.key not in found.columns:
        concerns = names.stored_in(table.name)
        yield Finding(Topic.NO_KEY, table.name, f"{table.key} is missing", concerns)
    for column in table.columns.values():
        if column.name in found.columns:
            yield from _compare_column(table, column, found, names)
    for unknown in found.columns.values():
        if unknown.name not in table.columns:
            topic = Topic.NOT_FILLED if unknown.must_be_given else Topic.UNKNOWN_COLUMN
            concerns = names.stored_in(table.name) if unknown.must_be_given else ""
            yield Finding(topic, f"{table.name}.{unknown.name}", unknown.words, concerns)


def _compare_column(
    table: Table, column: Column, found: FoundTable, names: WireNames
) -> Iterator[Finding]:
    place = f"{table.name}.{column.name}"
    concerns = names.column(table.name, column.name)
    actual = found.columns[column.name]
    fact = f"{actual.words} instead of {_words(column)}"
    for topic in _compare_type(column, actual, is_secret=names.is_secret(table.name, column.name)):
        yield Finding(_in_table(topic, table, names), place, fact, concerns)
    if column.name != table.key:
        emptiness = _compare_emptiness(table, column, actual, names)
        if emptiness is not None:
            fact = "may not be empty" if emptiness is Topic.OWN_TABLE else ""
            is_refused = emptiness is Topic.NOT_FILLED
            all_of_it = (names.stored_in if is_refused else names.table)(table.name)
            yield Finding(emptiness, place, fact, concerns or all_of_it)
    target = found.references.get(column.name)
    if target is not None and not (column.references and column.constrained):
        yield Finding(Topic.CHECKED, place, f"refers to {target}", concerns)


def _is_own(table: Table, names: WireNames) -> bool:
    """Whether this server, and no client, writes a table."""
    return table.name.startswith("sync_") and not names.table(table.name)


def _in_table(topic: Topic, table: Table, names: WireNames) -> Topic:
    """What a difference means in a table that this server writes by itself."""
    return Topic.OWN_TABLE if topic in REFUSING and _is_own(table, names) else topic


def _compare_type(column: Column, found: FoundColumn, *, is_secret: bool) -> Iterator[Topic]:
    is_expected = found.type in EXPECTED[column.type]
    if not is_expected:
        close = CLOSE.get((column.type, found.type), Topic.OTHER_TYPE)
        # A single character has no room for blanks.
        if close is not Topic.PADDED or found.length != 1:
            yield close
    elif column.type == "timestamp" and found.precision != MILLISECONDS:
        yield Topic.COARSE if (found.precision or 0) < MILLISECONDS else Topic.FINE_TIME
    if column.type == "text" and found.length != column.max_length:
        yield from _compare_length(column, found, is_secret=is_secret)


def _compare_length(column: Column, found: FoundColumn, *, is_secret: bool) -> Iterator[Topic]:
    if found.length is None:
        if found.type in EXPECTED["text"]:
            yield Topic.LONGER
    elif column.max_length is not None and found.length > column.max_length:
        yield Topic.LONGER
    else:
        yield Topic.SHORT_SECRET if is_secret and found.length < HASH_LENGTH else Topic.SHORT


def _compare_emptiness(
    table: Table, column: Column, found: FoundColumn, names: WireNames
) -> Topic | None:
    """What it means that one side lets a column be empty and the other does not."""
    if found.nullable:
        return None if column.nullable else Topic.OPTIONAL
    if names.has_field(table.name, column.name):
        return Topic.MANDATORY if column.nullable else None
    if _is_own(table, names):
        return Topic.OWN_TABLE if column.nullable else None
    # Only times are filled without a field, and what has no default is filled by an effect.
    is_left_out = column.nullable or column.default not in {None, NOW}
    return Topic.NOT_FILLED if is_left_out and found.must_be_given else None


def _words(column: Column) -> str:
    """The type as the original would declare it."""
    if column.type == "timestamp":
        return "timestamp(3)"
    return f"varchar({column.max_length})" if column.max_length else column.type
