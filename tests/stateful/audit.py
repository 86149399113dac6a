"""What must hold at every push and at every finalizer that goes, faults or not."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

from functions.bootstrap.namespaces import recorded
from shared.changes import KEEP
from shared.claims import place
from shared.claims.meta import CONFIRM_REMOVAL, FINALIZER, REMOVE_ENVIRONMENTS
from shared.claims.names import RESERVED_SERVICE
from shared.git.objects import decode_tree
from shared.kube.client import Document
from shared.removal import Removal
from tests.stateful.cluster import reference
from tests.stateful.server import Bare, Move, Revision
from tests.stateful.world import LIMITS, OURS, World

SECRET = "hunter2-Zk81xQ7Lp0sTq"
"""What a claim should not hold, and Git must not."""
FOREIGN = ("environments/edge", "appsets/edge", "root-apps/edge")
"""A cluster type of another installation's."""
_ROLES = {"ApplicationClaim": ("applications", "apps", "-appset.yaml")}
_ROLES["PlatformClaim"] = ("platform", "platform", "-platform-appset.yaml")
_ROLES["InfrastructureClaim"] = (f"platform/{RESERVED_SERVICE}", "platform", "-platform-appset.yaml")


@dataclass
class Audit:
    """Watches a world, and writes down what must not happen."""

    world: World
    ours: set[str] = field(default_factory=set)
    """Folders of rows that the functions have written, ever."""
    generations: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.world.on_push = self.pushed
        self.world.cluster.on_release = self.released

    def pushed(self, bare: Bare, move: Move) -> None:
        """One of the functions has moved `main`."""
        assert move.after is not None
        new: list[Revision] = []
        for one in bare.history(move.after):
            if one.sha == move.before:
                break
            new.append(one)
        else:
            if move.before is not None:
                self.world.violations.append(f"{move.after[:8]} does not follow {move.before[:8]}")
        for commit in reversed(new):
            self.world.violations += [f"{commit.sha[:8]} {commit.claim}: {what}" for what in self._commit(bare, commit)]

    def released(self, document: Document) -> None:
        """Our finalizer is about to go."""
        uid, bare = document["metadata"]["uid"], self.world.voltran
        if "deletionTimestamp" not in document["metadata"]:
            self.world.violations.append(f"{reference(document)} lost its finalizer though nobody deletes it")
        if document["kind"] == "BootstrapClaim" and bare is not None and bare.is_rewritten:
            return  # a stranger may have brought back what it had removed long ago
        heirs = [
            one
            for one in self.world.cluster.claims(document["kind"])
            if place(one) == place(document) and one["metadata"]["uid"] != uid
        ]
        if document["kind"] != "BootstrapClaim" and heirs:
            return  # who owns the environment now adopts what is there
        shared = _set_of_neighbour(document, self.world.cluster.claims())
        left = [path for path in (bare.files() if bare else ()) if path != shared and self._wrote(bare, path, uid)]
        if left:
            self.world.violations.append(f"{reference(document)} lets go, and {left[:3]} are still in Git")

    def _wrote(self, bare: Bare | None, path: str, uid: str) -> bool:
        last = bare.last_change(path) if bare else None
        return last is not None and last.record is not None and last.record.uid == uid

    def _commit(self, bare: Bare, commit: Revision) -> Iterator[str]:
        parent = bare.revision(commit.parents[0]) if commit.parents else None
        if len(commit.parents) > 1:
            yield "is a merge"
        if parent is not None and parent.tree == commit.tree:
            yield "changes nothing"
        if commit.author[0] != OURS.name:
            yield f"is by {commit.author[0]}"
        record = commit.record
        if record is None:
            yield "names no claim"
            return
        if record.generation < self.generations.get(record.uid, 0):
            yield f"puts generation {record.generation} over {self.generations[record.uid]}"
        self.generations[record.uid] = max(record.generation, self.generations.get(record.uid, 0))
        if SECRET in commit.message or SECRET in json.dumps(record.spec):
            yield "shows a secret"
        yield from self._content(bare, commit, parent)
        if parent is not None:
            yield from self._removals(bare, commit, parent)
        for kind, (folder, _, _) in _ROLES.items():
            if record.kind == kind:
                root = f"environments/{record.spec['clusterType']}/{record.spec['environment']}/{folder}"
                self.ours |= {f"{root}/{name}" for name in rows(bare, commit, root)}

    def _content(self, bare: Bare, commit: Revision, parent: Revision | None) -> Iterator[str]:
        """What a commit writes and touches."""
        before = bare.files(parent.sha) if parent else {}
        after = self.world.trees[commit.sha] = bare.files(commit.sha)
        for path in after.keys() - before.keys() | {one for one in after if after[one] != before.get(one)}:
            if SECRET.encode() in bare.content(after[path]):
                yield f"writes a secret to {path}"
        for path in before.keys() | after.keys():
            if before.get(path) != after.get(path) and path.startswith(FOREIGN):
                yield f"touches another installation's {path}"

    def _removals(self, bare: Bare, commit: Revision, parent: Revision) -> Iterator[str]:
        """Rows that go with a commit: as many as may go unasked, or those that a person has confirmed."""
        for type_ in names(bare, parent, "environments"):
            for environment in names(bare, parent, f"environments/{type_}"):
                for kind, (folder, _, _) in _ROLES.items():
                    root = f"environments/{type_}/{environment}/{folder}"
                    left = rows(bare, commit, root)
                    gone = {one for one in rows(bare, parent, root) - left if f"{root}/{one}" in self.ours}
                    if gone:
                        yield from self._unasked(commit, kind, f"{type_}/{environment}", gone, len(left))

    def _unasked(self, commit: Revision, kind: str, place: str, gone: set[str], left: int) -> Iterator[str]:
        assert commit.record is not None
        stateful = {} if kind == "ApplicationClaim" else dict.fromkeys(gone, ())
        objection = Removal(sorted(gone), left, stateful).objection(LIMITS)
        live = [one for one in self.world.cluster.claims() if one["metadata"]["uid"] == commit.record.uid]
        annotations = (live[0]["metadata"].get("annotations") or {}) if live else {}
        if commit.record.kind == "BootstrapClaim":
            if place not in annotations.get(REMOVE_ENVIRONMENTS, ""):
                yield f"removes {sorted(gone)} of {place}, which nobody named"
        elif commit.record.kind != kind:
            yield f"removes {sorted(gone)} of {place}, which are not its own"
        elif objection and not annotations.get(CONFIRM_REMOVAL, "").startswith(f"remove-{len(gone)}-"):
            yield f"removes {sorted(gone)} of {place} unasked, though {objection}"


def _set_of_neighbour(document: Document, claims: list[Document]) -> str | None:
    """The path of the platform set, if another claim goes on to need it when this one goes."""
    neighbour = {"PlatformClaim": "InfrastructureClaim", "InfrastructureClaim": "PlatformClaim"}.get(document["kind"])
    where = place(document)
    if where is None or not any(one["kind"] == neighbour and place(one) == where for one in claims):
        return None
    return f"appsets/{where[0]}/platform/{where[1]}-platform-appset.yaml"


def rows(bare: Bare, revision: Revision, folder: str) -> set[str]:
    """The rows in a claim's folder: one folder each, but for namespaces, which share a file."""
    if not folder.endswith(f"/{RESERVED_SERVICE}"):
        return names(bare, revision, folder) - {RESERVED_SERVICE}
    sha = bare.entry(revision.sha, f"{folder}/values.yaml")
    return set(recorded(bare.objects[sha].data if sha else None))


def names(bare: Bare, revision: Revision, folder: str) -> set[str]:
    """The names in a folder, without what keeps it."""
    sha = bare.entry(revision.sha, folder)
    stored = bare.objects[sha] if sha else None
    found = decode_tree(stored.data) if stored and stored.kind == "tree" else {}
    return {name.decode() for name in found} - {KEEP}


def is_held(document: Document) -> bool:
    """Whether a claim carries our finalizer."""
    return FINALIZER in (document["metadata"].get("finalizers") or [])
