"""What must be true when the faults have stopped, and what must be true all the time.

Git equals the pure function of the live claims; every status is true; nothing else was touched; history is never
taken back. The pure functions are the production code's own, which their own tests hold to golden files.
"""

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from functions.application import desired as application_desired
from functions.bootstrap import desired as bootstrap_desired
from functions.platform import desired as platform_desired
from shared import platform_set
from shared.argocd import Layout
from shared.attempt import Kind
from shared.claims import ApplicationClaim, BootstrapClaim, PlatformClaim
from shared.environments import locate
from shared.errors import InfraForgeError
from shared.kinds import APPLICATION, BOOTSTRAP, PLATFORM
from tests.chaos.cluster import Document, reference
from tests.chaos.ledger import Commit, Ledger

_KINDS: Final[Mapping[str, Kind[Any]]] = {
    "ApplicationClaim": APPLICATION,
    "PlatformClaim": PLATFORM,
    "BootstrapClaim": BOOTSTRAP,
}
ORGANIZATION: Final = "platform"
_SHOWN: Final = 3

Digests = Mapping[str, str]
"""`repository:tag` → digest, as the registry really has it."""


@dataclass
class Verdict:
    """What is not as it must be, each as a line."""

    git: list[str] = field(default_factory=list)
    statuses: list[str] = field(default_factory=list)

    @property
    def converged(self) -> bool:
        """Whether all is well."""
        return not self.git and not self.statuses

    def without(self, known: Collection[str]) -> "Verdict":
        """What of it is new."""
        return Verdict(
            [one for one in self.git if one not in known], [one for one in self.statuses if one not in known]
        )

    def __str__(self) -> str:
        lines = [*self.git[:_SHOWN], *self.statuses[:_SHOWN]]
        more = len(self.git) + len(self.statuses) - len(lines)
        return "; ".join(lines) + (f"; and {more} more" if more else "")


@dataclass(frozen=True)
class Oracle:
    """Judges `ledger` by the live claims. `foreign` is path → blob of what is nobody's to touch."""

    ledger: Ledger
    layout: Layout
    served: Sequence[str]
    digests: Digests
    foreign: Mapping[str, str]

    def judge(self, documents: Sequence[Document]) -> Verdict:
        """What differs now."""
        self.ledger.read()
        verdict = Verdict()
        documents = [one for one in documents if not _elsewhere(one)]
        going = [reference(one) for one in documents if "deletionTimestamp" in one["metadata"]]
        verdict.statuses += [f"{one} is still being deleted" for one in going]
        try:
            expected = {path: _blob(data) for path, data in self.expected(documents)} | dict(self.foreign)
        except InfraForgeError as error:
            verdict.git.append(f"not all claims can be generated: {error}")
            return verdict
        actual = self.ledger.files() if self.ledger.head() else {}
        verdict.git += [f"{path} is missing" for path in sorted(expected.keys() - actual.keys())]
        verdict.git += [f"{path} is nobody's" for path in sorted(actual.keys() - expected.keys())]
        both = sorted(expected.keys() & actual.keys())
        verdict.git += [f"{path} has another content" for path in both if expected[path] != actual[path]]
        for document in documents:
            verdict.statuses += [f"{reference(document)}: {what}" for what in self.untrue(document)]
        return verdict

    def expected(self, documents: Sequence[Document]) -> Iterator[tuple[str, bytes]]:
        """Path and content of everything that the claims stand for."""
        claims = [_KINDS[one["kind"]].parse(one) for one in documents]
        bootstraps = [one for one in claims if isinstance(one, BootstrapClaim)]
        for claim in claims:
            if isinstance(claim, BootstrapClaim):
                clusters = [one for one in claim.spec.clusters if one.type in self.served]
                organization = claim.spec.gitea.organization
                yield from bootstrap_desired.structure(clusters, organization, self.layout).items()
                continue
            if not isinstance(claim, ApplicationClaim | PlatformClaim):
                raise TypeError(f"{claim.kind} is not known here")
            environment = locate(bootstraps, claim.spec.clusterType, claim.spec.environment)
            if isinstance(claim, ApplicationClaim):
                rows = {row.name: row.digest for row in claim.status.applications if row.digest}
                pinned = rows if claim.spec.imagePolicy == "Digest" else {}
                inside = application_desired.applications(claim.spec.applications, pinned, {})
                root = application_desired.folder(environment)
                yield from application_desired.deployment(claim, environment, self.layout).items()
            else:
                inside = platform_desired.services(claim.spec.services)
                root = platform_set.folder(environment)
                yield from platform_set.files(environment, self.layout, platform=claim).items()
            for folder, files in inside.items():
                for name, data in files.items():
                    yield f"{root}/{folder}/{name}", data

    def untrue(self, document: Document) -> Iterator[str]:
        """What a settled claim's status says, or fails to say, against the truth."""
        status, generation = document.get("status") or {}, document["metadata"]["generation"]
        ready = _ready(status)
        if ready.get("status") != "True":
            yield f"is not Ready: {ready.get('reason')}: {str(ready.get('message'))[:160]}"
            return
        if status.get("observedGeneration") != generation or ready.get("observedGeneration") != generation:
            yield f"speaks of generation {status.get('observedGeneration')} and not of {generation}"
            return
        newest = self._newest(reference(document))
        named = (status.get("commit") or {}).get("sha")
        if newest is None or named != newest.sha:
            yield f"names commit {str(named)[:8]}, and its last one is {newest.sha[:8] if newest else 'none'}"
        yield from self._untrue_rows(document)

    def lies(self, documents: Sequence[Document]) -> list[str]:
        """Statuses that say Ready for the live generation, and name no commit of main. Never true, not even in a fault.

        `documents` must have been read before this is called: a commit is in Git before a status says so.
        """
        self.ledger.read()
        found = []
        for document in documents:
            status = document.get("status") or {}
            ready = _ready(status)
            if ready.get("status") != "True" or _elsewhere(document):
                continue
            named = str((status.get("commit") or {}).get("sha"))
            commit = self.ledger.commits.get(named)
            if commit is None:
                found.append(f"{reference(document)} is Ready, and commit {named[:8]} is not in main")
            elif commit.claim != reference(document):
                found.append(f"{reference(document)} is Ready with a commit of {commit.claim}")
        return found

    def lost(self, since: str | None) -> list[str]:
        """Commits that main had and has no more, and claims of which an older generation overwrote a newer one."""
        head, heads = self.ledger.head(), self.ledger.heads()
        recent = heads[heads.index(since) :] if since in heads else heads
        gone = [one for one in recent if one not in self.ledger.commits]
        found = [f"{one[:8]} was in main, and {str(head)[:8]} does not contain it" for one in gone]
        generations: dict[tuple[str, str], int] = {}
        for commit in self.ledger.after(since):
            if len(commit.parents) > 1:
                found.append(f"{commit.sha[:8]} is a merge")
            if commit.record is None:
                continue
            key = (str(commit.claim), commit.record.uid)
            if commit.record.generation < generations.get(key, 0):
                found.append(f"{commit.sha[:8]} puts {key[0]} back to generation {commit.record.generation}")
            generations[key] = max(generations.get(key, 0), commit.record.generation)
        return found

    def duplicates(self, since: str | None) -> list[str]:
        """Commits that change nothing, and second commits of one generation of a claim with the same files."""
        new = self.ledger.after(since)
        found = [
            f"{commit.sha[:8]} of {commit.claim} changes nothing"
            for commit in new
            if commit.parents and self._tree(commit.parents[0]) == commit.tree
        ]
        seen: dict[tuple[Any, ...], str] = {}
        recorded = [commit for commit in new if commit.record is not None]
        for commit, content in zip(recorded, self._contents(recorded), strict=True):
            if commit.record is None:
                continue
            key = (commit.claim, commit.record.uid, commit.record.generation, content)
            if key in seen:
                found.append(f"{commit.sha[:8]} does for {commit.claim} what {seen[key][:8]} had done")
            seen.setdefault(key, commit.sha)
        return found

    def _contents(self, commits: Sequence[Commit]) -> list[tuple[str, ...]]:
        """For each commit the objects of its claim's own paths."""
        paths = [_scope(commit) for commit in commits]
        names = [f"{commit.sha}:{path}" for commit, mine in zip(commits, paths, strict=True) for path in mine]
        objects = iter(self.ledger.objects(names))
        return [tuple(next(objects) for _ in mine) for mine in paths]

    def _tree(self, sha: str) -> str | None:
        commit = self.ledger.commits.get(sha)
        return commit.tree if commit else None

    def _newest(self, claim: str) -> Commit | None:
        return next((one for one in reversed(self.ledger.commits.values()) if one.claim == claim), None)

    def _untrue_rows(self, document: Document) -> Iterator[str]:
        status, spec = document["status"], document["spec"]
        for field_name in ("applications", "services"):
            rows = {row["name"]: row for row in status.get(field_name, ())}
            wanted = {one["name"]: one for one in spec.get(field_name, ())}
            if rows.keys() != wanted.keys():
                yield f"has rows for {', '.join(sorted(rows.keys() ^ wanted.keys()))} too many, or none"
                continue
            for name, row in rows.items():
                if row.get("state") != "Committed":
                    yield f"{name} is {row.get('state')}: {row.get('reason')}"
                elif (last := self._last_change(row["path"])) != row.get("commit"):
                    yield f"{name} names commit {str(row.get('commit'))[:8]}; its files changed last in {str(last)[:8]}"
                image = wanted[name].get("image")
                if image:
                    said = f"{image['repository']}:{image['tag']}"
                    if row.get("digest") != self.digests[said]:
                        yield f"{name} has the digest {str(row.get('digest'))[:20]}, which is not that of {said}"

    def _last_change(self, folder: str) -> str | None:
        inside = f"{folder}/"
        commits = reversed(self.ledger.commits.values())
        return next((one.sha for one in commits if any(path.startswith(inside) for path in one.paths)), None)


def _scope(commit: Commit) -> tuple[str, ...]:
    record = commit.record
    if record is None or record.kind == "BootstrapClaim":
        return ("root-apps", "appsets", "environments")
    place, role = record.spec["clusterType"], "apps" if record.kind == "ApplicationClaim" else "platform"
    name = record.spec["environment"]
    suffix = "-appset.yaml" if role == "apps" else "-platform-appset.yaml"
    folder = "applications" if role == "apps" else "platform"
    return f"environments/{place}/{name}/{folder}", f"appsets/{place}/{role}/{name}{suffix}"


def _elsewhere(document: Document) -> bool:
    """Whether a claim has its files in another organization's repository."""
    return bool(document["spec"].get("gitea", {}).get("organization", ORGANIZATION) != ORGANIZATION)


def _ready(status: Mapping[str, Any]) -> Mapping[str, Any]:
    conditions: Sequence[Mapping[str, Any]] = status.get("conditions") or ()
    return next((one for one in conditions if one["type"] == "Ready"), {})


def _blob(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
