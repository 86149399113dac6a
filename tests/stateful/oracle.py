"""What must be true at rest: Git is the pure function of the live claims, and every status says so."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from functions.bootstrap import desired as bootstrap_desired
from shared.changes import KEEP
from shared.claims.names import RESERVED_SERVICE
from shared.environments import Environment, locate, seniority
from shared.errors import InfraForgeError
from shared.git.objects import name_of
from shared.kube.client import Document
from tests.stateful.audit import _ROLES, SECRET, is_held
from tests.stateful.cluster import KINDS, reference
from tests.stateful.evidence import Evidence, condition, deleting, place
from tests.stateful.rows import Rows
from tests.stateful.world import SERVED, World


@dataclass
class Oracle:
    """Judges a world at rest. Made anew for each look."""

    world: World

    def __post_init__(self) -> None:
        self.evidence = Evidence(self.world)
        self.rows = Rows(self.evidence)

    def complaints(self) -> list[str]:
        """Everything that is not as it must be."""
        return [*self._judge()]

    def _judge(self) -> Iterator[str]:
        for document in self.evidence.documents:
            yield from (f"{reference(document)}: {what}" for what in self._claim(document))
            if SECRET in json.dumps(document.get("status") or {}):
                yield f"{reference(document)}: the status shows a secret"
        if SECRET in json.dumps(self.evidence.world.cluster.events):
            yield "an Event shows a secret"
        if self.evidence.bootstrap is not None and not deleting(self.evidence.bootstrap):
            yield from self._git()

    def _git(self) -> Iterator[str]:
        actual, expected = self.evidence.bare.files(), self.evidence.expectation.files
        for path in sorted(expected.keys() - actual.keys()):
            yield f"{path} is missing"
        for path, content in sorted(expected.items()):
            if path in actual and actual[path] != name_of("blob", content):
                yield f"{path} has another content"
        served = {cluster.type for cluster in self.evidence.clusters()}
        for path in sorted(actual):
            top, _, rest = path.partition("/")
            if top in {"environments", "appsets", "root-apps"} and rest.partition("/")[0] not in served | (
                SERVED if top == "environments" else set()
            ):
                continue  # of a type that is another's, or nobody's
            if not self.evidence.expectation.allows(path):
                yield f"{path} is nobody's"

    def _claim(self, document: Document) -> Iterator[str]:
        status, metadata = document.get("status") or {}, document["metadata"]
        ready = condition(document, "Ready")
        if deleting(document):
            yield from self._leaving(document)
            return
        if status.get("observedGeneration") != metadata["generation"]:
            yield f"speaks of generation {status.get('observedGeneration')} and not of {metadata['generation']}"
            return
        for one in status["conditions"]:
            if one["observedGeneration"] != metadata["generation"]:
                yield f"{one['type']} speaks of generation {one['observedGeneration']}"
            if one["type"] in {"Reconciling", "Stalled"} and ready.get("status") == "True":
                yield f"is Ready and {one['type']}"
        if document["kind"] == "BootstrapClaim":
            yield from self._platform(document)
        else:
            yield from self._tenant(document)

    def _leaving(self, document: Document) -> Iterator[str]:
        """A claim that is being deleted waits for a person, or is gone."""
        reason = condition(document, "Ready").get("reason")
        annotations = document["metadata"].get("annotations") or {}
        confirmation = (document.get("status") or {}).get("confirmation")
        if document["kind"] != "BootstrapClaim":
            self.evidence.spare(document)
        if not is_held(document):
            yield "is there without a finalizer"
        elif reason == "RepositoryMissing" and self.evidence.stays_missing:
            return  # Gitea says the same to those whose right to see it is gone: `infraforge release` is for this
        elif document["kind"] == "BootstrapClaim":
            if reason != "InUse" or not self.evidence.tenants():
                yield f"is still there: {reason}"
        elif reason == "ConfirmationRequired":
            if confirmation in annotations.values():
                yield "was confirmed, and waits for it"
        elif not (reason == "NotBootstrapped" and self.evidence.bootstrap is None):
            yield f"is still there: {reason}"

    def _platform(self, document: Document) -> Iterator[str]:
        ready = condition(document, "Ready")
        there = {(one.type, name) for one in self.evidence.clusters() for name in one.environments}
        wanted = {
            (one["type"], name)
            for one in document["spec"]["clusters"]
            if one["type"] in SERVED
            for name in one["environments"]
        }
        if wanted - there:
            yield f"{sorted(wanted - there)} are not bootstrapped: {ready}"
        extra = there - wanted
        unused = extra - {place(one) for one in self.evidence.tenants()}
        if unused:
            yield f"{sorted(unused)} are kept for nobody"
        if (ready["status"], ready["reason"]) != (("False", "InUse") if extra else ("True", "Bootstrapped")):
            yield f"is {ready['status']}/{ready['reason']} with {sorted(extra)} in use"
        structure = bootstrap_desired.structure(self.evidence.clusters(), "platform", self.evidence.world.layout)
        self.evidence.expectation.files |= structure
        yield from self._orphans(document)
        for row in document["status"]["repositories"]:
            bare = self.evidence.world.server.repositories[row["name"]]
            named, commits = row.get("commit"), {one.sha for one in bare.history()}
            if (
                named not in commits if commits else named is not None
            ) and not bare.is_rewritten:  # an empty repository has none to name
                yield f"names commit {named} of {row['name']}, which is not in main"
        yield from self.evidence.named((document["status"].get("commit") or {}).get("sha"), list(structure))

    def _orphans(self, document: Document) -> Iterator[str]:
        reported = {tuple(one.split("/")) for one in document["status"].get("orphanedEnvironments") or []}
        known = {(one.type, name) for one in self.evidence.clusters() for name in one.environments}
        claimed = {(one["kind"], place(one)) for one in self.evidence.tenants()}
        orphans = set()
        for path in self.evidence.bare.files():
            parts = path.split("/")
            if parts[0] != "environments" or len(parts) < 4 or parts[1] not in SERVED:
                continue
            where = (parts[1], parts[2])
            tenants = {kind for kind, there in claimed if there == where}
            if where not in known and tenants:
                # They are told that there is no such environment.
                self.evidence.expectation.free.add("/".join(parts[:3]))
            if where not in known and not tenants:
                orphans.add(where)
                self.evidence.expectation.free.add("/".join(parts[:3]))
            elif parts[3] in {"applications", "platform"} and len(parts) > 4:
                kind = "ApplicationClaim" if parts[3] == "applications" else "PlatformClaim"
                kind = "InfrastructureClaim" if parts[3:5] == ["platform", RESERVED_SERVICE] else kind
                if (kind, where) not in claimed and parts[4] != KEEP:
                    orphans.add(where)
                    self.evidence.expectation.free.add("/".join(parts[:5]))
            if where in orphans:
                for _, role, suffix in _ROLES.values():
                    self.evidence.expectation.free.add(f"appsets/{parts[1]}/{role}/{parts[2]}{suffix}")
        for where in sorted(reported - orphans):  # also a set alone makes an orphan
            files = [
                f"appsets/{where[0]}/{role}/{where[1]}{suffix}"
                for kind, (_, role, suffix) in _ROLES.items()
                if (kind, where) not in claimed
            ]
            self.evidence.expectation.free |= set(files)
            if not any(path in self.evidence.bare.files() for path in files):
                yield f"reports {where} as orphaned, and it is not"
        if orphans - reported:
            yield f"does not report {sorted(orphans - reported)} as orphaned"

    def _tenant(self, document: Document) -> Iterator[str]:
        ready = condition(document, "Ready")
        verdict = self._admitted(document)
        if ready.get("reason") == "RepositoryMissing" and self.evidence.stays_missing:
            return
        if isinstance(verdict, str):
            if (ready.get("status"), ready.get("reason")) != ("False", verdict):
                yield f"is {ready.get('status')}/{ready.get('reason')}, and should be {verdict}"
            if verdict != "EnvironmentConflict":
                self.evidence.spare(document)
                uid = document["metadata"]["uid"]
                lost = [path for path in self.evidence.bare.files() if self._is_of(path, uid)]
                if lost and verdict == "EnvironmentUnknown":
                    yield f"has {lost[:3]} in Git, and no environment"
            return
        yield from self.rows.judge(document, verdict)

    def _is_of(self, path: str, uid: str) -> bool:
        last = self.evidence.bare.last_change(path)
        return last is not None and last.record is not None and last.record.uid == uid

    def _admitted(self, document: Document) -> Environment | str:
        """The environment, or the reason why there is none."""
        kind = KINDS[document["kind"]]
        if place(document)[0] not in SERVED:
            return "ClusterTypeNotServed"
        try:
            environment = locate(self.evidence.bootstraps(), *place(document))
        except InfraForgeError as error:
            return error.reason
        rivals = [one for one in self.evidence.documents if one["kind"] == kind.name and place(one) == place(document)]
        oldest = min(rivals, key=lambda one: seniority(kind.parse(one)))
        return environment if oldest["metadata"]["uid"] == document["metadata"]["uid"] else "EnvironmentConflict"
