import configparser
import importlib.resources
import re
from pathlib import Path

import packetserver

ROOT = Path(__file__).resolve().parent.parent
MODULES = sorted((ROOT / "packetserver").rglob("*.py"))

AGREED = {
    *(".ci", ".gitignore", "CHANGELOG.md", "Makefile", "README.md", "docs", "packetserver"),
    *(
        ".dockerignore",
        "deploy",
        "pyproject.toml",
        "ruff.toml",
        "schemas",
        "setup.cfg",
        "tests",
        "wsgi.py",
    ),
}
MADE = {
    *(".git", ".venv", "var", "build", "dist", "packetserver.egg-info", "__pycache__"),
    *(".hypothesis", ".import_linter_cache", ".mypy_cache", ".pytest_cache", ".ruff_cache"),
}


def configuration() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return parser


def test_the_top_level_holds_what_was_agreed_and_nothing_else():
    assert {path.name for path in ROOT.iterdir()} - MADE == AGREED


def test_the_changelog_begins_with_this_version():
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.findall(r"^## (\S+)", changelog, re.MULTILINE)[0] == packetserver.__version__


def test_only_protocols_write_values_as_texts():
    """What a value is on a wire is for its protocol to say; rooms below hand on values."""
    below = (ROOT / "packetserver" / room for room in ("records", "sync", "security", "store"))
    writes = re.compile(
        r"type\.write\b|TYPES\[[^]]*\]\.write\b|\bwrite_(?:timestamp|date|double)\b"
    )
    found = {
        path for room in below for path in room.rglob("*.py") if writes.search(path.read_text())
    }
    assert found == set()


def test_every_package_is_listed_for_installation():
    marks = [*(ROOT / "packetserver").rglob("__init__.py"), ROOT / "schemas" / "__init__.py"]
    folders = {".".join(mark.parent.relative_to(ROOT).parts) for mark in marks}
    packages = (folders - {"schemas"}) | {"packetserver.schemas"}
    assert set(configuration()["options"]["packages"].split()) == packages


def test_every_module_is_in_a_package_or_is_a_migration():
    migrations = ROOT / "packetserver" / "store" / "migrations" / "versions"
    outside = {path.parent for path in MODULES if not (path.parent / "__init__.py").is_file()}
    assert outside <= {migrations}


def test_the_installed_schemas_are_those_of_this_tree():
    installed = importlib.resources.files("packetserver.schemas")
    with importlib.resources.as_file(installed) as folder:
        assert folder.resolve() == ROOT / "schemas"


def test_every_kind_of_file_in_schemas_is_installed():
    patterns = configuration()["options.package_data"]["packetserver.schemas"].split(", ")
    kinds = {pattern.removeprefix("**/*") for pattern in patterns}
    found = {path.suffix for path in (ROOT / "schemas").rglob("*.*") if path.suffix[:3] != ".py"}
    assert found <= kinds
