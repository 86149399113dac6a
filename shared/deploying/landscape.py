"""What of ArgoCD's objects one claim's deployment hangs on."""

import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from shared.argocd import Role, root_name, set_name
from shared.claims.names import PLATFORM_PREFIX
from shared.environments import Environment
from shared.events import DeploymentRef
from shared.kube.client import Document
from shared.recorded_set import gives

SET_OWNER = "ApplicationSet"


def role_of(ref: DeploymentRef) -> Role | None:
    """Whose an object of an environment is; None for one that is a whole cluster type's."""
    if ref.environment is None:
        return None
    if ref.kind == SET_OWNER:
        return "platform" if ref.name.endswith("-platform") else "apps"
    return "platform" if ref.name.startswith(f"{ref.environment}-{PLATFORM_PREFIX}") else "apps"


@dataclass(frozen=True)
class Place:
    """The part of an environment that one set deploys, and one kind of claim owns."""

    environment: Environment
    set_name: str
    root_name: str
    prefix: str
    foreign: str | None
    """The prefix of Applications that are another part's, although they begin with `prefix`."""
    aside: frozenset[str] = frozenset()
    """Rows of the set that another claim stands for."""
    single: str | None = None
    """What follows `prefix` in the name of the one Application that all rows share."""

    @classmethod
    def of(cls, environment: Environment, role: Role) -> "Place":
        """One half of an environment."""
        apps, platform = f"{environment.name}-", f"{environment.name}-{PLATFORM_PREFIX}"
        root = root_name(environment.cluster_type, role)
        name = set_name(environment, role)
        return (
            cls(environment, name, root, apps, platform)
            if role == "apps"
            else cls(environment, name, root, platform, None)
        )

    def application(self, row: str) -> str:
        """The name of the Application that deploys a row."""
        return self.prefix + (self.single or row)

    def is_current(self, document: Document, sources: Mapping[str, Mapping[str, str]]) -> bool:
        """Whether the set, as the cluster has it, makes the Applications of these rows of the sources that Git wants.

        Until the root Application has brought the newest, a refresh would have it deploy a new folder with the chart
        that it gives to any folder; what that made can be in the way for good (the selector of a Deployment never
        changes). A row without a source stays with what it has.
        """
        return all(gives(document, self.single or row, source) for row, source in sources.items() if source)

    def parts(self, rows: Iterable[str]) -> frozenset[str]:
        """What `row` says of the Applications that deploy these rows."""
        return frozenset(self.single or row for row in rows)

    def row(self, application: Document, *, orphans: bool) -> str | None:
        """The row, or `single`, that an Application of this set stands for; None for one that is not ours.

        `orphans`: also one that no set owns any more.
        """
        metadata = application["metadata"]
        name: str = metadata["name"]
        if not name.startswith(self.prefix) or (self.foreign is not None and name.startswith(self.foreign)):
            return None
        owners = [one.get("name") for one in metadata.get("ownerReferences") or [] if one.get("kind") == SET_OWNER]
        is_ours = self.set_name in owners or (orphans and not owners)
        row = name.removeprefix(self.prefix)
        return row if is_ours and row not in self.aside and self.single in {None, row} else None


class Landscape:
    """The Applications of an environment by name, the set that makes them, and the root Application that brings it.

    `find_set` and `find_root` are asked at most once, and only when something is not as it should be.
    """

    def __init__(
        self,
        place: Place,
        applications: Mapping[str, Document],
        find_set: Callable[[str], Document | None],
        find_root: Callable[[str], Document | None],
    ) -> None:
        self.place = place
        self.applications = applications
        self._find_set = find_set
        self._find_root = find_root

    @functools.cached_property
    def set(self) -> Document | None:
        """The ApplicationSet."""
        return self._find_set(self.place.set_name)

    @functools.cached_property
    def root(self) -> Document | None:
        """The root Application."""
        return self._find_root(self.place.root_name)
