"""An application's bindings at work: what the environment's PlatformClaim offers, and the Secrets brought to it."""

import functools
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from shared import auth_secrets, bindings
from shared.admission import Admission
from shared.auth_secrets import SECRETS
from shared.bindings import Bound, Grant, Services
from shared.claims import ApplicationClaim
from shared.drafts import Hold
from shared.environments import Environment
from shared.errors import InfraForgeError, PermanentError
from shared.kinds import APPLICATION, PLATFORM
from shared.kube.client import Document, Kube
from shared.wording import listed

NOT_READY: Final = "BindingNotReady"
"""The reason of an application whose files are in Git, and whose pods wait for a password."""
TAKEN: Final = "BindingSecretTaken"
"""The reason of an application whose namespace has somebody else's Secret where a service's would be."""

MAX_REMEMBERED: Final = 10_000
MAX_NAMED: Final = 5


@dataclass(frozen=True)
class _Brought:
    """What became of one Secret: the versions of source and copy, or what is in the way."""

    versions: tuple[str | None, str | None] = (None, None)
    note: Hold | None = None
    hold: Hold | None = None
    is_final: bool = True
    """Whether looking again would come to the same."""


@dataclass
class Binding:
    """A claim's bindings, each by the application's name: values, what holds it back, and what its pods wait for.

    `basis` is what all of it follows from beside the claim; None when nothing is bound.
    """

    values: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    held: Mapping[str, Hold] = field(default_factory=dict)
    notes: Mapping[str, Hold] = field(default_factory=dict)
    is_final: bool = True
    basis: Hashable = None


class Binder:
    """Binds applications to the services of their environment. Thread-safe."""

    def __init__(self, kube: Kube, admission: Admission) -> None:
        self._kube = kube
        self._admission = admission
        self._brought: OrderedDict[Grant, _Brought] = OrderedDict()

    def bind(self, claim: ApplicationClaim, environment: Environment, *, fresh: bool) -> Binding:
        """Bind the claim's applications, and bring them the Secrets that they read.

        Reads the PlatformClaim as it is now; a Secret that was just looked at is looked at again only if `fresh`.
        Raises `TransientError`.
        """
        if not any(one.bindings for one in claim.spec.applications):
            return Binding()
        place = environment.cluster_type, environment.name
        owner = self._admission.owners(PLATFORM, place).get(place)
        services = bindings.offered(owner) if owner else None
        bound = _bound(claim, services)
        brought = {grant: self._bring(grant, environment, fresh=fresh) for grant in _grants(bound)}
        problems = {name: [brought[grant] for grant in grants] for name, grants in bound.grants.items()}
        held = {name: one for name, found in problems.items() if (one := _first(each.hold for each in found))}
        notes = {name: one for name, found in problems.items() if (one := _first(each.note for each in found))}
        return Binding(
            values=bound.values,
            held=bound.held | held,
            notes=notes,
            is_final=all(one.is_final for one in brought.values()),
            basis=(services, frozenset((grant, one.versions) for grant, one in brought.items())),
        )

    def survey(self) -> Callable[[Document, Environment], Hashable]:
        """What a claim's bindings would follow from if it were looked at now; None when that cannot be said.

        There is one listing for all claims together, and none before a claim is asked after that binds something.
        """
        services, versions = functools.cache(self._offers), functools.cache(self._versions)

        def basis(document: Document, environment: Environment) -> Hashable:
            try:
                claim = APPLICATION.parse(document)
                offers = services().get((environment.cluster_type, environment.name))
                grants = _grants(_bound(claim, offers))
                if auth_secrets.elsewhere(environment):
                    return offers, frozenset((grant, (None, None)) for grant in grants)
                there = versions() if any(grant.is_copy for grant in grants) else {}
                return offers, frozenset((grant, self._seen(grant, there)) for grant in grants)
            except PermanentError:  # no claim, or we may not look: who looks at the claim itself will say so
                return None

        return basis

    def _offers(self) -> dict[tuple[str, str], Services]:
        return {place: bindings.offered(claim) for place, claim in self._admission.owners(PLATFORM).items()}

    def _versions(self) -> dict[tuple[str, str], str]:
        listed = (one["metadata"] for one in self._kube.list(SECRETS, labels=auth_secrets.OURS))
        return {(one["namespace"], one["name"]): one["resourceVersion"] for one in listed}

    def _seen(self, grant: Grant, there: Mapping[tuple[str, str], str]) -> tuple[str | None, str | None]:
        if not grant.is_copy:
            return None, None
        source = there.get((grant.source_namespace, grant.source))
        if source is None:  # somebody's own carries no label of ours
            source = _version(self._kube.get(SECRETS, grant.source_namespace, grant.source))
        return source, there.get((grant.namespace, grant.name))

    def _bring(self, grant: Grant, environment: Environment, *, fresh: bool) -> _Brought:
        known = None if fresh else self._brought.get(grant)
        if known is not None:
            return known
        found = self._brought[grant] = self._look(grant, environment)
        while len(self._brought) > MAX_REMEMBERED:
            self._brought.popitem(last=False)
        return found

    def _look(self, grant: Grant, environment: Environment) -> _Brought:
        cluster = auth_secrets.elsewhere(environment)
        if cluster is not None:
            return _Brought(note=Hold(NOT_READY, _request(grant, cluster)) if grant.is_copy else None)
        where = f'Secret "{grant.source}" in namespace "{grant.source_namespace}"'
        try:
            source = self._kube.get(SECRETS, grant.source_namespace, grant.source)
            encoded = auth_secrets.encoded_password(source) if source else None
            if source is None or encoded is None:
                missing = "is not there yet" if source is None else f"has no key {bindings.PASSWORD}"
                return _Brought(
                    note=Hold(NOT_READY, f"its pods wait for a password: {where} {missing}"), is_final=False
                )
            return self._copy(grant, environment, source, encoded) if grant.is_copy else _Brought()
        except PermanentError as error:
            return _Brought(note=Hold(NOT_READY, f"{where} cannot be brought to its pods: {error}"), is_final=False)

    def _copy(self, grant: Grant, environment: Environment, source: Document, encoded: str) -> _Brought:
        wanted = auth_secrets.copied(grant, environment, encoded)
        there = self._kube.get(SECRETS, grant.namespace, grant.name)
        if there is not None and not auth_secrets.is_copy(there):
            return _Brought(
                hold=Hold(
                    TAKEN,
                    f'Secret "{grant.name}" in namespace "{grant.namespace}" is not InfraForge\'s, and left as it is; '
                    "a service's password would be in its place: rename or delete it",
                ),
                is_final=False,
            )
        try:
            if there is None:
                there = self._kube.create(SECRETS, wanted)
            elif not auth_secrets.is_same(there, wanted):
                there = self._overwrite(there, wanted)
        except InfraForgeError as error:
            error.args = (auth_secrets.without_password(str(error), encoded),)
            raise error from None  # whatever caused it may quote what was sent
        return _Brought((_version(source), _version(there)))

    def _overwrite(self, there: Document, wanted: Document) -> Document | None:
        """Provided that it is still the copy that was read."""
        metadata = wanted["metadata"] | {"resourceVersion": there["metadata"]["resourceVersion"]}
        return self._kube.patch(
            SECRETS, metadata["namespace"], metadata["name"], {"metadata": metadata, "data": wanted["data"]}
        )


def _bound(claim: ApplicationClaim, services: Services | None) -> Bound:
    spec = claim.spec
    return bindings.bind(
        spec.applications, services, namespace=claim.metadata.namespace, place=(spec.clusterType, spec.environment)
    )


def _grants(bound: Bound) -> list[Grant]:
    return sorted({grant for grants in bound.grants.values() for grant in grants})


def _first(holds: Iterable[Hold | None]) -> Hold | None:
    """All of them in one: the first one's reason, and every message."""
    found = list(dict.fromkeys(one for one in holds if one is not None))
    return Hold(found[0].reason, listed([one.message for one in found], MAX_NAMED, "; ")) if found else None


def _version(document: Document | None) -> str | None:
    version = document["metadata"].get("resourceVersion") if document else None
    return version if isinstance(version, str) else None


def _request(grant: Grant, cluster: str) -> str:
    return (
        f"it runs in another cluster ({cluster}), where InfraForge makes no Secrets, and its pods wait for a password; "
        f"to bring it there: kubectl get secret {grant.source} -n {grant.source_namespace} "
        f"-o jsonpath='{{.data.password}}' | base64 -d | kubectl create secret generic {grant.name} "
        f"-n {grant.namespace} --from-file=password=/dev/stdin"
    )
