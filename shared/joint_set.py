"""Writing the platform set, which a PlatformClaim and an InfrastructureClaim of one environment have in common."""

from dataclasses import replace
from typing import Any, Final

from shared import platform_set
from shared.argocd import Layout
from shared.attempt import Kind
from shared.changes import Change, others
from shared.claims import FINALIZER, EnvironmentClaim, place
from shared.claims.names import RESERVED_SERVICE
from shared.environments import Environment, seniority
from shared.errors import InvalidClaim
from shared.git import Transaction
from shared.kinds import INFRASTRUCTURE, PLATFORM
from shared.kube.client import Kube, KubeNotFound

_FIELDS: Final = {PLATFORM.name: "platform", INFRASTRUCTURE.name: "infrastructure"}


class JointSet:
    """Adds the set to what one of the two claims wants, with what is live of the other then."""

    def __init__(self, kube: Kube, layout: Layout) -> None:
        self._kube = kube
        self._layout = layout

    def kept(self, change: Change, git: Transaction, environment: Environment, claim: EnvironmentClaim) -> Change:
        """`change` with the set of `claim` and its neighbour; without it while the neighbour cannot be read.

        Called when the head of Git is known, like everything that reads claims for a write.
        """
        try:
            neighbour = self._neighbour(git, environment, claim)
        except InvalidClaim:
            return change  # the set stays as it is: what the other claim has there is not for us to guess
        claims = {_FIELDS[one.kind]: one for one in (claim, neighbour) if one is not None}
        return replace(change, joint=self._files(environment, claims))

    def left(self, change: Change, git: Transaction, environment: Environment, claim: EnvironmentClaim) -> Change:
        """`change`, with which `claim` leaves Git, and of the set what the neighbour needs; it goes with the last."""
        path = platform_set.path(environment)
        removed = tuple(one for one in change.removed if one != path)
        try:
            neighbour = self._neighbour(git, environment, claim)
        except InvalidClaim:
            return replace(change, removed=removed)
        if neighbour is None:
            return replace(change, removed=(*removed, path))
        return replace(change, removed=removed, joint=self._files(environment, {_FIELDS[neighbour.kind]: neighbour}))

    def _files(self, environment: Environment, claims: dict[str, Any]) -> dict[str, bytes]:
        return platform_set.files(environment, self._layout, **claims)

    def _neighbour(self, git: Transaction, environment: Environment, claim: EnvironmentClaim) -> Any:
        """The other kind's claim that was let into the environment and has not left it; None when there is none.

        One in deletion counts as long as its files are there: until a person confirms, or Git is reached, it is
        deployed as before. Raises `InvalidClaim` when what is there cannot be read.
        """
        kind: Kind[Any] = INFRASTRUCTURE if claim.kind == PLATFORM.name else PLATFORM
        where = environment.cluster_type, environment.name
        fields = {"spec.clusterType": where[0], "spec.environment": where[1]}
        try:
            found = list(self._kube.list(kind.resource, fields=fields))
        except KubeNotFound:  # no such kind is installed
            return None
        let_in = [
            document
            for document in found
            if place(document) == where and FINALIZER in (document["metadata"].get("finalizers") or ())
        ]
        oldest = min((kind.parse(document) for document in let_in), key=seniority, default=None)
        if oldest is None or oldest.metadata.deletionTimestamp is None:
            return oldest
        return oldest if self._has_files(git, environment, kind) else None

    def _has_files(self, git: Transaction, environment: Environment, kind: Kind[Any]) -> bool:
        folder = platform_set.folder(environment)
        if kind is INFRASTRUCTURE:
            return RESERVED_SERVICE in git.names(folder)
        return bool(others(git, folder, {RESERVED_SERVICE}))
