"""`packetserver doctor`, as an operator reads it and as a program does."""

import json
import shutil
from pathlib import Path

import pytest


@pytest.fixture
def well(url, tmp_path, monkeypatch):
    """An installation with which all is well."""
    monkeypatch.setenv("PACKETSERVER_FILE_LIBRARY", str(tmp_path))
    Path(url.removeprefix("sqlite:///")).chmod(0o600)
    return url


def test_an_installation_that_is_well(run, well):
    result = run("doctor")
    lines = result.output.splitlines()
    assert result.exit_code == 0, result.output
    assert lines[-1].endswith(" ok, 0 warning, 0 wrong")
    assert all(line.startswith("ok       ") for line in lines[:-1])
    assert "ok       administrator: admin can log in, and may change users" in lines


def test_a_warning_says_what_to_do_and_is_no_failure(run, well, monkeypatch):
    monkeypatch.setenv("PACKETSERVER_PERMISSIONS", "contacts")
    result = run("doctor")
    lines = result.output.splitlines()
    place = next(i for i, line in enumerate(lines) if line.startswith("warning  permissions: "))
    assert lines[place + 1].startswith("         Give the roles the permissions")
    assert lines[-1].endswith(" ok, 1 warning, 0 wrong")
    assert result.exit_code == 0


def test_what_is_wrong_is_a_failure(run, well, monkeypatch):
    monkeypatch.setenv("PACKETSERVER_TIMEZOEN", "UTC")
    result = run("doctor")
    assert result.exit_code == 1
    assert "         Did you mean PACKETSERVER_TIMEZONE?\n" in result.output
    assert result.output.splitlines()[-1].endswith(" ok, 0 warning, 1 wrong")


def test_a_program_reads_json(run, well, monkeypatch):
    monkeypatch.setenv("PACKETSERVER_WORKERS", "many")
    result = run("doctor", "--json")
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert all(set(each) == {"check", "health", "text", "advice"} for each in found)
    (wrong,) = [each for each in found if each["health"] == "wrong"]
    assert wrong["check"] == "settings"
    assert wrong["advice"] == "Set PACKETSERVER_WORKERS to such a value, or unset it."


@pytest.mark.parametrize("option", [[], ["--json"]])
def test_no_password_is_shown(run, monkeypatch, tmp_path, option):
    monkeypatch.setenv("PACKETSERVER_FILE_LIBRARY", str(tmp_path))
    url = "postgresql://crm:geheim-9@127.0.0.1:1/crm?password=geheim-9"
    monkeypatch.setenv("PACKETSERVER_DATABASE_URL", url)
    result = run("doctor", *option)
    assert result.exit_code == 1
    assert "geheim-9" not in result.output
    assert "does not answer" in result.output


def test_a_url_that_is_none_shows_no_password(run, monkeypatch):
    monkeypatch.setenv("PACKETSERVER_DATABASE_URL", "postgresql://crm:geheim-9@host:port/crm")
    result = run("doctor")
    assert result.exit_code == 1
    assert "geheim-9" not in result.output


def test_a_file_that_is_no_database(run, tmp_path, monkeypatch):
    file = tmp_path / "crm.db"
    file.write_bytes(b"no database at all" * 100)
    monkeypatch.setenv("PACKETSERVER_DATABASE_URL", f"sqlite:///{file}")
    monkeypatch.setenv("PACKETSERVER_FILE_LIBRARY", str(tmp_path))
    result = run("doctor")
    assert result.exit_code == 1
    assert "file is not a database" in result.output


def test_a_database_that_is_broken_half_way(run, well, tmp_path, monkeypatch):
    copy = tmp_path / "copy.db"
    shutil.copyfile(well.removeprefix("sqlite:///"), copy)
    copy.chmod(0o600)
    with copy.open("r+b") as file:
        file.truncate(copy.stat().st_size // 2)
    monkeypatch.setenv("PACKETSERVER_DATABASE_URL", f"sqlite:///{copy}")
    result = run("doctor")
    assert result.exit_code == 1
    assert "wrong    database: " in result.output
