"""The rows as a person reads them."""

from collections.abc import Sequence
from typing import Final

from tests.chaos.stage import Row

_HEADS: Final = (
    "fault",
    "injected",
    "claims",
    "seconds to converge",
    "commits lost",
    "duplicate commits",
    "wrong statuses",
)
_SHOWN: Final = 4


def render(rows: Sequence[Row]) -> str:
    """The table, and below it what is wrong, if anything is."""
    cells = [_HEADS, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(_HEADS))]
    lines = [_line(line, widths) for line in cells]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join([*lines, *(complaint for row in rows for complaint in complaints(row))])


def complaints(row: Row) -> list[str]:
    """What is wrong in a row, a few of each kind."""
    found = []
    for name, problems in (
        ("", row.problems),
        ("lost: ", row.lost),
        ("duplicate: ", row.duplicates),
        ("status: ", row.wrong),
    ):
        found += [f"  {row.fault}: {name}{problem}" for problem in problems[:_SHOWN]]
        if len(problems) > _SHOWN:
            found.append(f"  {row.fault}: {name}and {len(problems) - _SHOWN} more")
    return found


def _cells(row: Row) -> tuple[str, ...]:
    seconds = "never" if row.seconds is None else f"{row.seconds:.1f}"
    counts = (len(row.lost), len(row.duplicates), len(row.wrong))
    return (row.fault, str(row.injected), str(len(row.claims)), seconds, *map(str, counts))


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first = cells[0].ljust(widths[0])
    return "  ".join([first, *(cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True))])
