"""What adopting a database finds out, in words that say what it means for clients."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from packetserver.catalogue.model import Catalogue
from packetserver.store.adoption_writers import belonging_to, writers_of


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
