"""Showing what is going on: as a live table on a terminal, as plain lines elsewhere."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table

from cli.output import Output, stderr
from sandbox.supervisor.startup import Report

_MARKS = {"ready": "[green]✓[/]", "stopped": "[dim]■[/]", "killed": "[yellow]■[/]"}


@contextmanager
def components(output: Output, title: str) -> Iterator[Report]:
    """A report to hand to the sandbox; it shows each component, the state it is in and since when.

    Programs that asked for JSON get no progress.
    """
    console = stderr()
    if output is Output.JSON:
        yield lambda _name, _event: None
    elif console.is_terminal:
        with Live(console=console, transient=False, refresh_per_second=12) as live:
            yield _Board(title, live.update)
    else:
        yield _Lines(console)


class _Lines:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._began = time.monotonic()

    def __call__(self, name: str, event: str) -> None:
        if event != "starting":
            self._console.print(f"{time.monotonic() - self._began:5.1f} s  {name} {event}", soft_wrap=True)


class _Board:
    def __init__(self, title: str, show: Callable[[RenderableType], None]) -> None:
        self._title = title
        self._show = show
        self._began = time.monotonic()
        self._rows: dict[str, tuple[str, float]] = {}
        self._spinner = Spinner("dots")

    def __call__(self, name: str, event: str) -> None:
        self._rows[name] = (event, time.monotonic() - self._began)
        table = Table.grid(padding=(0, 2))
        for row, (state, seconds) in self._rows.items():
            busy = state == "starting"
            table.add_row(
                self._spinner if busy else _MARKS.get(state, " "), row, "" if busy else f"[dim]{seconds:.1f} s[/]"
            )
        outer = Table.grid()
        outer.add_row(f"[bold]{self._title}[/]")
        outer.add_row(table)
        self._show(outer)
