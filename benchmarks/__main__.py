"""Every benchmark in one run, as a table of ratios.

::

    python -m benchmarks [--quick] [--only PART …] [--output json]

Nothing is compared with another day or another machine: each ratio has a baseline that took turns with it. The modules
say what each ratio is. All loads are bounded; the whole takes about five minutes, with `--quick` about two.
"""

import argparse
import json
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from benchmarks import burst, claim_to_commit, cold, deployed, nothing_to_do, render, start_up
from benchmarks.burst import Burst
from benchmarks.measure import Row, table
from benchmarks.sandbox import sandbox

GITEAS_DELAY: Final = "500ms"
MODULE: Final = "functions.application.main"


@dataclass(frozen=True)
class Size:
    """How much of everything is done."""

    sizes: tuple[int, int] = (50, 10_000)
    edits: int = 30
    delayed_edits: int = 10
    cold: int = 15
    burst: Burst = field(default_factory=Burst)
    rates: int = 8
    rate_seconds: float = 1.5
    starts: int = 9
    renders: int = 9
    tags: int = 20


QUICK: Final = Size(edits=8, delayed_edits=3, cold=4, rates=3, rate_seconds=0.7, starts=3, renders=3, tags=5)


def _claim_to_commit(size: Size, directory: Path) -> list[Row]:
    return claim_to_commit.measure(size.sizes, size.edits, directory)


def _cold(size: Size, directory: Path) -> list[Row]:
    return cold.measure(size.sizes, size.cold, directory)


def _delayed(size: Size, directory: Path) -> list[Row]:
    """What is measured in a sandbox with the delay of a real Gitea: single claims, then the burst, then its silence."""
    with sandbox(directory / "sandbox", GITEAS_DELAY) as there:
        edits = claim_to_commit.prepare(there, directory, size.sizes[0], size.burst.environments())
        for _ in range(size.delayed_edits):
            edits.round()
        found = claim_to_commit.rows(edits, f"{size.sizes[0]} applications, pushes + {GITEAS_DELAY}")
        found += burst.measure(there, edits.cached, size.burst, directory)
        found += nothing_to_do.measure(
            there,
            claims=size.burst.claims + 1,
            rounds=size.rates,
            seconds=size.rate_seconds,
            directory=directory,
        )
        return found + start_up.measure(there, size.starts, directory)


def _deployed(size: Size, directory: Path) -> list[Row]:
    with sandbox(directory / "sandbox", argocd="sandbox") as there:
        there.bootstrap(directory)
        return deployed.measure(there, size.tags, directory)


def _render(size: Size, directory: Path) -> list[Row]:
    return render.measure(size.renders, directory)


PARTS: Final[dict[str, Callable[[Size, Path], list[Row]]]] = {
    "claim-to-commit": _claim_to_commit,
    "cold": _cold,
    "delayed": _delayed,
    "deployed": _deployed,
    "render": _render,
}


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; 0 when it could be measured, whatever the figures are."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    parser.add_argument("--only", choices=[*PARTS], nargs="+", default=[*PARTS], help="some parts; default: all")
    parser.add_argument("--output", choices=["text", "json"], default="text")
    options = parser.parse_args(arguments)
    size = QUICK if options.quick else Size()
    started, rows = time.monotonic(), []
    for part in options.only:
        print(f"{time.monotonic() - started:6.1f} s  {part} …", file=sys.stderr)
        with tempfile.TemporaryDirectory(prefix="infraforge-bench-") as directory:
            rows += PARTS[part](size, Path(directory))
    print(f"{time.monotonic() - started:6.1f} s  done", file=sys.stderr)
    imports = start_up.imports(MODULE)
    if options.output == "json":
        packages = [{"package": name, "milliseconds": ms, "modules": count} for name, ms, count in imports]
        print(json.dumps({"rows": [row.document() for row in rows], "imports": packages}, indent=2))
    else:
        print(f"Python {platform.python_version()}, {platform.machine()}\n{table(rows)}\n")
        print(start_up.import_table(MODULE, imports))
    return 0


if __name__ == "__main__":
    sys.exit(main())
