"""How long a claim takes from `kubectl apply` to its commit in Gitea, through the whole sandbox.

::

    python -m benchmarks.claim_to_commit [--sizes 50 10000] [--rounds 50] [--push-delay 500ms] [--output json]

For each size a sandbox of its own is started, and `voltran` is filled with that many applications. Then one claim is
edited again and again with `kubectl apply`, and the clock runs until Gitea's `main` holds the edit. Beside it, in the
same run and on the same server, stand the same edits made by clone, commit and push.

    kubectl apply           from the start of the command to the commit, kubectl's own time included
    from the API's answer   from the end of the command to the commit
    clone, commit, push     a full clone, a work tree, a commit, a push

Functions are warm; the figures of a function that starts come from `benchmarks.start_up`.
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
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

ROOT = Path(__file__).resolve().parents[1]
INFRAFORGE = Path(sys.executable).with_name("infraforge")
KUBECTL = Path(sys.executable).with_name("kubectl")
CLONES = 5
PATIENCE = 60.0


@dataclass(frozen=True)
class Figures:
    """Seconds of one method at one size."""

    method: str
    applications: int
    rounds: int
    median: float
    p95: float

    @classmethod
    def of(cls, method: str, applications: int, seconds: list[float]) -> "Figures":
        """Median and 95th percentile; the slowest of fewer than twenty."""
        ordered = sorted(seconds)
        p95 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]
        return cls(method, applications, len(ordered), round(statistics.median(ordered), 3), round(p95, 3))


class Sandbox:
    """A running sandbox, as `infraforge up --output json` describes it."""

    def __init__(self, description: dict[str, Any]) -> None:
        self.kubeconfig: str = description["kubeconfig"]
        gitea = description["gitea"]
        self.organization: str = gitea["organization"]
        self._endpoint: str = gitea["url"]
        self._token: str = gitea["token"]
        self._http = httpx.Client(headers={"Authorization": f"token {self._token}"})

    def url(self, repository: str) -> str:
        """Where Git clones from, with the token in it: it lives as long as this run."""
        return f"{self._endpoint.replace('://', f'://x:{self._token}@')}/{self.organization}/{repository}.git"

    def head(self) -> str:
        """The commit that `main` of `voltran` stands on."""
        url = f"{self._endpoint}/api/v1/repos/{self.organization}/voltran/branches/main"
        return str(self._http.get(url).raise_for_status().json()["commit"]["id"])

    def apply(self, document: Any, directory: Path) -> None:
        """`kubectl apply -f` of one object."""
        file = directory / "claim.yaml"
        file.write_text(yaml.safe_dump(document))
        _run([str(KUBECTL), "--kubeconfig", self.kubeconfig, "apply", "-f", str(file)])

    def wait_ready(self, kind: str, namespace: str, name: str) -> None:
        """`kubectl wait --for=condition=Ready`."""
        where = ["--kubeconfig", self.kubeconfig, "-n", namespace]
        _run([str(KUBECTL), *where, "wait", "--for=condition=Ready", f"{kind}/{name}", f"--timeout={PATIENCE:.0f}s"])


@contextmanager
def sandbox(directory: Path, push_delay: str) -> Iterator[Sandbox]:
    """A sandbox whose resync keeps out of the way."""
    options = ["--data-dir", str(directory), "--gitea-push-delay", push_delay, "--resync-interval", "3600"]
    try:
        answer = _run([str(INFRAFORGE), "up", "--detach", "--output", "json", *options])
        yield Sandbox(json.loads(answer))
    finally:
        _run([str(INFRAFORGE), "down", "--data-dir", str(directory)])


def measure(applications: int, rounds: int, push_delay: str, directory: Path) -> list[Figures]:
    """All methods at one size."""
    with sandbox(directory / "sandbox", push_delay) as there:
        there.apply(_example("bootstrap-claim.yaml"), directory)
        there.wait_ready("bootstrapclaim", "platform-system", "platform-bootstrap")
        _fill(there, applications, directory)
        claim = _example("dev/dev-apps-claim.yaml")
        there.apply(claim, directory)
        there.wait_ready("applicationclaim", "dev", "dev-apps")
        whole, rest = _edits(there, claim, rounds, directory)
        clones = [_clone_commit_push(there, directory / f"clone-{number}") for number in range(CLONES)]
    return [
        Figures.of("kubectl apply", applications, whole),
        Figures.of("from the API's answer", applications, rest),
        Figures.of("clone, commit, push", applications, clones),
    ]


def _edits(there: Sandbox, claim: Any, rounds: int, directory: Path) -> tuple[list[float], list[float]]:
    whole, rest = [], []
    for number in range(rounds):
        before = there.head()
        claim["spec"]["applications"][0]["values"]["replicas"] = 10 + number
        started = time.perf_counter()
        there.apply(claim, directory)
        answered = time.perf_counter()
        while there.head() == before:
            if time.perf_counter() - started > PATIENCE:
                raise TimeoutError("no commit came of an edit")
        ended = time.perf_counter()
        whole.append(ended - started)
        rest.append(max(0.0, ended - answered))
        there.wait_ready("applicationclaim", "dev", "dev-apps")
    return whole, rest


def _fill(there: Sandbox, applications: int, directory: Path) -> None:
    """Push that many applications of environments that nobody claims."""
    work = directory / "fill"
    _run(["git", "clone", "-q", there.url("voltran"), str(work)])
    for number in range(applications):
        folder = work / "environments" / "nonprod" / f"load{number // 100}" / "applications" / f"app-{number % 100}"
        folder.mkdir(parents=True)
        image = f"  repository: ghcr.io/acme/app-{number}\n  tag: v1.0.{number}\n  pullPolicy: IfNotPresent\n"
        (folder / "values.yaml").write_text(f"image:\n{image}replicas: 2\n")
    _commit(work, "Fill")
    shutil.rmtree(work)


def _clone_commit_push(there: Sandbox, work: Path) -> float:
    started = time.perf_counter()
    _run(["git", "clone", "-q", there.url("voltran"), str(work)])
    file = work / "environments/nonprod/dev/applications/user-service/values.yaml"
    file.write_text(f"{file.read_text()}round: {started}\n")
    _commit(work, "Edit")
    ended = time.perf_counter()
    shutil.rmtree(work)
    return ended - started


def _commit(work: Path, message: str) -> None:
    _run(["git", "add", "-A"], work)
    _run(["git", "-c", "user.name=b", "-c", "user.email=b@example.com", "commit", "-qm", message], work)
    _run(["git", "push", "-q"], work)


def _example(path: str) -> Any:
    return yaml.safe_load((ROOT / "deployments" / path).read_text())


def _run(command: list[str], directory: Path | None = None) -> str:
    environment = os.environ | {"GIT_TERMINAL_PROMPT": "0"}
    return subprocess.run(
        command, cwd=directory, check=True, stdout=subprocess.PIPE, text=True, env=environment, timeout=120
    ).stdout


def table(figures: list[Figures]) -> str:
    """The figures for people, with the ratios that are the point of them."""
    lines = [f"{'':24}{'applications':>14}{'rounds':>8}{'median s':>10}{'p95 s':>8}"]
    lines += [f"{one.method:24}{one.applications:>14}{one.rounds:>8}{one.median:>10}{one.p95:>8}" for one in figures]
    by_method: dict[str, list[Figures]] = {}
    for one in figures:
        by_method.setdefault(one.method, []).append(one)
    for method, rows in by_method.items():
        if len(rows) > 1:
            growth = rows[-1].median / max(rows[0].median, 0.001)
            lines.append(
                f"{method}: {growth:.2f} times as long at {rows[-1].applications} as at {rows[0].applications}"
            )
    return "\n".join(lines)


def main() -> None:
    """Run, print, and leave nothing behind."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[50, 10_000])
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--push-delay", default="0ms", help="what a real Gitea needs for a push, e.g. 500ms")
    parser.add_argument("--output", choices=["text", "json"], default="text")
    options = parser.parse_args()
    figures: list[Figures] = []
    for size in options.sizes:
        with tempfile.TemporaryDirectory(prefix="infraforge-bench-") as directory:
            figures += measure(size, options.rounds, options.push_delay, Path(directory))
    print(json.dumps([asdict(one) for one in figures], indent=2) if options.output == "json" else table(figures))


if __name__ == "__main__":
    main()
