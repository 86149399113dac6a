"""What goes to stdout for people or programs, and to stderr about the work going on."""

import json
import os
import sys
from enum import StrEnum
from typing import Any, Final

from rich.console import Console
from rich.text import Text


class Output(StrEnum):
    """Who reads stdout."""

    TEXT = "text"
    JSON = "json"


_WIDTH: Final = 140
"""Where the reader is a file, which has no width of its own."""


def stdout() -> Console:
    """Results, for people."""
    return _console(stderr=False)


def stderr() -> Console:
    """Progress and problems."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    console = Console(stderr=stderr, highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _WIDTH
    return console


def print_json(document: Any) -> None:
    """One JSON document, indented, at once: whoever reads the pipe waits for it while a command goes on running."""
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def print_json_line(document: Any) -> None:
    """One JSON document on one line, at once: for streams."""
    sys.stdout.write(json.dumps(document, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def complain(message: str) -> None:
    """An error message, as it is (nothing in it is taken for markup)."""
    stderr().print(Text.assemble(("error: ", "bold red"), message), soft_wrap=True)


def printable(text: str) -> str:
    """`text` as a terminal may have it: lines stay, and what would move the cursor or turn the text round does not."""
    return "".join(character if character.isprintable() or character == "\n" else "\ufffd" for character in text)
