"""What writing one claim's change costs, in repositories of several sizes.

::

    python -m benchmarks.git_writer [--sizes 50 10000] [--rounds 15] [--push-delay 0.5] [--output json]

A claim of ten applications changes; the server is a real Git over smart HTTP on this machine. Side by side, in turn, on
the same repository:

    clone, commit, push     a full clone, a work tree, a commit, a push
    cached bare push        a full bare clone that is kept: fetch, index, commit, push, each a Git command
    ours, warm              the cache is there and nobody else pushed
    ours, head moved        the cache is there and somebody else pushed
    ours, empty cache       a new instance
    ours, no change         the event changes nothing

Times are wall clock of everything a function would do for Git; `--push-delay` adds the seconds that a real Gitea needs
for its hooks. Bytes and objects are counted at the server. Medians and the 95th percentile of the rounds; slow methods
get fewer rounds, and all stop at `--budget` seconds.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from pydantic import SecretStr

from shared.git import Author, Record, Remote, Repository, compose
from tests.shared.git.backend import Backend
from tests.shared.git.seed import seed

TOKEN = "benchmark"  # noqa: S105 - of a server that lives for this run
FOLDER = "environments/nonprod/bench/applications"
SET = "appsets/nonprod/apps/bench-appset.yaml"
CLONE = "clone, commit, push"
BARE = "cached bare push"
WARM = "ours, warm"
MOVED = "ours, head moved"
COLD = "ours, empty cache"
NOTHING = "ours, no change"
METHODS = [CLONE, BARE, WARM, MOVED, COLD, NOTHING]


@dataclass
class Samples:
    """The rounds of one method at one size."""

    seconds: list[float] = field(default_factory=list)
    requests: list[int] = field(default_factory=list)
    fetched_bytes: list[int] = field(default_factory=list)
    fetched_objects: list[int] = field(default_factory=list)
    sent_bytes: list[int] = field(default_factory=list)

    def summary(self) -> "Summary":
        """Medians, and the 95th percentile of the time (the slowest of fewer than twenty)."""
        ordered = sorted(self.seconds)
        return Summary(
            rounds=len(ordered),
            median_seconds=round(statistics.median(ordered), 4),
            p95_seconds=round(ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))], 4),
            requests=int(statistics.median(self.requests)),
            fetched_bytes=int(statistics.median(self.fetched_bytes)),
            fetched_objects=int(statistics.median(self.fetched_objects)),
            sent_bytes=int(statistics.median(self.sent_bytes)),
        )


@dataclass(frozen=True)
class Summary:
    """What a table's row holds."""

    rounds: int
    median_seconds: float
    p95_seconds: float
    requests: int
    fetched_bytes: int
    fetched_objects: int
    sent_bytes: int


class Bench:
    """One repository of a size, and every method of writing to it."""

    def __init__(self, backend: Backend, directory: Path, size: int, push_delay: float) -> None:
        self._backend = backend
        self._directory = directory / f"work-{size}"
        self._directory.mkdir()
        self._name = f"infraforge/of-{size}"
        self._count = 0
        self.samples = {method: Samples() for method in METHODS}
        path = backend.create(self._name)
        seed(path, size)
        if push_delay:
            hook = path / "hooks" / "pre-receive"
            hook.parent.mkdir(exist_ok=True)
            hook.write_text(f"#!/bin/sh\nsleep {push_delay}\n")
            hook.chmod(0o755)
        self._bare = self._directory / "bare.git"
        self._git(self._directory, "clone", "--bare", "--quiet", backend.url(self._name), str(self._bare))
        self._warm = self._open("warm")
        self._ours(self._warm, self._change())

    def round(self, slow: bool) -> None:
        """Each method once; with `slow` the clone too."""
        if slow:
            self._measure(CLONE, lambda: self._by_clone(self._change()))
        self._git(self._bare, "fetch", "--quiet", "origin", "+main:main")
        self._measure(BARE, lambda: self._by_bare(self._change()))
        self._measure(MOVED, lambda: self._ours(self._warm, self._change()))
        files = self._change()
        self._measure(WARM, lambda: self._ours(self._warm, files))
        self._measure(NOTHING, lambda: self._ours(self._warm, files))
        self._measure(COLD, lambda: self._ours(self._open(f"cold-{self._count}"), self._change()))
        shutil.rmtree(self._directory / f"cold-{self._count - 1}", ignore_errors=True)

    def _change(self) -> dict[str, bytes]:
        """The claim's files with a new tag: path below the repository → content."""
        self._count += 1
        text = f"image:\n  repository: registry.example.com/app\n  tag: v2.{self._count}\n"
        files = {f"{FOLDER}/app-{n}/values.yaml": f"{text}name: app-{n}\n".encode() for n in range(10)}
        return files | {SET: b"kind: ApplicationSet\n"}

    def _measure(self, method: str, action: Callable[[], None]) -> None:
        self._backend.exchanges.clear()
        begun = time.perf_counter()
        action()
        samples = self.samples[method]
        samples.seconds.append(time.perf_counter() - begun)
        exchanges = list(self._backend.exchanges)
        samples.requests.append(len(exchanges))
        samples.fetched_bytes.append(sum(exchange.sent for exchange in exchanges))
        samples.fetched_objects.append(sum(exchange.objects for exchange in exchanges))
        samples.sent_bytes.append(sum(exchange.received for exchange in exchanges))

    def _open(self, cache: str) -> Repository:
        return Repository(
            self._directory / cache,
            Remote(self._backend.url(self._name)),
            token=lambda: SecretStr(TOKEN),
            author=Author("Benchmark", "benchmark@example.com"),
        )

    def _ours(self, repository: Repository, files: Mapping[str, bytes]) -> None:
        below = {path.removeprefix(f"{FOLDER}/"): content for path, content in files.items() if path != SET}
        spec = {"clusterType": "nonprod", "environment": "bench", "applications": sorted(below)}
        record = Record("Change ten images", "ApplicationClaim", "bench", "apps", "uid", self._count, "event", spec)
        with repository.transaction() as transaction:
            transaction.commit({FOLDER: below, SET: files[SET]}, compose(record))
            transaction.push()

    def _by_clone(self, files: Mapping[str, bytes]) -> None:
        tree = self._directory / "clone"
        self._git(self._directory, "clone", "--quiet", self._backend.url(self._name), str(tree))
        for path, content in files.items():
            (tree / path).parent.mkdir(parents=True, exist_ok=True)
            (tree / path).write_bytes(content)
        self._git(tree, "add", "--all")
        self._git(tree, "commit", "--quiet", "-m", "Change ten images")
        self._git(tree, "push", "--quiet", "origin", "main")
        shutil.rmtree(tree)

    def _by_bare(self, files: Mapping[str, bytes]) -> None:
        self._git(self._bare, "fetch", "--quiet", "origin", "+main:main")
        self._git(self._bare, "read-tree", "main")
        lines = []
        for path, content in files.items():
            sha = self._git(self._bare, "hash-object", "-w", "--stdin", stdin=content)
            lines.append(f"100644 {sha}\t{path}\n")
        self._git(self._bare, "update-index", "--index-info", stdin="".join(lines).encode())
        tree = self._git(self._bare, "write-tree")
        sha = self._git(self._bare, "commit-tree", "-p", "main", "-m", "Change ten images", tree)
        self._git(self._bare, "push", "--quiet", "origin", f"{sha}:refs/heads/main")

    def _git(self, directory: Path, *arguments: str, stdin: bytes = b"") -> str:
        environment = {
            "PATH": os.environ["PATH"],
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "http.extraHeader",
            "GIT_CONFIG_VALUE_0": f"Authorization: token {TOKEN}",
        }
        who = ["-c", "user.name=Benchmark", "-c", "user.email=benchmark@example.com"]
        command = ["git", "-C", str(directory), *who, *arguments]
        done = subprocess.run(command, input=stdin, env=environment, check=True, capture_output=True)
        return done.stdout.decode().strip()


Results = Mapping[int, Mapping[str, Samples]]
"""Size → method → its rounds."""


def run(sizes: list[int], rounds: int, slow_rounds: int, budget: float, push_delay: float) -> Results:
    """Measure; the sizes and methods take turns, so that a slow minute of the machine hits all of them."""
    deadline = time.monotonic() + budget
    with tempfile.TemporaryDirectory() as name:
        root = Path(name) / "server"
        root.mkdir()
        with Backend(root, TOKEN) as backend:
            benches = {size: Bench(backend, Path(name), size, push_delay) for size in sizes}
            for number in range(rounds):
                for bench in benches.values():
                    bench.round(slow=number < slow_rounds)
                if time.monotonic() > deadline:
                    break
            return {size: bench.samples for size, bench in benches.items()}


def ratios(results: Results) -> dict[str, dict[str, float]]:
    """How each method grows from the smallest to the largest size, and how many times as long as ours each takes.

    Medians of the ratios within a round.
    """
    smallest, largest = min(results), max(results)

    def share(of: Samples, by: Samples) -> float:
        return round(statistics.median(a / b for a, b in zip(of.seconds, by.seconds, strict=False)), 2)

    found = {
        f"growth from {smallest} to {largest}": {
            method: share(results[largest][method], results[smallest][method]) for method in METHODS
        }
    }
    for size, rows in results.items():
        found[f"times ours (warm) at {size}"] = {method: share(rows[method], rows[WARM]) for method in METHODS}
    return found


def table(results: Results, found: Mapping[str, Mapping[str, float]]) -> str:
    """The results for people."""
    head = ("applications", "method", "rounds", "median s", "p95 s", "requests", "fetched B", "objects", "sent B")
    lines = ["{:>12}  {:<20}{:>7}{:>10}{:>9}{:>10}{:>11}{:>9}{:>8}".format(*head)]
    for size, rows in results.items():
        for method, samples in rows.items():
            row = samples.summary()
            lines.append(
                f"{size:>12,}  {method:<20}{row.rounds:>7}{row.median_seconds:>10.3f}{row.p95_seconds:>9.3f}"
                f"{row.requests:>10}{row.fetched_bytes:>11,}{row.fetched_objects:>9,}{row.sent_bytes:>8,}"
            )
    for title, values in found.items():
        lines += ["", title, *(f"    {method:<22}{value:>8.2f}" for method, value in values.items())]
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; 0 when it could be measured."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.git_writer", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[50, 10_000], help="applications in the repository")
    parser.add_argument("--rounds", type=int, default=20, help="of every method but the clone")
    parser.add_argument("--slow-rounds", type=int, default=5, help="of the clone")
    parser.add_argument("--budget", type=float, default=65, help="seconds after which no round is begun")
    parser.add_argument("--push-delay", type=float, default=0, help="seconds that the server's hook takes")
    parser.add_argument("--output", choices=["table", "json"], default="table")
    options = parser.parse_args(arguments)
    results = run(options.sizes, options.rounds, options.slow_rounds, options.budget, options.push_delay)
    found = ratios(results)
    if options.output == "json":
        plain = {
            str(size): {method: asdict(samples.summary()) for method, samples in rows.items()}
            for size, rows in results.items()
        }
        print(json.dumps({"results": plain, "ratios": found}, indent=2))
    else:
        print(table(results, found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
