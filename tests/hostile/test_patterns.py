"""Regular expressions that see what clients send: none takes more than time that grows evenly.

A pattern that needs the square of a text's length would take hours here, so that the kernel ends it.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path

from hostile.attacking import tried
from hostile.bounded import run_bounded

import packetserver

PACKAGE = Path(packetserver.__file__).parent
LENGTH = 80_000
CPU_SECONDS = 30
"""Many times what all of them need, and less than a single square of the length takes."""

OUTSIDE = {
    *("adoption", "cli", "key_sequences", "migrations", "operation"),
    *("provision", "setting_kinds"),
}
"""Rooms and modules whose patterns see what operators write, and no client."""

BOMBS = [
    *(" ", "\t\r\n ", "a", "1", ".", "\\", '"', "<", "$C{", "$C{}", "=", ":", "a ", "a.", "a@"),
    *(", ", " ,", "1.", "1e", "0", "[", "(", ")=(", 'encoding="', " encoding='", "<?xml ", "\0"),
    *("\0\0\0 ", " \0", "123-456-", "klo ", "AM ", "12:", "\U0001f4a3", '\\"'),
]
"""What is repeated until the text is as long as it gets."""

FRAMES = [("", ""), ("<?xml ", "?"), ("a@", "@"), ("1", "x")]
"""What stands before and behind it, so that a pattern begins to match and then cannot."""

METHODS = frozenset({"match", "search", "fullmatch", "split", "sub", "findall", "finditer"})


def client_patterns() -> dict[str, list[str]]:
    """By module: the names of its compiled patterns, and how each is used there."""
    found: dict[str, list[str]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        place = path.relative_to(PACKAGE).with_suffix("")
        if not OUTSIDE.isdisjoint(place.parts):
            continue
        names = compiled_in(path)
        if names:
            found[".".join(("packetserver", *place.parts))] = names
    return found


def compiled_in(path: Path) -> list[str]:
    """The names at the top of a module that hold patterns, alone or several together."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [
        target.id
        for statement in tree.body
        if isinstance(statement, ast.Assign | ast.AnnAssign) and compiles(statement)
        for target in getattr(statement, "targets", None) or [statement.target]
        if isinstance(target, ast.Name)
    ]


def compiles(node: ast.AST) -> bool:
    return any(
        isinstance(each, ast.Attribute) and each.attr == "compile" and is_re(each.value)
        for each in ast.walk(node)
    )


def is_re(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id == "re"


def test_no_pattern_is_hidden_in_a_function() -> None:
    """Patterns stand at the top of their modules, where this finds them."""
    hidden = [
        f"{path.relative_to(PACKAGE)}:{node.lineno}"
        for path in PACKAGE.rglob("*.py")
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(function, ast.FunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Attribute)
        and is_re(node.value)
        and node.attr in {*METHODS, "compile"}
    ]
    assert hidden == []


def uses_of(name: str) -> set[str]:
    """The methods that the package calls on the pattern of a name."""
    return {
        node.func.attr
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == name
    } & METHODS


SCRIPT = """
import importlib, json, re
tried = 0
for module, name, uses, length in json.loads({tasks!r}):
    known = getattr(importlib.import_module(module), name)
    known = known if isinstance(known, tuple) else (known,)
    patterns = [each[0] if isinstance(each, tuple) else each for each in known]
    for pattern in patterns:
        for bomb in json.loads({bombs!r}):
            for before, behind in json.loads({frames!r}):
                text = before + bomb * (length // len(bomb)) + behind
                text = text if isinstance(pattern.pattern, str) else text.encode()
                for use in uses:
                    more = (text[:0],) if use == "sub" else ()
                    found = getattr(pattern, use)(*more, text)
                    if use == "finditer":
                        list(found)
                    tried += 1
print(tried)
"""

IN_LOOPS = {"_FORMS": {"fullmatch"}, "WIDE_STARTS": {"match"}}
"""How patterns are used that stand several together."""

READ_IN_PART = {"_FORMS": 100, "_NUMERIC_ZONE": 100, "WIDE_STARTS": 130_000}
"""What is never given a longer text: a time, and the head of a packet."""


def tasks() -> Iterator[tuple[str, str, list[str], int]]:
    """Every pattern with its uses, and how long a text it may be given."""
    for module, names in client_patterns().items():
        for name in names:
            uses = IN_LOOPS.get(name) or uses_of(name)
            assert uses, f"nobody uses {module}.{name}"
            yield module, name, sorted(uses), READ_IN_PART.get(name, LENGTH)


def test_no_pattern_takes_longer_than_its_text_is_long() -> None:
    known = list(tasks())
    assert ("packetserver.protocols.packet.names", "MARKER", ["search", "sub"], LENGTH) in known
    script = SCRIPT.format(
        tasks=json.dumps(known), bombs=json.dumps(BOMBS), frames=json.dumps(FRAMES)
    )
    printed = run_bounded(script, CPU_SECONDS)
    assert int(printed) >= len(known) * len(BOMBS) * len(FRAMES)
    tried.inputs += int(printed)
