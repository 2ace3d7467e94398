import dataclasses
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packetserver import setting_kinds
from packetserver.errors import SettingsError
from packetserver.settings import SETTINGS, Settings, load_settings

ROOT = Path(__file__).resolve().parent.parent

WRONG = {
    "database_url": ["var/packetserver.db", "mysql://localhost/crm"],
    "timezone": ["Mars/Olympus", "America", "../etc/passwd", "EST5EDT6"],
    "server_names": ["one,,two", ","],
    "max_body_bytes": ["64 megabytes", "-1", "0", "1.5MB", "MB"],
    "max_packet_elements": ["0", "many"],
    "max_packet_depth": ["4", "1e3"],
    "spool_memory_bytes": ["0x10", "0"],
    "default_response_encoding": ["UTF-15", "rot13"],
    "permissions": ["none", "accounts"],
    "upgrade_secrets": ["maybe", "2"],
    "remember_credentials_seconds": ["-1", "5m"],
    "login_failures": ["-1", "1001", "many"],
    "login_failure_minutes": ["0", "1441", "15m"],
    "bind": ["8080", "localhost", "localhost:http", "localhost:65536", ":8080"],
    "workers": ["0", "257", "auto"],
    "threads": ["0", "1025"],
    "log_level": ["verbose"],
    "log_format": ["xml", "colours"],
    "metrics": ["on", "127.0.0.1"],
}


def variable(name: str) -> str:
    return "PACKETSERVER_" + name.upper()


def configured(folder: Path, content: str) -> dict[str, str]:
    file = folder / "settings.toml"
    file.write_text(content, encoding="utf-8")
    return {"PACKETSERVER_CONFIG": str(file)}


def test_nothing_set_gives_the_defaults():
    assert load_settings({"PATH": "/bin", "HOME": "/home/ada"}) == Settings()


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("timezone", "Europe/Berlin", "Europe/Berlin"),
        (
            "server_names",
            "crm.example.org, CRM.example.net",
            ("crm.example.org", "crm.example.net"),
        ),
        ("language", " de_DE ", "de_DE"),
        ("system_xml", "etc/system.xml", Path("etc/system.xml")),
        ("max_body_bytes", "65536", 65536),
        ("max_body_bytes", "64MB", 64 * 1024 * 1024),
        ("max_body_bytes", "512 KiB", 512 * 1024),
        ("max_body_bytes", "1g", 1024**3),
        ("default_response_encoding", "ISO-8859-1", "ISO-8859-1"),
        ("permissions", "Contacts", "contacts"),
        ("upgrade_secrets", "yes", True),
        ("upgrade_secrets", "OFF", False),
        ("remember_credentials_seconds", "0", 0),
        ("bind", "[::1]:80", "[::1]:80"),
        ("bind", "unix:/run/packetserver.sock", "unix:/run/packetserver.sock"),
        ("log_level", "DEBUG", "debug"),
    ],
)
def test_the_environment_sets_a_setting(name, text, value):
    assert getattr(load_settings({variable(name): text}), name) == value


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("sqlite:///var/crm.db", "sqlite:///var/crm.db"),
        ("postgresql://ada@db/crm", "postgresql+psycopg://ada@db/crm"),
        ("postgres://ada@db/crm", "postgresql+psycopg://ada@db/crm"),
        ("postgresql+psycopg://ada@db/crm", "postgresql+psycopg://ada@db/crm"),
    ],
)
def test_a_plain_postgresql_url_means_psycopg(text, url):
    assert load_settings({"PACKETSERVER_DATABASE_URL": text}).database_url == url


def test_the_file_sets_settings_in_the_types_of_toml(tmp_path):
    environment = configured(
        tmp_path,
        'timezone = "Asia/Tokyo"\nserver_names = ["One", "two"]\nworkers = 4\n'
        'upgrade_secrets = true\nmax_body_bytes = 1000\nspool_memory_bytes = "2 MiB"\n',
    )
    assert load_settings(environment) == Settings(
        timezone="Asia/Tokyo",
        server_names=("one", "two"),
        workers=4,
        upgrade_secrets=True,
        max_body_bytes=1000,
        spool_memory_bytes=2 * 1024 * 1024,
    )


def test_the_environment_wins_over_the_file(tmp_path):
    environment = configured(tmp_path, 'language = "fr_FR"\ncurrency = "EUR"\n')
    settings = load_settings({**environment, "PACKETSERVER_LANGUAGE": "de_DE"})
    assert (settings.language, settings.currency) == ("de_DE", "EUR")


def test_an_empty_variable_is_not_set(tmp_path):
    environment = configured(tmp_path, "threads = 3\n")
    assert load_settings({**environment, "PACKETSERVER_THREADS": " "}).threads == 3


def test_the_database_sets_what_nothing_else_sets(tmp_path):
    environment = configured(tmp_path, 'language = "fr_FR"\n')
    settings = load_settings({**environment, "PACKETSERVER_COUNTRY": "UNITED STATES"})
    stored = {"language": "it_IT", "country": "ITALIA", "timezone": "Europe/Rome"}
    completed = settings.completed_by(stored)
    assert completed == Settings(language="fr_FR", country="UNITED STATES", timezone="Europe/Rome")


def test_the_database_leaves_alone_what_was_made_in_code():
    settings = Settings(timezone="Asia/Tokyo")
    assert settings.completed_by({"timezone": "Europe/Rome"}) == settings


@pytest.mark.parametrize(
    ("name", "text"), [(name, text) for name, texts in WRONG.items() for text in texts]
)
def test_a_value_that_is_not_allowed_is_an_error_that_says_what_is(name, text):
    line = next(line for line in SETTINGS if line.name == name)
    with pytest.raises(SettingsError) as raised:
        load_settings({variable(name): text})
    assert str(raised.value) == f"{variable(name)} in the environment must be {line.kind.allowed}"


@pytest.mark.parametrize(
    "entry",
    [
        "threads = true",
        "threads = 2.5",
        "upgrade_secrets = 1",
        "language = 7",
        'server_names = ["one", 2]',
        "server_names = 5",
        "timezone = 2020-01-01",
        "system_xml = []",
        "max_body_bytes = false",
    ],
)
def test_a_value_of_another_type_in_the_file_is_an_error_that_names_the_file(tmp_path, entry):
    environment = configured(tmp_path, entry)
    name = entry.partition(" ")[0]
    with pytest.raises(SettingsError, match=f"^{name} in .*settings.toml must be "):
        load_settings(environment)


def test_a_value_in_the_database_that_is_not_allowed_is_an_error():
    with pytest.raises(SettingsError, match=r"^timezone in the database must be an IANA time zone"):
        Settings().completed_by({"timezone": "Nowhere"})


def test_an_unknown_variable_is_an_error_that_names_the_nearest_setting():
    with pytest.raises(SettingsError) as raised:
        load_settings({"PACKETSERVER_TIMEZOEN": "UTC"})
    assert str(raised.value) == (
        "PACKETSERVER_TIMEZOEN in the environment is no setting: did you mean PACKETSERVER_TIMEZONE?"
    )


def test_an_unknown_key_of_the_file_is_an_error_that_names_the_file(tmp_path):
    with pytest.raises(SettingsError, match=r"^given in .*settings\.toml is no setting"):
        load_settings(configured(tmp_path, 'given = ["language"]'))


@pytest.mark.parametrize("content", ["language = ", "[threads", "\x00"])
def test_a_file_that_is_no_toml_is_an_error(tmp_path, content):
    with pytest.raises(SettingsError, match="PACKETSERVER_CONFIG must name a TOML file"):
        load_settings(configured(tmp_path, content))


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(SettingsError, match="PACKETSERVER_CONFIG must name a TOML file"):
        load_settings({"PACKETSERVER_CONFIG": str(tmp_path / "none.toml")})


def test_a_password_in_the_url_is_never_shown():
    url = "postgresql://ada:hidden-word@db/crm"
    assert "hidden-word" not in repr(load_settings({"PACKETSERVER_DATABASE_URL": url}))
    with pytest.raises(SettingsError) as raised:
        load_settings({"PACKETSERVER_DATABASE_URL": url.replace("postgresql", "oracle")})
    assert "hidden-word" not in str(raised.value)


def test_settings_do_not_change():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings().threads = 2


@pytest.mark.parametrize("line", SETTINGS, ids=lambda line: line.name)
def test_every_line_of_the_table_is_complete(line):
    assert re.fullmatch(r"[A-Z].*[^.]\.", line.description)
    assert getattr(Settings(), line.name) == line.default
    if line.default_text:
        assert getattr(load_settings({line.variable: line.default_text}), line.name) == line.default


@pytest.mark.parametrize("line", SETTINGS, ids=lambda line: line.name)
def test_the_readme_has_every_setting_with_its_default_and_description(line):
    default = f"`{line.default_text}`" if line.default_text else "none"
    row = f"| `{line.variable}` | {default} | {line.description} |"
    assert row in (ROOT / "README.md").read_text(encoding="utf-8").splitlines()


def test_the_readme_has_no_setting_that_is_none():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"PACKETSERVER_[A-Z_]+", readme)) - {"PACKETSERVER_CONFIG"}
    assert named == {line.variable for line in SETTINGS}


@given(st.integers(min_value=1, max_value=1024**4))
def test_a_size_is_read_as_it_is_written(size):
    assert setting_kinds.SIZE.read(setting_kinds.SIZE.write(size)) == size


@given(st.sampled_from(SETTINGS), st.text())
def test_any_text_is_a_value_or_a_settings_error(line, text):
    outcome = outcome_of({line.variable: text})
    if isinstance(outcome, SettingsError):
        assert line.variable in str(outcome)
    else:
        assert outcome.given == ({line.name} if text.strip() else set())


def outcome_of(environment: dict[str, str]) -> Settings | SettingsError:
    try:
        return load_settings(environment)
    except SettingsError as error:
        return error
