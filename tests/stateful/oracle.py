"""What must be true at rest: Git is the pure function of the live claims, and every status says so."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from functions.application import desired as application_desired
from functions.bootstrap import desired as bootstrap_desired
from functions.bootstrap import namespaces
from functions.platform import desired as platform_desired
from shared import platform_set
from shared.bindings import CONFLICT, UNKNOWN, Bound, Offer, bind, offered
from shared.changes import KEEP
from shared.claims import ApplicationClaim, BootstrapClaim, ClusterSpec, InfrastructureClaim, PlatformClaim
from shared.claims.names import RESERVED_SERVICE
from shared.environments import Environment, locate, seniority
from shared.errors import InfraForgeError
from shared.git.objects import name_of
from shared.history import checksum
from shared.kube.client import Document
from tests.stateful.audit import _ROLES, SECRET, is_held
from tests.stateful.cluster import KINDS, reference
from tests.stateful.server import Bare
from tests.stateful.world import OURS, SERVED, World

Place = tuple[str, str]


@dataclass
class Expectation:
    """What may be in `voltran`: files with exactly this content, and prefixes below which all may be."""

    files: dict[str, bytes] = field(default_factory=dict)
    free: set[str] = field(default_factory=set)

    def allows(self, path: str) -> bool:
        return path in self.files or _is_below(path, self.free)


@dataclass
class Oracle:
    """Judges a world at rest. Made anew for each look."""

    world: World

    def __post_init__(self) -> None:
        self.documents = self.world.cluster.claims()
        self.bare = self.world.voltran or Bare()
        self.expectation = Expectation()

    def complaints(self) -> list[str]:
        """Everything that is not as it must be."""
        return [*self._judge()]

    @cached_property
    def bootstrap(self) -> Document | None:
        return next((one for one in self.documents if one["kind"] == "BootstrapClaim"), None)

    def _judge(self) -> Iterator[str]:
        for document in self.documents:
            yield from (f"{reference(document)}: {what}" for what in self._claim(document))
            if SECRET in json.dumps(document.get("status") or {}):
                yield f"{reference(document)}: the status shows a secret"
        if SECRET in json.dumps(self.world.cluster.events):
            yield "an Event shows a secret"
        if self.bootstrap is not None and not _deleting(self.bootstrap):
            yield from self._git()

    def _git(self) -> Iterator[str]:
        actual, expected = self.bare.files(), self.expectation.files
        for path in sorted(expected.keys() - actual.keys()):
            yield f"{path} is missing"
        for path, content in sorted(expected.items()):
            if path in actual and actual[path] != name_of("blob", content):
                yield f"{path} has another content"
        served = {cluster.type for cluster in self._clusters()}
        for path in sorted(actual):
            top, _, rest = path.partition("/")
            if top in {"environments", "appsets", "root-apps"} and rest.partition("/")[0] not in served | (
                SERVED if top == "environments" else set()
            ):
                continue  # of a type that is another's, or nobody's
            if not self.expectation.allows(path):
                yield f"{path} is nobody's"

    def _claim(self, document: Document) -> Iterator[str]:
        status, metadata = document.get("status") or {}, document["metadata"]
        ready = _condition(document, "Ready")
        if _deleting(document):
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
        reason = _condition(document, "Ready").get("reason")
        annotations = document["metadata"].get("annotations") or {}
        confirmation = (document.get("status") or {}).get("confirmation")
        if document["kind"] != "BootstrapClaim":
            self._free(document)
        if not is_held(document):
            yield "is there without a finalizer"
        elif reason == "RepositoryMissing" and self._stays_missing:
            return  # Gitea says the same to those whose right to see it is gone: `infraforge release` is for this
        elif document["kind"] == "BootstrapClaim":
            if reason != "InUse" or not self._tenants():
                yield f"is still there: {reason}"
        elif reason == "ConfirmationRequired":
            if confirmation in annotations.values():
                yield "was confirmed, and waits for it"
        elif not (reason == "NotBootstrapped" and self.bootstrap is None):
            yield f"is still there: {reason}"

    @property
    def _stays_missing(self) -> bool:
        """Whether the repository is gone, and no BootstrapClaim asks for it."""
        return self.world.voltran is None and (self.bootstrap is None or _deleting(self.bootstrap))

    def _free(self, document: Document) -> None:
        folder, role, suffix = _ROLES[document["kind"]]
        type_, name = place(document)
        self.expectation.free |= {f"environments/{type_}/{name}/{folder}", f"appsets/{type_}/{role}/{name}{suffix}"}

    def _tenants(self) -> list[Document]:
        return [one for one in self.documents if one["kind"] != "BootstrapClaim"]

    def _clusters(self) -> list[ClusterSpec]:
        rows = ((self.bootstrap or {}).get("status") or {}).get("clusters") or []
        return [ClusterSpec(type=row["type"], environments=row["environments"]) for row in rows]

    def _platform(self, document: Document) -> Iterator[str]:
        ready = _condition(document, "Ready")
        there = {(one.type, name) for one in self._clusters() for name in one.environments}
        wanted = {
            (one["type"], name)
            for one in document["spec"]["clusters"]
            if one["type"] in SERVED
            for name in one["environments"]
        }
        if wanted - there:
            yield f"{sorted(wanted - there)} are not bootstrapped: {ready}"
        extra = there - wanted
        unused = extra - {place(one) for one in self._tenants()}
        if unused:
            yield f"{sorted(unused)} are kept for nobody"
        if (ready["status"], ready["reason"]) != (("False", "InUse") if extra else ("True", "Bootstrapped")):
            yield f"is {ready['status']}/{ready['reason']} with {sorted(extra)} in use"
        structure = bootstrap_desired.structure(self._clusters(), "platform", self.world.layout)
        self.expectation.files |= structure
        yield from self._orphans(document)
        for row in document["status"]["repositories"]:
            bare = self.world.server.repositories[row["name"]]
            named, commits = row.get("commit"), {one.sha for one in bare.history()}
            if (
                named not in commits if commits else named is not None
            ) and not bare.is_rewritten:  # an empty repository has none to name
                yield f"names commit {named} of {row['name']}, which is not in main"
        yield from self._named((document["status"].get("commit") or {}).get("sha"), list(structure))

    def _orphans(self, document: Document) -> Iterator[str]:
        reported = {tuple(one.split("/")) for one in document["status"].get("orphanedEnvironments") or []}
        known = {(one.type, name) for one in self._clusters() for name in one.environments}
        claimed = {(one["kind"], place(one)) for one in self._tenants()}
        orphans = set()
        for path in self.bare.files():
            parts = path.split("/")
            if parts[0] != "environments" or len(parts) < 4 or parts[1] not in SERVED:
                continue
            where = (parts[1], parts[2])
            tenants = {kind for kind, there in claimed if there == where}
            if where not in known and tenants:
                self.expectation.free.add("/".join(parts[:3]))  # they are told that there is no such environment
            if where not in known and not tenants:
                orphans.add(where)
                self.expectation.free.add("/".join(parts[:3]))
            elif parts[3] in {"applications", "platform"} and len(parts) > 4:
                kind = "ApplicationClaim" if parts[3] == "applications" else "PlatformClaim"
                kind = "InfrastructureClaim" if parts[3:5] == ["platform", RESERVED_SERVICE] else kind
                if (kind, where) not in claimed and parts[4] != KEEP:
                    orphans.add(where)
                    self.expectation.free.add("/".join(parts[:5]))
            if where in orphans:
                for _, role, suffix in _ROLES.values():
                    self.expectation.free.add(f"appsets/{parts[1]}/{role}/{parts[2]}{suffix}")
        for where in sorted(reported - orphans):  # also a set alone makes an orphan
            files = [
                f"appsets/{where[0]}/{role}/{where[1]}{suffix}"
                for kind, (_, role, suffix) in _ROLES.items()
                if (kind, where) not in claimed
            ]
            self.expectation.free |= set(files)
            if not any(path in self.bare.files() for path in files):
                yield f"reports {where} as orphaned, and it is not"
        if orphans - reported:
            yield f"does not report {sorted(orphans - reported)} as orphaned"

    def _named(self, sha: str | None, paths: Collection[str]) -> Iterator[str]:
        """A commit that a status names is in main, and the files are as it has them.

        Not always the last one that did so: a process that is killed after it has restored what a stranger changed
        leaves the commit before in the status, which is as true of the files. And a stranger who rewrites history may
        take a commit out of main whose files stay.
        """
        if sha is None:
            if any(_is_below(path, paths) for path in self.bare.files()):
                yield "names no commit"
            return
        if sha not in {one.sha for one in self.bare.history()} and not (
            self.bare.is_rewritten and sha in self.world.trees
        ):
            yield f"names commit {sha[:8]}, which is not in main"
            return
        then, now = self.world.trees.get(sha) or self.bare.files(sha), self.bare.files()
        wrong = [path for path in sorted(then.keys() | now.keys()) if then.get(path) != now.get(path)]
        wrong = [path for path in wrong if _is_below(path, paths)]
        if wrong:
            yield f"names commit {sha[:8]}, which has another {wrong[0]}"

    def _tenant(self, document: Document) -> Iterator[str]:
        ready = _condition(document, "Ready")
        verdict = self._admitted(document)
        if ready.get("reason") == "RepositoryMissing" and self._stays_missing:
            return
        if isinstance(verdict, str):
            if (ready.get("status"), ready.get("reason")) != ("False", verdict):
                yield f"is {ready.get('status')}/{ready.get('reason')}, and should be {verdict}"
            if verdict != "EnvironmentConflict":
                self._free(document)
                uid = document["metadata"]["uid"]
                lost = [path for path in self.bare.files() if self._is_of(path, uid)]
                if lost and verdict == "EnvironmentUnknown":
                    yield f"has {lost[:3]} in Git, and no environment"
            return
        yield from self._rows(document, verdict)

    def _is_of(self, path: str, uid: str) -> bool:
        last = self.bare.last_change(path)
        return last is not None and last.record is not None and last.record.uid == uid

    def _admitted(self, document: Document) -> Environment | str:
        """The environment, or the reason why there is none."""
        kind = KINDS[document["kind"]]
        if place(document)[0] not in SERVED:
            return "ClusterTypeNotServed"
        bootstraps: list[BootstrapClaim] = [KINDS["BootstrapClaim"].parse(self.bootstrap)] if self.bootstrap else []
        try:
            environment = locate(bootstraps, *place(document))
        except InfraForgeError as error:
            return error.reason
        rivals = [one for one in self.documents if one["kind"] == kind.name and place(one) == place(document)]
        oldest = min(rivals, key=lambda one: seniority(kind.parse(one)))
        return environment if oldest["metadata"]["uid"] == document["metadata"]["uid"] else "EnvironmentConflict"

    def _rows(self, document: Document, environment: Environment) -> Iterator[str]:
        claim: Any = KINDS[document["kind"]].parse(document)
        if isinstance(claim, InfrastructureClaim):
            yield from self._namespaces(document, claim, environment)
            return
        rows: Sequence[Any]
        wanted: Sequence[Any]
        if isinstance(claim, ApplicationClaim):
            rows, wanted = claim.status.applications, claim.spec.applications
            pinned = {row.name: row.digest for row in rows if row.digest} if claim.spec.imagePolicy == "Digest" else {}
            bound = self._bound(claim)
            content = application_desired.applications(wanted, pinned, bound.values)
            yield from self._bindings(rows, bound)
            files = application_desired.deployment(claim, environment, self.world.layout)
        else:
            assert isinstance(claim, PlatformClaim)
            rows, wanted = claim.status.services, claim.spec.services
            content = platform_desired.services(one for one in wanted if one.type == "internal")
            yield from self._external(claim)
            files = {}  # another claim may have changed the set since
            self.expectation.files |= self._joint_set(environment)
        self.expectation.files |= files
        root = f"{environment.folder}/{_ROLES[claim.kind][0]}"
        specs = {one.name: one for one in wanted}
        if [row.name for row in rows][: len(wanted)] != [one.name for one in wanted]:
            yield f"has rows for {[row.name for row in rows]}, and should for {[one.name for one in wanted]}"
            return
        for row in rows:
            if row.name in content or row.name not in specs:
                yield from self._row(row, f"{root}/{row.name}", content.get(row.name), specs.get(row.name))
            elif row.state == "Held":  # a service that moves out stays until that is confirmed
                self.expectation.free.add(f"{root}/{row.name}")
        committed = [f"{root}/{row.name}" for row in rows if row.state == "Committed" and row.name in content]
        yield from self._named((document["status"].get("commit") or {}).get("sha"), [*files, *committed])
        held = [row.name for row in rows if row.state == "Held"]
        ready = _condition(document, "Ready")
        if (ready["status"] == "True") != (not held):
            yield f"is {ready['status']}/{ready['reason']} with {held} held: {ready['message'][:200]}"

    def _joint_set(self, environment: Environment) -> dict[str, bytes]:
        """The set of both claims that were let into the environment and have not left it."""
        folder, found = platform_set.folder(environment), {}
        there = {
            path.removeprefix(f"{folder}/").partition("/")[0] for path in self.bare.files() if path.startswith(folder)
        }
        for field_name, kind in (
            ("platform", KINDS["PlatformClaim"]),
            ("infrastructure", KINDS["InfrastructureClaim"]),
        ):
            mine = {RESERVED_SERVICE} if field_name == "infrastructure" else there - {RESERVED_SERVICE, KEEP}
            here = [one for one in self.documents if one["kind"] == kind.name and place(one)[1] == environment.name]
            let_in = [one for one in here if is_held(one) and (not _deleting(one) or mine & there)]
            if let_in:
                found[field_name] = min(map(kind.parse, let_in), key=seniority)
        return platform_set.files(environment, self.world.layout, **found)

    def _namespaces(self, document: Document, claim: InfrastructureClaim, environment: Environment) -> Iterator[str]:
        """One file for those that are the claim's, with what waits for a person as it was."""
        self.expectation.files |= self._joint_set(environment)
        path = f"{platform_set.folder(environment)}/{RESERVED_SERVICE}/{namespaces.VALUES}"
        self.expectation.free.add(path)
        sha = self.bare.files().get(path)
        there = namespaces.recorded(self.bare.content(sha) if sha else None)
        rows, wanted = (
            {row.name: row for row in claim.status.namespaces},
            {one.name: one for one in claim.spec.namespaces},
        )
        if list(rows)[: len(wanted)] != list(wanted):
            yield f"has rows for {list(rows)}, and should for {list(wanted)}"
            return
        held = {name: row.reason for name, row in rows.items() if row.state == "Held"}
        taken = self._taken(claim)
        if taken != {name for name, reason in held.items() if reason == "NamespaceConflict"}:
            yield f"holds {held}, and {taken} are others'"
        for name in wanted.keys() - held.keys():
            if there.get(name) != wanted[name]:
                yield f"{name} is in Git as {there.get(name)}"
        stay = {name for name in held if name not in taken}
        if not there.keys() - (wanted.keys() - held.keys()) <= stay:
            yield f"has {sorted(there)} in Git, of which {sorted(held)} are held"
        if not held and self.bare.content(sha or "") != namespaces.values(claim.spec.namespaces):
            yield "has another file in Git"
        yield from self._named((document["status"].get("commit") or {}).get("sha"), [path])
        ready = _condition(document, "Ready")
        if (ready["status"] == "True") != (not held):
            yield f"is {ready['status']}/{ready['reason']} with {held}: {ready['message'][:200]}"

    def _taken(self, claim: InfrastructureClaim) -> set[str]:
        """Namespaces of the claim that an older one has; all types are on one cluster here."""
        kind, owners = KINDS["InfrastructureClaim"], {}
        for one in sorted(map(kind.parse, (one for one in self.documents if one["kind"] == kind.name)), key=seniority):
            owners.setdefault((one.spec.clusterType, one.spec.environment), one)
        bootstraps: list[BootstrapClaim] = [KINDS["BootstrapClaim"].parse(self.bootstrap)] if self.bootstrap else []
        names = {one.name for one in claim.spec.namespaces}
        found: set[str] = set()
        for where, other in owners.items():
            try:
                locate(bootstraps, *where)
            except InfraForgeError:
                continue
            if seniority(other) < seniority(claim):
                found |= names & {one.name for one in other.spec.namespaces}
        return found

    def _external(self, claim: PlatformClaim) -> Iterator[str]:
        """A service that runs elsewhere has no files, and says where it is, or that it does not."""
        offers, rows = offered(claim).by_name, {row.name: row for row in claim.status.services}
        for one in claim.spec.services:
            reason = rows[one.name].reason if one.name in rows else None
            if one.type == "external" and reason not in {"CredentialInValues", "ConfirmationRequired"}:
                if reason != ("External" if isinstance(offers[one.name], Offer) else "ExternalUnknown"):
                    yield f"{one.name} is {reason}, and offers {offers[one.name]}"
            elif reason == "External":
                yield f"{one.name} is said to run elsewhere"

    def _bound(self, claim: ApplicationClaim) -> Bound:
        """The claim's bindings, by the PlatformClaim that owns the environment."""
        kind, spec = KINDS["PlatformClaim"], claim.spec
        where = (spec.clusterType, spec.environment)
        rivals = [kind.parse(one) for one in self.documents if one["kind"] == kind.name and place(one) == where]
        services = offered(min(rivals, key=seniority)) if rivals else None
        return bind(spec.applications, services, namespace=claim.metadata.namespace, place=where)

    def _bindings(self, rows: Sequence[Any], bound: Bound) -> Iterator[str]:
        """Who is bound to what is not there is held for it; who is not has the passwords that there are."""
        secrets = self.world.cluster.objects
        for row in rows:
            if row.state == "Committed" and row.name in bound.held:
                yield f"{row.name} is Committed, and bound to what is not there"
            if row.state == "Held" and row.reason in {UNKNOWN, CONFLICT} and row.name not in bound.held:
                yield f"{row.name} is held for a binding that it has"
            for grant in bound.grants.get(row.name, ()):
                source = secrets.get(("secrets", grant.source_namespace, grant.source))
                copied = secrets.get(("secrets", grant.namespace, grant.name))
                if source and (copied is None or copied["data"] != source["data"]):
                    yield f"{row.name} has not the password of {grant.source}"
                waits = "wait for a password" in (row.message or "")
                if row.state == "Committed" and (source is None) != waits:
                    yield f"{row.name} is {row.reason}, and {grant.source} is {'there' if source else 'not there'}"

    def _row(self, row: Any, folder: str, content: Mapping[str, bytes] | None, spec: Any) -> Iterator[str]:
        last = self.bare.last_change(folder)
        if row.state == "Committed":
            if content is None:
                yield f"{row.name} is Committed, and not in the claim"
                return
            self.expectation.files |= {f"{folder}/{name}": data for name, data in content.items()}
            yield from (f"{row.name} {what}" for what in self._named(row.commit, [folder]))
            if row.checksum != checksum(content):
                yield f"{row.name} has a wrong checksum"
            if SECRET in str(spec.values):
                yield f"{row.name} is written with its secret"
            return
        self.expectation.free.add(folder)
        if row.reason == "ConfirmationRequired" and content is not None:
            yield f"{row.name} waits for a confirmation, and is in the claim"
        if row.reason == "CredentialInValues" and SECRET not in str(spec.values):
            yield f"{row.name} is held for a secret that it does not have"
        if row.reason != "ConfirmationRequired" and content is None:
            yield f"{row.name} is held ({row.reason}), and not in the claim"
        there = bool(self.bare.head and self.bare.entry(self.bare.head, folder))
        if there and row.commit and last is not None and last.author[0] == OURS.name:
            yield from (f"held {row.name} {what}" for what in self._named(row.commit, [folder]))


def place(document: Document) -> Place:
    """Cluster type and environment."""
    return document["spec"]["clusterType"], document["spec"]["environment"]


def _is_below(path: str, roots: Collection[str]) -> bool:
    """Whether a file is one of the roots, or in one of them."""
    return any(path == one or path.startswith(f"{one}/") for one in roots)


def _deleting(document: Document) -> bool:
    return "deletionTimestamp" in document["metadata"]


def _condition(document: Document, kind: str) -> Mapping[str, Any]:
    conditions: Sequence[Mapping[str, Any]] = (document.get("status") or {}).get("conditions") or ()
    return next((one for one in conditions if one["type"] == kind), {})
