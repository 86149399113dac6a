"""Claims on their way to Ready: a live table on a terminal, a line per change elsewhere."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from cli.claims import ClaimView
from cli.output import Output, stderr

Show = Callable[[list[ClaimView]], None]


@contextmanager
def claims(output: Output) -> Iterator[Show]:
    """What to hand to `cli.claims.wait`; programs that asked for JSON get nothing."""
    console = stderr()
    if output is Output.JSON:
        yield lambda _views: None
    elif console.is_terminal:
        with Live(console=console, refresh_per_second=10) as live:
            yield lambda views: live.update(table(views))
    else:
        yield _Lines(console)


def table(views: Sequence[ClaimView]) -> Table:
    """The claims with what holds each of them."""
    grid = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("CLAIM", "NAMESPACE", "READY", "REASON", "COMMIT", "MESSAGE"):
        grid.add_column(column, no_wrap=column != "MESSAGE", overflow="ellipsis")
    for view in views:
        reason, message = view.summary
        grid.add_row(
            Text(f"{view.reference.kind}/{view.reference.name}"),
            view.reference.namespace or "",
            mark(view),
            Text(reason),
            Text((view.commit or "")[:8], style="yellow"),
            Text(message, style="dim"),
        )
    return grid


def mark(view: ClaimView) -> Text:
    """Ready, stalled, or on its way."""
    if view.ready:
        return Text("✓", style="green")
    return Text("✗", style="red") if view.stalled else Text("…", style="yellow")


class _Lines:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._began = time.monotonic()
        self._told: dict[str, str] = {}

    def __call__(self, views: list[ClaimView]) -> None:
        for view in views:
            reason, message = view.summary
            if self._told.get(view.reference.path) != reason:  # a message may count what is under way
                self._told[view.reference.path] = reason
                name = f"{view.reference.kind}/{view.reference.name}"
                since = time.monotonic() - self._began
                self._console.print(Text(f"{since:5.1f} s  {name}: {reason}: {message}"), soft_wrap=True)
