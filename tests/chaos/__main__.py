"""`python -m tests.chaos`: run the faults, print the table, end with 1 when something is wrong."""

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from sandbox.registry.images import load
from sandbox.supervisor.components import GITEA_URL
from shared.argocd import Layout
from tests.chaos.fleet import ABANDONED, FOREIGN, SERVED, Fleet
from tests.chaos.oracle import Oracle
from tests.chaos.proxy import Loop
from tests.chaos.scenarios import ALL
from tests.chaos.stage import Row, Stage
from tests.chaos.table import complaints, render
from tests.chaos.waiting import until
from tests.chaos.world import Limits, World

FOREIGN_FILES = {
    f"environments/{FOREIGN}/far/applications/shop/values.yaml": b"replicas: 7\n",
    f"appsets/{FOREIGN}/apps/far-appset.yaml": b"kind: ApplicationSet\n",
    f"environments/{SERVED[0]}/{ABANDONED}/applications/old/values.yaml": b"replicas: 1\n",
}


def main() -> int:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--short", action="store_true", help="a minute and a half instead of ten")
    parser.add_argument("--seed", type=int, default=1, help="of the claims' edits (%(default)s)")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep the sandbox's directory, logs and all, here")
    parser.add_argument("scenario", nargs="*", help=f"only these: {', '.join(ALL)}")
    arguments = parser.parse_args()
    chosen = arguments.scenario or list(ALL)
    if unknown := [name for name in chosen if name not in ALL]:
        parser.error(f"no such scenario: {', '.join(unknown)}")
    with _interruptible(), tempfile.TemporaryDirectory(prefix="infraforge-chaos-") as folder:
        root = arguments.keep or Path(folder) / "sandbox"
        try:
            rows = _run(root, chosen, short=arguments.short, seed=arguments.seed)
        except KeyboardInterrupt:
            return 130
    print(render(rows))
    return 0 if all(row.good for row in rows) else 1


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let the first of these signals end the run as Ctrl-C does; those that follow must not disturb the cleaning up."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    for number in numbers:
        signal.signal(number, interrupt)
    yield


def _run(root: Path, chosen: Sequence[str], *, short: bool, seed: int) -> list[Row]:
    began = time.monotonic()
    limits = Limits(2.0, 1.0, registry_cool_down=1.0) if short else Limits(20.0)

    def report(row: Row) -> None:
        seconds = "never" if row.seconds is None else f"{row.seconds:.1f} s"
        print(f"{time.monotonic() - began:6.1f} s  {row.fault}: {seconds}", file=sys.stderr)
        for complaint in complaints(row):
            print(f"        {complaint}", file=sys.stderr)

    with Loop() as loop, World(root, limits, loop) as world:
        world.start()
        stage = _prepared(world, report, short=short, seed=seed)
        for name in chosen:
            ALL[name](stage)
        return stage.rows


def _prepared(world: World, report: Callable[[Row], None], *, short: bool, seed: int) -> Stage:
    """The platform first, then what is nobody's, then the claims."""
    fleet = Fleet(world.cluster, 9 if short else 24, seed)
    world.cluster.create(fleet.bootstrap)
    until("the platform's first commit", lambda: world.ledger.directory.exists() and world.ledger.head(), seconds=30)
    world.ledger.watch()
    world.push_foreign(FOREIGN_FILES)
    files = world.ledger.files()
    images = load(world.images)
    oracle = Oracle(
        world.ledger,
        Layout(GITEA_URL, "argocd"),
        SERVED,
        {f"ghcr.io/{name}:{tag}": digest for name, found in images.items() for tag, digest in found.tags.items()},
        {path: files[path] for path in FOREIGN_FILES},
    )
    stage = Stage(world, fleet, oracle, short, report)
    with stage.observed("none") as row:
        fleet.apply()
        row.claims |= {f"{one['kind']}/{one['metadata']['name']}" for one in fleet.claims}
    return stage


if __name__ == "__main__":
    sys.exit(main())
