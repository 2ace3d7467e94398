import shlex
from collections.abc import Iterator

import click
import pytest

from packetserver.cli import main


def commands(command: click.Command, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    yield path
    if isinstance(command, click.Group):
        for name, below in command.commands.items():
            yield from commands(below, (*path, name))


PATHS = list(commands(main, ()))


def found(path: tuple[str, ...]) -> click.Command:
    command: click.Command = main
    for name in path:
        assert isinstance(command, click.Group)
        command = command.commands[name]
    return command


def examples(text: str) -> list[list[str]]:
    lines = [line.strip() for line in text.splitlines() if " packetserver " in f" {line} "]
    words = [shlex.split(line.partition(" < ")[0]) for line in lines if "=" not in line.split()[0]]
    return [each[1:] for each in words if each[0] == "packetserver"]


@pytest.mark.parametrize("path", PATHS, ids=" ".join)
def test_every_command_explains_itself_with_an_example(run, path):
    result = run(*path, "--help")
    assert result.exit_code == 0
    shown = examples(result.output.partition("Example")[2])
    assert any(tuple(words[: len(path)]) == path for words in shown)


@pytest.mark.parametrize("path", PATHS, ids=" ".join)
def test_every_example_is_a_command_that_exists(path):
    for words in examples(found(path).epilog or ""):
        command, rest = main, words
        context = click.Context(main)
        while isinstance(command, click.Group) and rest:
            command, rest = command.commands[rest[0]], rest[1:]
        known = {name for each in command.params for name in (*each.opts, *each.secondary_opts)}
        assert {word for word in rest if word.startswith("-")} <= known
        assert context is not None


def test_commands_stand_in_the_order_in_which_one_meets_them(run):
    output = run("--help").output
    names = [line.split()[0] for line in output.partition("Commands:\n")[2].splitlines() if line]
    assert names[:5] == ["init-db", "serve", "send", "check", "provision"]


def test_the_version(run):
    assert run("--version").output.startswith("packetserver, version ")
