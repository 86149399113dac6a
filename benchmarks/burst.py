"""Many claims in one `kubectl apply -f dir/`, where a push costs what a real Gitea's costs.

    ours        from the start of `kubectl apply` until every claim is Ready, kubectl's own time included
    baseline    the same commits, taken from Gitea's history afterwards, pushed one by one from a cached bare clone to a
                copy of the repository on the same server. Some of them are pushed (the column of rounds says how
                many), and the mean is multiplied by their number

The ratio is the baseline's time divided by ours: how many times faster the burst is. Pushes are counted in Gitea's log,
refused ones too; commits in its history, each of which must carry the trailers of another claim.
"""

import time
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Final

import yaml

from benchmarks.measure import Aim, Row
from benchmarks.process import memory_of
from benchmarks.sandbox import Cached, Sandbox

SECTION: Final = "the burst"
NAMESPACE: Final = "dev"
PATIENCE: Final = 400.0

FEW_PUSHES: Final = Aim(20, "ours")
FASTER: Final = Aim(10, least=True)


@dataclass(frozen=True)
class Burst:
    """How many claims of how many applications each, and of how many commits the baseline is made."""

    claims: int = 200
    applications: int = 5
    sampled: int = 20

    def environments(self) -> list[str]:
        """One for each claim: an environment has one owner."""
        return [f"burst{number:03}" for number in range(self.claims)]

    def name(self, number: int) -> str:
        """A claim's name."""
        return f"burst-{number:03}"

    def write(self, directory: Path) -> None:
        """One file for each claim."""
        directory.mkdir()
        for number, environment in enumerate(self.environments()):
            claim = {
                "apiVersion": "platform.infraforge.io/v1alpha1",
                "kind": "ApplicationClaim",
                "metadata": {"name": self.name(number), "namespace": NAMESPACE},
                "spec": {
                    "clusterType": "nonprod",
                    "environment": environment,
                    "applications": [_application(position) for position in range(self.applications)],
                },
            }
            (directory / f"{self.name(number)}.yaml").write_text(yaml.safe_dump(claim))


def measure(there: Sandbox, cached: Cached, burst: Burst, directory: Path) -> list[Row]:
    """The rows of one burst in a sandbox whose platform has its environments."""
    cached.fetch()
    cached.push("main")
    head, pushes = there.head(), there.pushes()
    burst.write(directory / "claims")
    started = time.perf_counter()
    there.kubectl("apply", "-f", str(directory / "claims"), patience=PATIENCE)
    applied = time.perf_counter() - started
    names = [burst.name(number) for number in range(burst.claims)]
    there.watch_ready("applicationclaim", NAMESPACE, names, PATIENCE)
    ready = time.perf_counter() - started
    pushed = there.pushes() - pushes
    there.wait_ready("applicationclaim", NAMESPACE, patience=PATIENCE)  # with other eyes, and not measured
    _, worker = memory_of(there.pids["application"])
    cached.fetch()
    commits = _commits(cached, head, burst)
    bare = [cached.push(commit) for commit in commits[: burst.sampled]]
    one_by_one = fmean(bare) * len(commits)
    what = f"{burst.claims} claims of {burst.applications}"
    return [
        Row(
            SECTION, f"{what}, all Ready: times faster than bare pushes", "s", ready, one_by_one, one_by_one / ready,
            None, None, len(bare), FASTER,
        ),
        Row.plain(SECTION, f"{what}: pushes", [pushed], unit="", aim=FEW_PUSHES),
        Row.plain(SECTION, f"{what}: commits, one a claim", [len(commits)], unit=""),
        Row.plain(SECTION, f"{what}: kubectl apply itself", [applied]),
        Row.plain(SECTION, f"{what}: RSS of the worker afterwards", [worker.rss / 1_000_000], unit="MB"),
    ]  # fmt: skip


def _commits(cached: Cached, head: str, burst: Burst) -> list[str]:
    """The burst's commits, the oldest first; raises unless each is another claim's own, and none is missing."""
    form = "%H %(trailers:key=Claim,valueonly,separator=%x2C)"
    commits, claims = [], []
    for line in cached.log(f"{head}..main", form):
        commit, _, claim = line.partition(" ")
        commits.append(commit)
        claims.append(claim)
    expected = [f"ApplicationClaim/{NAMESPACE}/{burst.name(number)}" for number in range(burst.claims)]
    if sorted(claims) != expected:
        strange = sorted(set(claims) ^ set(expected))[:5] or "one has more than one commit"
        raise AssertionError(f"{len(claims)} commits for {burst.claims} claims: {strange}")
    return commits


def _application(position: int) -> dict[str, object]:
    return {
        "name": f"service-{position}",
        "chart": {"name": "user-service"},
        "image": {"repository": "ghcr.io/infraforge/user-service", "tag": "v1.0.0"},
        "values": {"replicas": 1 + position},
    }
