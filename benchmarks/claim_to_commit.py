"""From a claim that the API has taken to its commit in Gitea, through the whole sandbox, against a bare `git push`.

The ratio is ours divided by the baseline's, of the same round:

    ours        from the end of `kubectl apply` until Gitea's `main` holds the commit, functions warm
    baseline    one `git push` of that very commit, onto the same parent, from a cached bare clone to a copy of the
                repository on the same server

What kubectl itself takes is shown apart. Two sandboxes, of 50 and of 10,000 applications, take turns: the growth is
the larger one's time divided by the smaller one's, round by round.
"""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from benchmarks.measure import Aim, Row
from benchmarks.sandbox import Cached, Sandbox, example, run, sandbox

SECTION: Final = "claim to commit"
AN_ENVIRONMENT: Final = 100
"""So many applications an environment has; as many as a claim may have."""

AT_PARITY: Final = Aim(1.5)
GROWTH: Final = Aim(1.3)


@dataclass
class Edits:
    """A claim that is edited again and again, and the seconds of every round."""

    there: Sandbox
    cached: Cached
    directory: Path
    claim: dict[str, Any] = field(default_factory=lambda: example("dev/dev-apps-claim.yaml"))
    kubectl: list[float] = field(default_factory=list)
    ours: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)
    _number: int = 9

    def round(self) -> None:
        """One edit of ours, and one push of the commit that it became."""
        before = self.there.head()
        self._number += 1
        self.claim["spec"]["applications"][0]["values"]["replicas"] = self._number
        started = time.perf_counter()
        self.there.apply(self.claim, self.directory)
        answered = time.perf_counter()
        commit = self.there.moved(before)
        ended = time.perf_counter()
        self.kubectl.append(answered - started)
        self.ours.append(max(0.0, ended - answered))
        self.there.wait_ready("applicationclaim", "dev", "dev-apps")
        self.cached.fetch()
        self.bare.append(self.cached.push(commit))


def prepare(there: Sandbox, directory: Path, applications: int, more: Sequence[str] = ()) -> Edits:
    """A platform with that many applications, and one claim in Git; a first round is thrown away.

    `more` names environments that others need.
    """
    environments = [f"load{number:02}" for number in range(-(-applications // AN_ENVIRONMENT))]
    there.bootstrap(directory, [*environments, *more])
    fill(there, directory / "fill.git", applications)
    edits = Edits(there, Cached(there, directory / "cached.git"), directory)
    there.apply(edits.claim, directory)
    there.wait_ready("applicationclaim", "dev", "dev-apps")
    edits.round()
    for figures in (edits.kubectl, edits.ours, edits.bare):
        figures.clear()
    return edits


def measure(sizes: Sequence[int], rounds: int, directory: Path) -> list[Row]:
    """The rows of each size without a delay of pushes, and of the growth from the first to the last."""
    with ExitStack() as stack:
        sides = {}
        for size in sizes:
            place = directory / str(size)
            place.mkdir()
            sides[size] = prepare(stack.enter_context(sandbox(place / "sandbox")), place, size)
        for _ in range(rounds):
            for side in sides.values():
                side.round()
    found = [row for size, side in sides.items() for row in rows(side, f"{size:,} applications")]
    small, large = sides[min(sizes)], sides[max(sizes)]
    growth = f"growth from {min(sizes):,} to {max(sizes):,} applications"
    return [
        *found,
        Row.compared(SECTION, f"{growth}, warm", large.ours, small.ours, aim=GROWTH),
        Row.compared(SECTION, f"{growth}, bare push", large.bare, small.bare),
    ]


def rows(edits: Edits, what: str) -> list[Row]:
    """What the rounds of one sandbox say."""
    return [
        Row.compared(SECTION, f"{what}: API's answer to commit", edits.ours, edits.bare, aim=AT_PARITY),
        Row.plain(SECTION, f"{what}: kubectl apply itself", edits.kubectl),
    ]


def fill(there: Sandbox, work: Path, applications: int) -> None:
    """Push that many applications, of environments that no ApplicationClaim has."""
    run(["git", "clone", "-q", "--bare", there.url(there.organization), str(work)])
    stream = [b"commit refs/heads/main\ncommitter Fill <fill@example.com> 1700000000 +0000\ndata 4\nfill\n"]
    stream.append(b"from refs/heads/main^0\n")
    for number in range(applications):
        environment, position = divmod(number, AN_ENVIRONMENT)
        path = f"environments/nonprod/load{environment:02}/applications/app-{position}/values.yaml"
        image = f"image:\n  repository: ghcr.io/acme/app-{number}\n  tag: v1.0.{number}\n  pullPolicy: IfNotPresent\n"
        text = f"{image}replicas: 2\n".encode()
        stream.append(b"M 100644 inline %s\ndata %d\n%s\n" % (path.encode(), len(text), text))
    run(["git", "-C", str(work), "fast-import", "--quiet"], stdin=b"".join(stream))
    run(["git", "-C", str(work), "push", "-q", "origin", "main:main"])
