"""What clients of packets know letter by letter is said in one place, and every failure has words."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import packetserver
from packetserver.failures import Failure, Kind, Refused
from packetserver.protocols.packet import failures
from packetserver.protocols.packet.failures import ItemMessage, TransactionFailure, told

ROOT = Path(packetserver.__file__).parent
WORDS = {
    each
    for name, value in vars(failures).items()
    if name.isupper() and isinstance(value, str | tuple)
    for each in ([value] if isinstance(value, str) else value)
}


def texts(path: Path) -> Iterator[str]:
    """The texts of a module that are more than comments."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    remarks = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in remarks
        ):
            yield node.value


def test_no_other_module_has_words_that_clients_know() -> None:
    assert len(WORDS) > 12
    others = {path: text for path in ROOT.rglob("*.py") for text in texts(path) if text in WORDS}
    assert {path.relative_to(ROOT).as_posix() for path in others} == {
        "protocols/packet/failures.py"
    }


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_of_failure_has_words(kind: Kind) -> None:
    failure = told(Refused(Failure(kind, "account", 5, "name", "is odd")))
    if isinstance(failure, ItemMessage):
        assert (failure.text, failure.kind) == (failures.DENIED, Kind.DENIED)
        return
    assert isinstance(failure, TransactionFailure)
    assert failure.lines[-1] == "name: is odd"
    assert failure.lines[:-1] in {(failures.FAILED,), failures.FIXED_LINES}
    assert failure.kinds == (kind,)


def test_all_that_is_wrong_is_told_once() -> None:
    one, other = (Failure(Kind.VALUE, field=name, reason="is odd") for name in ("a", "b"))
    failure = told(Refused(one, other, one))
    assert isinstance(failure, TransactionFailure)
    assert failure.lines == (failures.FAILED, "a: is odd", "b: is odd")
