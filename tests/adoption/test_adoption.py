"""Databases that the original made, before and after `packetserver adopt`."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
import sqlalchemy
from click.testing import CliRunner, Result
from driving import ADMIN, CLIENT, Driver
from making import Maker, creatable
from sqlalchemy import Connection
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from adoption.original_database import ENTERED, OURS, OriginalDatabase, Used, use
from adoption.original_deviations import USED, Deviations
from databases import Databases
from packetserver import cli
from packetserver.adoption import Adoption, adopt_database
from packetserver.adoption.differences import Topic
from packetserver.errors import ProvisionError
from packetserver.protocols.packet.process import Engine, build_engine
from packetserver.provision.installation import Condition, condition_of
from packetserver.records.opening import load_schema
from packetserver.security.credentials import Credentials
from packetserver.settings import Settings
from packetserver.store.database import Database
from packetserver.store.schema import Schema

# The databases are made once, and are then copied.
pytestmark = pytest.mark.xdist_group("adoption")

ZONE = "America/New_York"
NAMED_KEYS = {"contact": "contact_id_seq", "call_log": '"Calls"'}

# What a database of use is found to differ in, all of it and nothing else.
EXPECTED = {
    Topic.OTHER_TYPE: {"notification.result"},
    Topic.NOT_FILLED: {"history.legacy_code"},
    Topic.NO_KEYS_GIVEN: {"lookup_title.code"},
    Topic.SHORT: {"contact.namelast", "contact.duns_number", "organization.notes"},
    Topic.SHORT_SECRET: {"access.webdav_password"},
    Topic.NOT_UNIQUE: {"sync_map"},
    Topic.PADDED: {"contact.duns_number"},
    Topic.NARROW: {"organization.employees"},
    Topic.COARSE: {"organization.revenue", "ticket.critical", "task.estimatedloe"},
    Topic.FINE_TIME: {"ticket.est_resolution_date"},
    Topic.MANDATORY: {"news.headline", "notification.notify_type"},
    Topic.UNCHECKED: {"contact.org_id", "contact_phone.contact_id", "project_news.template_id"},
    Topic.CHECKED: {"ticket.expectation"},
    Topic.OTHER_SEQUENCE: {
        *("contact.contact_id", "call_log.call_id", "sync_client.client_id"),
    },
    Topic.LONGER: {"contact.namefirst"},
    Topic.FINER: {
        *("contact.birthdate", "survey_questions.question_id", "usage_log.record_size"),
    },
    Topic.OPTIONAL: {"contact.namefirst", "organization.name"},
    Topic.UNKNOWN_COLUMN: {"contact.assistant_name", "organization.legacy_rating"},
    Topic.UNKNOWN_TABLE: {"kiosk"},
}

COLUMNS = """SELECT table_name, column_name, ordinal_position, data_type, column_default,
    is_nullable, character_maximum_length, numeric_precision, datetime_precision, is_identity
    FROM information_schema.columns WHERE table_schema = 'public'"""
CONSTRAINTS = """SELECT CAST(conrelid AS regclass)::text, conname, pg_get_constraintdef(oid)
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype <> 'n'"""
# Whether a column may be empty is told by the columns; new versions make it a constraint, too.""
INDEXES = "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'"
SEQUENCES = "SELECT sequencename, start_value, increment_by, last_value FROM pg_sequences"


class Picture:
    """All that a database is and holds, or what it is and holds of certain columns."""

    def __init__(self, connection: Connection, of: Picture | None = None) -> None:
        self._connection = connection
        self.columns = {tuple(row)[:2]: tuple(row) for row in self._all(COLUMNS)}
        wanted = self.columns if of is None else of.columns
        self.rows = {
            table: self._rows(table, [name for other, name in wanted if other == table])
            for table in {table for table, _ in wanted}
        }
        self.constraints = set(self._all(CONSTRAINTS))
        self.indexes = set(self._all(INDEXES))
        self.sequences = {row[0]: tuple(row) for row in self._all(SEQUENCES)}

    def _all(self, statement: str) -> list[Any]:
        return list(self._connection.exec_driver_sql(statement).all())

    def _rows(self, table: str, names: list[str]) -> list[str]:
        columns = map(sqlalchemy.column, names)
        statement = sqlalchemy.select(*columns).select_from(sqlalchemy.table(table))
        return sorted(map(repr, self._connection.execute(statement)))

    @property
    def everything(self) -> tuple[Any, ...]:
        return self.columns, self.rows, self.constraints, self.indexes, self.sequences


@contextlib.contextmanager
def opened(url: str) -> Iterator[Connection]:
    with contextlib.closing(Database(url)) as database, database.connect() as connection:
        yield connection


def execute(url: str, *statements: str) -> None:
    with opened(url) as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
        connection.commit()


def scalar(url: str, statement: str) -> Any:
    with opened(url) as connection:
        return connection.exec_driver_sql(statement).scalar()


def picture(url: str, of: Picture | None = None) -> Picture:
    with opened(url) as connection:
        return Picture(connection, of)


def make(url: str, schema: Schema, deviations: Deviations) -> None:
    with opened(url) as connection:
        database = OriginalDatabase(connection, schema.catalogue, deviations)
        database.create()
        database.fill()
        used = use(database)
        assert used == Used(user=1, account=1, contact=1, ticket=1)
        connection.commit()


def adopt(url: str, schema: Schema, *, dry_run: bool = False) -> Adoption:
    with contextlib.closing(Database(url)) as database:
        return adopt_database(database, schema, ENTERED, dry_run=dry_run)


def places(adoption: Adoption) -> Mapping[Topic, set[str]]:
    found: dict[Topic, set[str]] = {}
    for each in adoption.findings:
        found.setdefault(each.topic, set()).add(each.place)
    return found


def facts(adoption: Adoption, topic: Topic) -> dict[str, str]:
    return {each.place: each.fact for each in adoption.findings if each.topic is topic}


@pytest.fixture(scope="module")
def whole_schema() -> Schema:
    return load_schema()


@pytest.fixture(scope="module")
def templates(databases: Databases, whole_schema: Schema) -> Iterator[tuple[str, str]]:
    """The names of a database of the original, and of the same one adopted; both are copied."""
    with contextlib.ExitStack() as stack:
        url = stack.enter_context(databases.empty("postgresql"))
        make(url, whole_schema, USED)
        original = make_url(url).database or ""
        url = stack.enter_context(databases._postgres_database(original))
        adopt(url, whole_schema)
        yield original, make_url(url).database or ""


@pytest.fixture
def original(databases: Databases, templates: tuple[str, str]) -> Iterator[str]:
    """The URL of a database that the original has made and used."""
    with databases._postgres_database(templates[0]) as url:
        yield url


@pytest.fixture
def adopted(databases: Databases, templates: tuple[str, str]) -> Iterator[str]:
    """The URL of such a database that has been adopted."""
    with databases._postgres_database(templates[1]) as url:
        yield url


@pytest.fixture(scope="module")
def served(databases: Databases, templates: tuple[str, str]) -> Iterator[tuple[str, Engine]]:
    """Such a database with an engine on it, shared by tests that leave each other's rows alone."""
    with databases._postgres_database(templates[1]) as url:
        engine = build_engine(Settings(database_url=url, timezone=ZONE))
        with contextlib.closing(engine.database):
            yield url, engine


@pytest.fixture
def served_url(served: tuple[str, Engine]) -> str:
    return served[0]


@pytest.fixture
def serve(served: tuple[str, Engine]) -> Driver:
    return Driver(served[1], ADMIN)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    def run(url: str, *arguments: str) -> Result:
        monkeypatch.setenv("PACKETSERVER_DATABASE_URL", url)
        result = CliRunner().invoke(cli.main, arguments, prog_name="packetserver")
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


class TestReport:
    def test_a_dry_run_finds_every_difference_and_changes_nothing(self, original, whole_schema):
        before = picture(original)
        adoption = adopt(original, whole_schema, dry_run=True)
        assert places(adoption) == EXPECTED
        assert picture(original).everything == before.everything

    def test_a_dry_run_announces_what_is_added(self, original, whole_schema):
        announced = adopt(original, whole_schema, dry_run=True)
        assert adopt(original, whole_schema).additions == announced.additions

    def test_facts_say_what_is_there_and_what_was_expected(self, original, whole_schema):
        adoption = adopt(original, whole_schema, dry_run=True)
        assert facts(adoption, Topic.SHORT) == {
            "contact.namelast": "varchar(40) instead of varchar(80)",
            "contact.duns_number": "char(12) instead of varchar(30)",
            "organization.notes": "varchar(4000) instead of text",
        }
        assert facts(adoption, Topic.UNCHECKED)["contact.org_id"].endswith("no organization: 1")
        assert facts(adoption, Topic.OTHER_SEQUENCE)["call_log.call_id"].startswith('"Calls" ')
        assert facts(adoption, Topic.UNKNOWN_TABLE) == {"kiosk": "refers to organization"}
        named = {each.place: each.concerns for each in adoption.findings}
        assert named["contact.namelast"] == "contact nameLast"
        assert named["lookup_title.code"] == "lookupTitle"

    def test_sequences_that_are_behind_are_told(self, original, whole_schema):
        execute(original, "SELECT setval('ticket_ticketid_seq', 1, false)")
        adoption = adopt(original, whole_schema, dry_run=True)
        fact = "ticket_ticketid_seq gives 1 next, and 1 is there"
        assert facts(adoption, Topic.BEHIND) == {"ticket.ticketid": fact}

    def test_a_log_that_what_this_server_writes_does_not_fit_is_told(self, original, whole_schema):
        execute(
            original,
            "ALTER TABLE sync_log ALTER client_id SET NOT NULL, ALTER ip TYPE VARCHAR(15)",
        )
        adoption = adopt(original, whole_schema, dry_run=True)
        assert facts(adoption, Topic.OWN_TABLE) == {
            "sync_log.client_id": "may not be empty",
            "sync_log.ip": "varchar(15) instead of varchar(45)",
        }

    def test_rows_that_the_server_itself_needs_are_told(self, original, whole_schema):
        execute(
            original,
            "DELETE FROM contact WHERE org_id = 0",
            "DELETE FROM organization WHERE org_id = 0",
            "UPDATE permission SET permission = 'tickets' WHERE permission = 'tickets-tickets'",
        )
        adoption = adopt(original, whole_schema, dry_run=True)
        assert set(facts(adoption, Topic.NO_ROW)) == {"organization.org_id 0"}
        refused = {e.place: e.concerns for e in adoption.findings if e.topic is Topic.NO_PERMISSION}
        assert "ticket" in refused["tickets-tickets"].split(", ")

    def test_a_database_of_our_own_has_nothing_to_tell(self, databases, whole_schema):
        with databases.prepared("postgresql") as url:
            adoption = adopt(url, whole_schema, dry_run=True)
        assert (adoption.findings, bool(adoption.additions)) == ((), False)


class TestAdopting:
    def test_what_was_there_stays_as_it_was(self, original, whole_schema):
        before = picture(original)
        adopt(original, whole_schema)
        after = picture(original, of=before)
        assert {place: after.columns[place] for place in before.columns} == before.columns
        assert after.rows.keys() == before.rows.keys()
        for table, rows in before.rows.items():
            if table == "sync_table":
                assert set(rows) < set(after.rows[table])
            else:
                assert after.rows[table] == rows, table
        assert after.constraints >= before.constraints
        old_tables = set(before.rows)
        assert not {row for row in after.constraints - before.constraints if row[0] in old_tables}
        assert after.indexes >= before.indexes
        moved = {name for name, row in before.sequences.items() if after.sequences[name] != row}
        assert moved == {"sync_table_table_id_seq"}

    def test_what_the_catalogue_has_is_there_afterwards(self, adopted, whole_schema):
        after = picture(adopted)
        wanted = {
            (table.name, column)
            for table in whole_schema.catalogue.tables.values()
            for column in table.columns
        }
        assert wanted <= set(after.columns)
        default = {place: row[4:6] for place, row in after.columns.items()}
        assert default["access", "allow_webdav_access"] == ("true", "NO")
        assert default["contact", "secret_word"] == (None, "YES")
        # It is mandatory, but what should the rows hold that are there?
        assert default["quote_notes", "notes"] == (None, "YES")
        names = {row[0] for row in after.constraints if "REFERENCES sync_client" in row[2]}
        assert {"sync_unconfirmed", "sync_session", "sync_number"} <= names
        with opened(adopted) as connection:
            assert condition_of(connection) is Condition.CURRENT

    def test_every_index_is_there_afterwards_even_where_its_name_was_taken(self, adopted):
        definitions = [row[2] for row in picture(adopted).indexes if row[0] == "contact"]
        endings = [each.partition(" USING btree ")[2] for each in definitions]
        # Those that were there cover expressions, or some rows only.
        assert endings.count("(lower((company)::text))") == endings.count("(org_id)") == 1
        assert endings.count("(modified)") == endings.count("(modified) WHERE enabled") == 1

    def test_every_element_has_one_number(self, adopted, whole_schema):
        counts = "SELECT count(*) FROM sync_table WHERE system_id = 4"
        names = "SELECT count(DISTINCT element_name) FROM sync_table WHERE system_id = 4"
        assert (
            scalar(adopted, counts) == scalar(adopted, names) == len(whole_schema.catalogue.targets)
        )
        key = "SELECT object_key FROM sync_table WHERE system_id = 4 AND element_name = '{}'"
        found = [scalar(adopted, key.format(name)) for name in ("survey", "surveyList", "quote")]
        assert found == ["id", None, "id"]

    def test_elements_are_numbered_even_where_their_sequence_is_behind(
        self, original, whole_schema
    ):
        execute(original, "SELECT setval('sync_table_table_id_seq', 5)")
        adoption = adopt(original, whole_schema)
        assert "sync_table.table_id" in facts(adoption, Topic.BEHIND)
        assert not adopt(original, whole_schema).additions

    def test_again_it_changes_nothing(self, adopted, whole_schema):
        before = picture(adopted)
        adoption = adopt(adopted, whole_schema)
        assert not adoption.additions
        assert adoption.adopted_before
        assert picture(adopted).everything == before.everything

    def test_guids_become_unique_where_the_rows_allow_it(self, original, whole_schema):
        execute(original, "DELETE FROM sync_map WHERE cuid = -1")
        adoption = adopt(original, whole_schema)
        assert Topic.NOT_UNIQUE not in places(adoption)
        found = [row[2] for row in picture(original).indexes if row[0] == "sync_map"]
        assert sum("UNIQUE" in each and "cuid" in each for each in found) == 1
        assert not adopt(original, whole_schema).additions

    def test_twins_are_told_and_names_kept_once_they_are_parted(self, original, whole_schema):
        def rename(number: int, name: str) -> None:
            statement = "UPDATE access SET username = '{}' WHERE user_id = {}"
            execute(original, statement.format(name, number))

        execute(
            original,
            "INSERT INTO access (user_id, username, password, enteredby, modifiedby)"
            " VALUES (701, 'Änne', '', 0, 0), (702, 'änne ', '', 0, 0)",
        )
        told = {"access.username": "701 (Änne) and 702 (änne )"}
        assert facts(adopt(original, whole_schema, dry_run=True), Topic.SAME_NAME) == told
        adoption = adopt(original, whole_schema)
        assert facts(adoption, Topic.SAME_NAME) == told
        assert [each.table for each in adoption.additions.names] == ["role"]
        rename(702, "Anne")
        again = adopt(original, whole_schema)
        assert Topic.SAME_NAME not in places(again)
        assert [each.table for each in again.additions.names] == ["access"]
        with pytest.raises(DBAPIError, match="access_username_name_idx"):
            rename(702, " ÄNNE")

    def test_a_database_from_before_there_were_sync_clients(self, databases, whole_schema):
        named = frozenset(name for name in whole_schema.catalogue.tables if "sync" in name)
        sync = named | OURS
        with databases.empty("postgresql") as url:
            with opened(url) as connection:
                missing = Deviations(without_tables=sync)
                made = OriginalDatabase(connection, whole_schema.catalogue, missing)
                made.create()
                made.fill()
                connection.commit()
            assert set(adopt(url, whole_schema).additions.tables) > sync
            assert scalar(url, "SELECT application_name FROM sync_system") == "CFSHttpXMLWriter"
            elements = scalar(url, "SELECT count(*) FROM sync_table")
            assert elements == len(whole_schema.catalogue.targets)
            constraints = picture(url).constraints
            assert any(row[0] == "sync_map" and "UNIQUE" in row[2] for row in constraints)


class TestRefusal:
    def test_another_kind_of_database(self, run, tmp_path):
        path = tmp_path / "var" / "new.db"
        result = run(f"sqlite:///{path}", "adopt")
        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr.startswith(
            "Error: adopt is for PostgreSQL databases that the original"
        )
        assert not path.parent.exists()

    @pytest.mark.parametrize("statement", ["SELECT 1", "CREATE TABLE contact (id INTEGER)"])
    def test_a_database_that_the_original_did_not_make(self, databases, whole_schema, statement):
        with databases.empty("postgresql") as url:
            execute(url, statement)
            before = picture(url)
            with pytest.raises(ProvisionError, match="did not make this database"):
                adopt(url, whole_schema)
            assert picture(url).everything == before.everything

    def test_a_database_of_another_version(self, adopted, whole_schema):
        execute(adopted, "UPDATE alembic_version SET version_num = 'later'")
        before = picture(adopted)
        with pytest.raises(ProvisionError, match="another version of packetserver"):
            adopt(adopted, whole_schema)
        assert picture(adopted).everything == before.everything

    def test_a_user_who_may_only_read(self, original, whole_schema):
        execute(
            original,
            "CREATE ROLE reader LOGIN PASSWORD 'reader'",
            "GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader",
            "GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO reader",
        )
        before = picture(original)
        url = make_url(original).set(username="reader", password="reader")
        reading = url.render_as_string(hide_password=False)
        try:
            assert places(adopt(reading, whole_schema, dry_run=True)) == EXPECTED
            with pytest.raises(
                ProvisionError, match=r"may not make tables in the schema public: .*GRANT"
            ):
                adopt(reading, whole_schema)
            assert picture(original).everything == before.everything
        finally:
            execute(original, "DROP OWNED BY reader", "DROP ROLE reader")


class TestServing:
    MAIN = ("account", "contact", "ticket", "call", "task", "opportunity", "lookupAccountTypes")

    def test_a_user_logs_in_with_the_bare_md5_that_is_stored(self, serve, served_url):
        answer = serve.one("ticket", "select", {"id": "1"}, ["problem", "enteredBy"])
        assert answer.errors == ()
        assert answer.records[0].texts == ("It hums", "1")
        assert scalar(served_url, "SELECT password FROM access WHERE user_id = 1") == ADMIN.code

    def test_nobody_logs_in_as_the_user_of_every_installation(self, serve):
        nobody = Credentials(username="dhvadmin", code="---", system_id=4)
        answer = serve.one("account", "select", {"id": "1"}, ["name"], credentials=nobody)
        assert answer.errors == ("Not authorized",)

    @pytest.mark.parametrize("element", MAIN)
    def test_records_are_written_with_keys_of_the_old_sequences(self, serve, served_url, element):
        serve.credentials = CLIENT
        maker = Maker(serve)
        described = maker.object(element)
        assert described.key is not None
        name = described.key.name
        sequence = NAMED_KEYS.get(
            described.table or "", maker.catalogue.tables[described.table or ""].sequence
        )
        given = f"SELECT last_value FROM {sequence}"  # noqa: S608 - a name of the catalogue
        first = int(maker.insert(element))
        assert scalar(served_url, given) == first
        key = maker.insert(element)
        assert int(key) == first + 1

        field = next(
            each
            for each in maker.settable(element)
            if each.update and each.type.name == "text" and each.name != "modified"
        )
        sent = {name: key, field.name: "changed"}
        changed = serve.one(element, "update", sent, [field.name], validate=False)
        assert [each.texts for each in changed.records] == [("changed",)]
        listed = serve.one(described.list_element or "", "select", {name: key}, [field.name])
        assert [each.texts for each in listed.records] == [("changed",)]
        gone = serve.one(element, "delete", {name: key}, [name])
        assert [each.action for each in gone.records] == ["delete"]
        assert serve.one(element, "select", {name: key}, [name]).records == []

    def test_only_what_was_reported_is_refused(self, serve, original, whole_schema):
        serve.credentials = CLIENT
        maker = Maker(serve)
        refused = {each for each in creatable(maker.catalogue) if not is_inserted(maker, each)}
        # What writes history cannot be stored where the history itself cannot.
        writes_history = {
            *("opportunityComponent", "opportunityComponentLog", "opportunityComponentLevels"),
            "cfsNoteLink",
        }
        reported = {"lookupTitle", "contactHistory", "notification", "newsArticle"}
        assert refused == reported | writes_history
        reported = adopt(original, whole_schema, dry_run=True).findings
        concerned = " ".join(each.concerns for each in reported)
        assert refused <= set(concerned.replace(",", "").split())

    def test_old_codes_of_lookups_are_read_and_referred_to(self, serve):
        codes = serve.one("lookupAccountTypesList", "select", {}, ["code"]).records
        assert min(int(each["code"]) for each in codes) > 700

    def test_a_row_that_refers_to_nothing_is_read(self, serve):
        serve.credentials = CLIENT
        answer = serve.one("contact", "select", {"id": "2"}, ["nameLast", "orgId"])
        assert [each.texts for each in answer.records] == [("Lost", "987654")]

    def test_a_text_that_does_not_fit_is_refused(self, serve):
        serve.credentials = CLIENT
        sent = {"id": "1", "nameLast": "x" * 41}
        answer = serve.one("contact", "update", sent, ["nameLast"], validate=False)
        assert answer.reasons == ("Transaction failed", "A value does not fit its field")

    def test_a_sync_client_goes_on_with_its_old_map(self, serve, served_url):
        serve.credentials = CLIENT
        sent = {"guid": "11", "name": "Darker Horse", "modified": "2009-08-07 06:05:04.321"}
        answer = serve.one("account", "update", sent, ["guid", "name"], validate=False)
        assert [(each.action, each["name"]) for each in answer.records] == [
            ("processed", "Darker Horse")
        ]
        assert (
            scalar(served_url, "SELECT name FROM organization WHERE org_id = 1") == "Darker Horse"
        )
        new = {"guid": "40", "nameLast": "New", "accountGuid": "11", "enteredBy": "1"}
        new |= {"modifiedBy": "1", "accessType": "2", "orgGuid": "-1"}
        assert serve.one("contact", "insert", new, ["id"], validate=False).errors == ()
        mapped = "SELECT count(*) FROM sync_map WHERE client_id = 1 AND cuid = 40"
        assert scalar(served_url, mapped) == 1

    def test_a_sync_client_is_removed_with_all_that_it_had(self, serve, served_url):
        other = dataclasses.replace(CLIENT, client_id=2, code="secret2")
        seen = serve.one("account", "select", {"id": "1"}, ["guid"], credentials=other)
        assert [each.texts for each in seen.records] == [("-1",)]
        assert scalar(served_url, "SELECT count(*) FROM sync_log WHERE client_id = 2") == 1
        answer = serve.one("syncClient", "delete", {"id": "2"}, ["id"])
        assert answer.errors == ()
        for table in ("sync_client", "sync_map"):
            statement = f"SELECT count(*) FROM {table} WHERE client_id = 2"  # noqa: S608 - as above
            assert scalar(served_url, statement) == 0


def is_inserted(maker: Maker, element: str) -> bool:
    try:
        maker.insert(element)
    except (AssertionError, DBAPIError):
        return False
    return True


class TestCommand:
    def test_the_way_of_an_operator(self, run, original):
        announced = run(original, "adopt", "--dry-run")
        assert announced.exit_code == 0
        lines = announced.output.splitlines()
        assert "To be added" in lines
        assert "To be mended: this does not work as it is" in lines
        assert "  lookup_title.code  it has no default  lookupTitle" in lines
        assert lines[-1].startswith("Nothing was changed. 3 differences are to be mended")

        done = run(original, "adopt").output.splitlines()
        assert "Added" in done
        assert done[-1].startswith("The database is adopted: packetserver serve serves it.")
        again = run(original, "adopt").output.splitlines()
        assert "Nothing that this server needs is missing." in again
        assert again[-1].startswith("The database was adopted before, and is as it was.")

        assert "is up to date" in run(original, "init-db").output
        assert [
            line.split()[1] for line in run(original, "user", "list").output.splitlines()[1:]
        ] == ["Admin"]

    def test_keys_that_are_given_move_the_sequence_that_is_there(self, run, adopted, tmp_path):
        path = tmp_path / "people.toml"
        path.write_text('[[sync_client]]\nid = 12\ntype = "pocket"\ncode = "geheim"\n')
        assert run(adopted, "provision", str(path)).exit_code == 0
        assert scalar(adopted, "SELECT nextval('client_seq')") == 13

    def test_no_password_is_shown(self, run):
        result = run("postgresql://ann:geheim@127.0.0.1:1/crm", "adopt")
        assert (result.exit_code, "geheim" in result.output) == (1, False)
        assert result.output.startswith("Error: the database does not answer: nothing listens")
