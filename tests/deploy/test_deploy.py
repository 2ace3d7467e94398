"""What is deployed agrees with the code, as far as that shows without the machines it is for."""

from __future__ import annotations

import configparser
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner
from defusedxml.ElementTree import fromstring

from packetserver.cli import main
from packetserver.http.files import FILES_FOR_CONNECTION, OTHER_FILES
from packetserver.http.gunicorn import FINISHING_SECONDS, KEEP_ALIVE_SECONDS, gunicorn_options
from packetserver.settings import SETTINGS, Settings, load_settings

ROOT = Path(__file__).resolve().parent.parent.parent
DEPLOY = ROOT / "deploy"
UNITS = ("packetserver.service", "packetserver-packages.service")
SIZES = {"k": 1024, "m": 1024**2, "g": 1024**3}


def text(name: str) -> str:
    return (DEPLOY / name).read_text(encoding="utf-8")


def unit(name: str) -> configparser.ConfigParser:
    # Environment= may stand there several times.
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(text(name))
    return parser


def kept() -> Settings:
    return load_settings({"PACKETSERVER_CONFIG": str(DEPLOY / "settings.toml")})


def seconds(duration: str) -> int:
    number, unit_name = re.fullmatch(r"(\d+)\s*(s|min)?", duration).groups()  # type: ignore[union-attr]
    return int(number) * (60 if unit_name == "min" else 1)


def directive(name: str) -> str:
    """The one value of a directive of nginx."""
    (found,) = re.findall(rf"^\s*{name} ([^;]+);", text("nginx.conf"), re.MULTILINE)
    return found


def test_the_settings_are_settings() -> None:
    found = kept()
    assert found.require_https
    assert found.trusted_proxies
    assert set(tomllib.loads(text("settings.toml"))) <= {line.name for line in SETTINGS}


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_starts_a_command_that_there_is(name: str) -> None:
    program, *arguments = unit(name)["Service"]["ExecStart"].split()
    assert program == "/opt/packetserver/bin/packetserver"
    help_text = CliRunner().invoke(main, [arguments[0], "--help"])
    assert help_text.exit_code == 0
    assert all(each in help_text.output for each in arguments[1:])
    assert "PACKETSERVER_CONFIG=/etc/packetserver/settings.toml" in text(name)


def test_both_units_are_confined_alike() -> None:
    first, second = (text(name).partition("# What the service needs not")[2] for name in UNITS)
    assert "NoNewPrivileges=yes" in first
    assert first == second
    assert {unit(name)["Service"]["User"] for name in UNITS} == {"packetserver"}


def test_the_server_has_time_to_finish_and_files_to_open() -> None:
    service = unit("packetserver.service")["Service"]
    assert seconds(service["TimeoutStopSec"]) > FINISHING_SECONDS
    connections = gunicorn_options(kept())["worker_connections"]
    files = FILES_FOR_CONNECTION * connections + OTHER_FILES
    assert int(service["LimitNOFILE"]) > files
    assert service["ExecReload"] == "/bin/kill -HUP $MAINPID"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
@pytest.mark.parametrize("name", UNITS)
def test_systemd_accepts_a_unit(name: str, tmp_path: Path) -> None:
    # It looks for the program, too, which is not there.
    copy = tmp_path / name
    copy.write_text(text(name).replace("/opt/packetserver/bin/packetserver", sys.executable))
    command = ["systemd-analyze", "verify", "--man=no", str(copy)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")


def check_gunicorn(environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gunicorn", "--print-config"]
    return subprocess.run(
        [*command, "--config", str(DEPLOY / "gunicorn.conf.py"), "wsgi:application"],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PACKETSERVER_THREADS", "many"),
        ("PACKETSERVER_DATABASE_URL", "postgresql://crm@127.0.0.1:1/crm"),
        ("PACKETSERVER_TLS_KEY", "/nowhere.key"),
    ],
)
def test_gunicorn_by_hand_says_what_is_wrong_with_a_start(name: str, value: str) -> None:
    command = [sys.executable, "-m", "gunicorn", "wsgi:application", "--bind", "127.0.0.1:0"]
    result = subprocess.run(
        [*command, "--config", str(DEPLOY / "gunicorn.conf.py")],
        cwd=ROOT,
        env={**os.environ, name: value},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode != 0
    assert "Traceback" not in result.stderr
    assert re.search(rf"^Error: .*{name}", result.stderr, re.MULTILINE)


def test_gunicorn_by_hand_is_set_up_as_serve_is(databases) -> None:
    with databases.prepared("sqlite") as url:
        environment = {
            "PACKETSERVER_DATABASE_URL": url,
            "PACKETSERVER_WORKERS": "3",
            "PACKETSERVER_THREADS": "7",
            "PACKETSERVER_CONNECTIONS": "77",
            "PACKETSERVER_BIND": "127.0.0.1:8123",
        }
        result = check_gunicorn(environment)
    assert result.returncode == 0, result.stderr
    printed = dict(re.findall(r"^(\w+) += (.*)$", result.stdout, re.MULTILINE))
    assert printed["bind"] == "['127.0.0.1:8123']"
    assert (printed["workers"], printed["threads"]) == ("3", "7")
    assert printed["worker_connections"] == "77"
    assert printed["worker_class"] == "packetserver.http.worker.PacketWorker"
    assert printed["forwarded_allow_ips"] == "[]"
    assert printed["graceful_timeout"] == str(FINISHING_SECONDS)


def test_nginx_lets_the_server_refuse_what_is_too_long() -> None:
    number, size = directive("client_max_body_size")[:-1], directive("client_max_body_size")[-1]
    settings = kept()
    form = 1024**2
    longest = max(settings.max_body_bytes, settings.max_file_bytes) + form
    assert int(number) * SIZES[size] > longest


def test_nginx_asks_the_server_where_it_is() -> None:
    (address,) = re.findall(r"^ {4}server ([\d.:]+);", text("nginx.conf"), re.MULTILINE)
    assert address == kept().bind
    (name,) = set(re.findall(r"server_name ([^;]+);", text("nginx.conf")))
    assert name in kept().allowed_hosts


def test_nginx_never_uses_a_connection_that_the_server_is_about_to_close() -> None:
    assert seconds(directive("keepalive_timeout")) < KEEP_ALIVE_SECONDS


def test_nginx_passes_on_nothing_that_a_client_says_of_itself() -> None:
    passed = dict(re.findall(r"proxy_set_header (\S+) ([^;]+);", text("nginx.conf")))
    assert passed["X-Forwarded-For"] == "$remote_addr"
    assert passed["X-Forwarded-Proto"] == "$scheme"
    assert passed["X-Forwarded-Host"] == '""'


def test_what_nginx_refuses_is_told_as_a_document() -> None:
    documents = re.findall(r"return \d+ '([^']+)';", text("nginx.conf"))
    assert len(documents) == 2
    for document in documents:
        root = fromstring(document.encode())
        assert (root.tag, root.findtext("response/status")) == ("aspcfs", "1")
        assert root.findtext("response/errorText", "").startswith("Error: ")


def copied() -> list[str]:
    """What the Dockerfile takes from this folder."""
    lines = re.findall(r"^COPY (?!--from)(.+) \S+$", text("Dockerfile"), re.MULTILINE)
    return [each for line in lines for each in line.split()]


def test_the_image_is_made_of_what_there_is() -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    assert copied()
    for each in copied():
        assert (ROOT / each).exists()
        assert f"!{each}" in ignored


def test_the_image_has_what_an_installation_needs() -> None:
    setup = configparser.ConfigParser(interpolation=None)
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    folders = {each.split(".")[0] for each in setup["options"]["packages"].split()}
    readme = setup["metadata"]["long_description"].removeprefix("file: ")
    assert {*folders, "schemas", "setup.cfg", "pyproject.toml", readme} <= set(copied())


def test_the_image_runs_as_nobody_of_this_machine_and_is_pinned() -> None:
    content = text("Dockerfile")
    (user,) = re.findall(r"^USER (\d+):(\d+)$", content, re.MULTILINE)
    assert all(int(each) > 1000 for each in user)
    bases = re.findall(r"^FROM (\S+)", content, re.MULTILINE)
    assert all(re.fullmatch(r"python:\d+\.\d+\.\d+-slim-\w+", each) for each in bases)
    names = re.findall(r"(PACKETSERVER_\w+)=", content)
    assert set(names) <= {line.variable for line in SETTINGS}
    assert "http://127.0.0.1:8080/healthz" in content


def test_a_linter_accepts_the_dockerfile() -> None:
    linter = Path(sys.executable).with_name("hadolint")
    command = [str(linter), str(DEPLOY / "Dockerfile")]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (0, "")


def test_the_instructions_name_files_that_there_are() -> None:
    content = text("README.md")
    named = {*re.findall(r"deploy/([\w.-]+)", content), *re.findall(r"\]\(([\w.-]+)\)", content)}
    assert named == {each.name for each in DEPLOY.iterdir() if each.is_file()} - {"README.md"}
    settings = {line.name for line in SETTINGS}
    assert {
        "connections",
        "threads",
        "max_waiting",
        "wait_seconds",
        "max_arriving_bytes",
    } <= settings
