"""`--help` teaches, and what it teaches is true."""

import re
import shlex

import pytest
import typer.main
from typer.core import TyperCommand, TyperGroup
from typer.testing import CliRunner

from cli import exits
from cli.main import app

ROOT = typer.main.get_command(app)


def commands() -> dict[str, TyperGroup | TyperCommand]:
    """Every command by its words."""
    assert isinstance(ROOT, TyperGroup)
    found: dict[str, TyperGroup | TyperCommand] = {"": ROOT}
    for name, command in ROOT.commands.items():
        found[name] = command
        if isinstance(command, TyperGroup):
            found.update({f"{name} {child}": grandchild for child, grandchild in command.commands.items()})
    return found


def examples() -> list[str]:
    """Every command line that some help text shows, without what a shell does around it."""
    text = "\n".join(command.help or "" for command in commands().values())
    lines = re.findall(r"^(?: {4}| {8})(\S.*?)(?: {2,}#.*)?$", text, flags=re.MULTILINE)
    parts = [part.strip() for line in lines for part in re.split(r"\|\||&&|\||\$\(|\)\"|>", line)]
    return sorted({part.removeprefix('eval "') for part in parts if "infraforge" in part.split()[:1]})


@pytest.mark.parametrize("line", examples())
def test_every_example_is_a_command_line_that_parses(line: str) -> None:
    words = shlex.split(line)[1:]
    command: TyperGroup | TyperCommand = ROOT
    while isinstance(command, TyperGroup):
        command = command.commands[words.pop(0)]
    known = {flag for parameter in command.params for flag in (*parameter.opts, *parameter.secondary_opts)}
    assert {word.partition("=")[0] for word in words if word.startswith("-") and word != "-"} <= known | {"-d", "-n"}


def test_there_are_examples_for_every_command() -> None:
    shown = " ".join(examples())
    assert all(f"infraforge {name}" in shown for name in commands() if name not in ("", "events", "events delete"))


@pytest.mark.parametrize("words", commands())
def test_help_shows_usage_and_exit_codes(words: str) -> None:
    done = CliRunner().invoke(app, [*words.split(), "--help"])
    assert done.exit_code == exits.OK
    assert "Usage:" in done.stdout
    assert "Exit codes: 0 " in " ".join(done.stdout.split())


def test_every_parameter_is_described() -> None:
    bare = [
        f"{words} {parameter.name}"
        for words, command in commands().items()
        for parameter in command.params
        if not getattr(parameter, "help", None)
    ]
    assert bare == []
