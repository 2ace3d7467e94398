import pytest

from packetserver.cli.settings import shown_url, shown_value
from packetserver.settings import SETTINGS, Settings


def lines_of(output: str) -> dict[str, str]:
    pairs = (line.split(" = ", 1) for line in output.splitlines() if " = " in line)
    return {name: rest for name, rest in pairs if name.startswith("PACKETSERVER_")}


def test_every_setting_is_shown_with_its_description(run, url):
    result = run("settings")
    assert result.exit_code == 0
    assert set(lines_of(result.output)) == {line.variable for line in SETTINGS}
    assert all(f"    {line.description}\n" in result.output for line in SETTINGS)


def test_each_value_says_where_it_comes_from(run, url, tmp_path, monkeypatch):
    path = tmp_path / "settings.toml"
    path.write_text('threads = 3\nlanguage = "de_DE"\n')
    monkeypatch.setenv("PACKETSERVER_CONFIG", str(path))
    monkeypatch.setenv("PACKETSERVER_LANGUAGE", "fr_FR")
    lines = lines_of(run("settings").output)
    assert lines["PACKETSERVER_LANGUAGE"] == "fr_FR   [environment]"
    assert lines["PACKETSERVER_THREADS"] == f"3   [{path}]"
    assert lines["PACKETSERVER_TIMEZONE"] == "America/New_York   [database]"
    assert lines["PACKETSERVER_SERVER_NAMES"] == "127.0.0.1   [database]"
    assert lines["PACKETSERVER_SYSTEM_XML"] == "(not set)   [default]"
    assert lines["PACKETSERVER_MAX_BODY_BYTES"] == "64 MiB   [default]"


def test_the_environment_wins_over_the_database(run, url, monkeypatch):
    monkeypatch.setenv("PACKETSERVER_TIMEZONE", "Europe/Berlin")
    lines = lines_of(run("settings").output)
    assert lines["PACKETSERVER_TIMEZONE"] == "Europe/Berlin   [environment]"


def test_without_a_database_the_rest_is_shown(run, monkeypatch):
    monkeypatch.setenv("PACKETSERVER_DATABASE_URL", "postgresql://ann:geheim@127.0.0.1:1/crm")
    result = run("settings")
    assert result.exit_code == 0
    assert result.stderr.startswith(
        "Without what the database keeps: the database does not answer: nothing listens"
    )
    shown = lines_of(result.stdout)["PACKETSERVER_DATABASE_URL"]
    assert shown == "postgresql+psycopg://ann:***@127.0.0.1:1/crm   [environment]"
    assert "geheim" not in result.output


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("sqlite:///var/a.db", "sqlite:///var/a.db"),
        ("postgresql+psycopg://u:geheim@h:1/d", "postgresql+psycopg://u:***@h:1/d"),
        ("postgresql://u@h/d?password=geheim", "postgresql://u@h/d?password=hidden"),
        ("postgresql://h/d?sslpassword=geheim&a=b", "postgresql://h/d?a=b&sslpassword=hidden"),
        ("postgresql://u:geheim@h:port/d", "***"),
        ("geheim", "***"),
    ],
)
def test_no_password_is_shown_wherever_it_stands(url, shown):
    assert shown_url(url) == shown


def test_a_shown_value_is_what_the_environment_would_hold():
    for line in SETTINGS:
        if line.default_text:
            assert shown_value(Settings(), line) == line.default_text
