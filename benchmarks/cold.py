"""The first write of an instance that has an empty cache, and how it grows with the repository.

Claims of ten applications against a real Git over smart HTTP, without functions around it: `benchmarks.git_writer` has
the details, other ways of writing, and counts of bytes and objects.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from benchmarks import git_writer
from benchmarks.measure import Aim, Row

SECTION: Final = "first write of a cold instance"
GROWTH: Final = Aim(1.3)
BUDGET: Final = 90.0
"""Seconds after which no round is begun."""


def measure(sizes: Sequence[int], rounds: int, _: Path) -> list[Row]:
    """The growth of a cold and of a warm write, and of the full clone that a naive writer begins with."""
    results = git_writer.run([min(sizes), max(sizes)], rounds, min(rounds, 3), BUDGET, 0)
    small, large = results[min(sizes)], results[max(sizes)]
    growth = f"growth from {min(sizes):,} to {max(sizes):,} applications"
    return [
        Row.compared(
            SECTION, f"{growth}, {what}", large[method].seconds, small[method].seconds, aim=aim
        )
        for method, what, aim in (
            (git_writer.COLD, "empty cache", GROWTH),
            (git_writer.WARM, "warm", GROWTH),
            (git_writer.CLONE, "full clone", None),
        )
    ]  # fmt: skip
