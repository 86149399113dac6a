"""What an oracle has before it: the claims, the repository, and what may be in it."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from shared.claims import BootstrapClaim, ClusterSpec
from shared.kube.client import Document
from tests.stateful.audit import _ROLES
from tests.stateful.cluster import KINDS
from tests.stateful.server import Bare
from tests.stateful.world import World

Place = tuple[str, str]


@dataclass
class Expectation:
    """What may be in `voltran`: files with exactly this content, and prefixes below which all may be."""

    files: dict[str, bytes] = field(default_factory=dict)
    free: set[str] = field(default_factory=set)

    def allows(self, path: str) -> bool:
        return path in self.files or is_below(path, self.free)


@dataclass
class Evidence:
    """A world at rest, and what is expected of its `voltran`, which grows while claims are judged."""

    world: World

    def __post_init__(self) -> None:
        self.documents = self.world.cluster.claims()
        self.bare = self.world.voltran or Bare()
        self.expectation = Expectation()

    @cached_property
    def bootstrap(self) -> Document | None:
        return next((one for one in self.documents if one["kind"] == "BootstrapClaim"), None)

    def bootstraps(self) -> list[BootstrapClaim]:
        return [KINDS["BootstrapClaim"].parse(self.bootstrap)] if self.bootstrap else []

    def clusters(self) -> list[ClusterSpec]:
        rows = ((self.bootstrap or {}).get("status") or {}).get("clusters") or []
        return [ClusterSpec(type=row["type"], environments=row["environments"]) for row in rows]

    def tenants(self) -> list[Document]:
        return [one for one in self.documents if one["kind"] != "BootstrapClaim"]

    @property
    def stays_missing(self) -> bool:
        """Whether the repository is gone, and no BootstrapClaim asks for it."""
        return self.world.voltran is None and (self.bootstrap is None or deleting(self.bootstrap))

    def spare(self, document: Document) -> None:
        """Whatever the claim has in `voltran` may be there."""
        folder, role, suffix = _ROLES[document["kind"]]
        type_, name = place(document)
        self.expectation.free |= {f"environments/{type_}/{name}/{folder}", f"appsets/{type_}/{role}/{name}{suffix}"}

    def named(self, sha: str | None, paths: Collection[str]) -> Iterator[str]:
        """A commit that a status names is in main, and the files are as it has them.

        Not always the last one that did so: a process that is killed after it has restored what a stranger changed
        leaves the commit before in the status, which is as true of the files. And a stranger who rewrites history may
        take a commit out of main whose files stay.
        """
        if sha is None:
            if any(is_below(path, paths) for path in self.bare.files()):
                yield "names no commit"
            return
        if sha not in {one.sha for one in self.bare.history()} and not (
            self.bare.is_rewritten and sha in self.world.trees
        ):
            yield f"names commit {sha[:8]}, which is not in main"
            return
        then, now = self.world.trees.get(sha) or self.bare.files(sha), self.bare.files()
        wrong = [path for path in sorted(then.keys() | now.keys()) if then.get(path) != now.get(path)]
        wrong = [path for path in wrong if is_below(path, paths)]
        if wrong:
            yield f"names commit {sha[:8]}, which has another {wrong[0]}"


def place(document: Document) -> Place:
    """Cluster type and environment."""
    return document["spec"]["clusterType"], document["spec"]["environment"]


def is_below(path: str, roots: Collection[str]) -> bool:
    """Whether a file is one of the roots, or in one of them."""
    return any(path == one or path.startswith(f"{one}/") for one in roots)


def deleting(document: Document) -> bool:
    return "deletionTimestamp" in document["metadata"]


def condition(document: Document, kind: str) -> Mapping[str, Any]:
    conditions: Sequence[Mapping[str, Any]] = (document.get("status") or {}).get("conditions") or ()
    return next((one for one in conditions if one["type"] == kind), {})
