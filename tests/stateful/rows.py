"""What must be true of the rows of a claim that was let into its environment, and of their files."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from functions.application import desired as application_desired
from functions.bootstrap import namespaces
from functions.platform import desired as platform_desired
from shared import platform_set
from shared.bindings import CONFLICT, UNKNOWN, Bound, Offer, bind, offered
from shared.changes import KEEP
from shared.claims import ApplicationClaim, InfrastructureClaim, PlatformClaim
from shared.claims.names import RESERVED_SERVICE
from shared.environments import Environment, locate, seniority
from shared.errors import InfraForgeError
from shared.history import checksum
from shared.kube.client import Document
from tests.stateful.audit import _ROLES, SECRET, is_held
from tests.stateful.cluster import KINDS
from tests.stateful.evidence import Evidence, condition, deleting, place
from tests.stateful.world import OURS


@dataclass
class Rows:
    """Judges the rows of claims."""

    evidence: Evidence

    def judge(self, document: Document, environment: Environment) -> Iterator[str]:
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
            files = application_desired.deployment(claim, environment, self.evidence.world.layout)
        else:
            assert isinstance(claim, PlatformClaim)
            rows, wanted = claim.status.services, claim.spec.services
            content = platform_desired.services(one for one in wanted if one.type == "internal")
            yield from self._external(claim)
            files = {}  # another claim may have changed the set since
            self.evidence.expectation.files |= self._joint_set(environment)
        self.evidence.expectation.files |= files
        root = f"{environment.folder}/{_ROLES[claim.kind][0]}"
        specs = {one.name: one for one in wanted}
        if [row.name for row in rows][: len(wanted)] != [one.name for one in wanted]:
            yield f"has rows for {[row.name for row in rows]}, and should for {[one.name for one in wanted]}"
            return
        for row in rows:
            if row.name in content or row.name not in specs:
                yield from self._row(row, f"{root}/{row.name}", content.get(row.name), specs.get(row.name))
            elif row.state == "Held":  # a service that moves out stays until that is confirmed
                self.evidence.expectation.free.add(f"{root}/{row.name}")
        committed = [f"{root}/{row.name}" for row in rows if row.state == "Committed" and row.name in content]
        yield from self.evidence.named((document["status"].get("commit") or {}).get("sha"), [*files, *committed])
        held = [row.name for row in rows if row.state == "Held"]
        ready = condition(document, "Ready")
        if (ready["status"] == "True") != (not held):
            yield f"is {ready['status']}/{ready['reason']} with {held} held: {ready['message'][:200]}"

    def _joint_set(self, environment: Environment) -> dict[str, bytes]:
        """The set of both claims that were let into the environment and have not left it."""
        folder, found = platform_set.folder(environment), {}
        there = {
            path.removeprefix(f"{folder}/").partition("/")[0]
            for path in self.evidence.bare.files()
            if path.startswith(folder)
        }
        for field_name, kind in (
            ("platform", KINDS["PlatformClaim"]),
            ("infrastructure", KINDS["InfrastructureClaim"]),
        ):
            mine = {RESERVED_SERVICE} if field_name == "infrastructure" else there - {RESERVED_SERVICE, KEEP}
            here = [
                one for one in self.evidence.documents if one["kind"] == kind.name and place(one)[1] == environment.name
            ]
            let_in = [one for one in here if is_held(one) and (not deleting(one) or mine & there)]
            if let_in:
                found[field_name] = min(map(kind.parse, let_in), key=seniority)
        return platform_set.files(environment, self.evidence.world.layout, **found)

    def _namespaces(self, document: Document, claim: InfrastructureClaim, environment: Environment) -> Iterator[str]:
        """One file for those that are the claim's, with what waits for a person as it was."""
        self.evidence.expectation.files |= self._joint_set(environment)
        path = f"{platform_set.folder(environment)}/{RESERVED_SERVICE}/{namespaces.VALUES}"
        self.evidence.expectation.free.add(path)
        sha = self.evidence.bare.files().get(path)
        there = namespaces.recorded(self.evidence.bare.content(sha) if sha else None)
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
        if not held and self.evidence.bare.content(sha or "") != namespaces.values(claim.spec.namespaces):
            yield "has another file in Git"
        yield from self.evidence.named((document["status"].get("commit") or {}).get("sha"), [path])
        ready = condition(document, "Ready")
        if (ready["status"] == "True") != (not held):
            yield f"is {ready['status']}/{ready['reason']} with {held}: {ready['message'][:200]}"

    def _taken(self, claim: InfrastructureClaim) -> set[str]:
        """Namespaces of the claim that an older one has; all types are on one cluster here."""
        kind, owners = KINDS["InfrastructureClaim"], {}
        for one in sorted(
            map(kind.parse, (one for one in self.evidence.documents if one["kind"] == kind.name)), key=seniority
        ):
            owners.setdefault((one.spec.clusterType, one.spec.environment), one)
        names = {one.name for one in claim.spec.namespaces}
        found: set[str] = set()
        for where, other in owners.items():
            try:
                locate(self.evidence.bootstraps(), *where)
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
        rivals = [
            kind.parse(one) for one in self.evidence.documents if one["kind"] == kind.name and place(one) == where
        ]
        services = offered(min(rivals, key=seniority)) if rivals else None
        return bind(spec.applications, services, namespace=claim.metadata.namespace, place=where)

    def _bindings(self, rows: Sequence[Any], bound: Bound) -> Iterator[str]:
        """Who is bound to what is not there is held for it; who is not has the passwords that there are."""
        secrets = self.evidence.world.cluster.objects
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
        last = self.evidence.bare.last_change(folder)
        if row.state == "Committed":
            if content is None:
                yield f"{row.name} is Committed, and not in the claim"
                return
            self.evidence.expectation.files |= {f"{folder}/{name}": data for name, data in content.items()}
            yield from (f"{row.name} {what}" for what in self.evidence.named(row.commit, [folder]))
            if row.checksum != checksum(content):
                yield f"{row.name} has a wrong checksum"
            if SECRET in str(spec.values):
                yield f"{row.name} is written with its secret"
            return
        self.evidence.expectation.free.add(folder)
        if row.reason == "ConfirmationRequired" and content is not None:
            yield f"{row.name} waits for a confirmation, and is in the claim"
        if row.reason == "CredentialInValues" and SECRET not in str(spec.values):
            yield f"{row.name} is held for a secret that it does not have"
        if row.reason != "ConfirmationRequired" and content is None:
            yield f"{row.name} is held ({row.reason}), and not in the claim"
        there = bool(self.evidence.bare.head and self.evidence.bare.entry(self.evidence.bare.head, folder))
        if there and row.commit and last is not None and last.author[0] == OURS.name:
            yield from (f"held {row.name} {what}" for what in self.evidence.named(row.commit, [folder]))
