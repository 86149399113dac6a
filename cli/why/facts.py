"""What was seen of a claim, its events, ArgoCD's objects and what they made."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from cli.cluster import Reference
from cli.why.links import Document, items, part, text

BOOTSTRAP: Final = "BootstrapClaim"
ROWS: Final = {
    "ApplicationClaim": "applications",
    "PlatformClaim": "services",
    "InfrastructureClaim": "namespaces",
}
"""What the rows of each kind are called in spec and status."""


@dataclass(frozen=True)
class Row:
    """A row of the claim: `application` is the name of the Application that deploys it, `status` its own state.

    `status` is None while no function has told of it.
    """

    name: str
    application: str
    status: Document | None


@dataclass(frozen=True)
class Station:
    """Something that an event passes: a source, a broker, a function."""

    name: str
    is_well: bool
    message: str
    look: str


@dataclass(frozen=True)
class Rendered:
    """An object that an Application made. `live` is None when it is not there, or was not looked at (`is_seen`)."""

    kind: str
    namespace: str
    name: str
    sync: str
    live: Document | None = None
    is_seen: bool = True
    pods: tuple[Document, ...] = ()
    events: tuple[Document, ...] = ()
    """Of type Warning, of the object and its pods, the newest first."""

    @property
    def label(self) -> str:
        """For people and kubectl."""
        return f"{self.kind.lower()}/{self.name}"


@dataclass(frozen=True)
class Facts:
    """All of it. `argocd` is the namespace of ArgoCD; None when its objects cannot be read, and `blind` says why."""

    reference: Reference
    claim: Document
    now: datetime
    rows: tuple[Row, ...] = ()
    bootstraps: tuple[Document, ...] | None = ()
    path: tuple[Station, ...] = ()
    argocd: str | None = "argocd"
    blind: str = ""
    roots: Mapping[str, Document] = field(default_factory=dict)
    set: Document | None = None
    applications: Mapping[str, Document] = field(default_factory=dict)
    objects: Mapping[str, tuple[Rendered, ...]] = field(default_factory=dict)
    is_part: bool = False
    """Whether only some of the rows were asked for."""

    @property
    def generation(self) -> int:
        """Of the spec as it is now."""
        found = part(self.claim, "metadata").get("generation")
        return found if isinstance(found, int) else 0

    @property
    def target(self) -> str:
        """The claim as kubectl takes it."""
        return f"{self.reference.kind.lower()}/{self.reference.name} -n {self.reference.namespace}"

    @property
    def role(self) -> str:
        """Which half of an environment the claim is of, as ArgoCD's objects are named."""
        return "apps" if self.reference.kind == "ApplicationClaim" else "platform"

    @property
    def root_name(self) -> str:
        """The root Application that brings the claim's set."""
        return f"{text(part(self.claim, 'spec'), 'clusterType')}-{self.role}"

    @property
    def set_name(self) -> str:
        """The claim's ApplicationSet."""
        return f"{text(part(self.claim, 'spec'), 'environment')}-{self.role}"


def rows_of(claim: Document, wanted: str | None = None) -> tuple[Row, ...]:
    """The claim's rows with what its status says of each; only `wanted` when a name is given."""
    kind, environment = text(claim, "kind"), text(part(claim, "spec"), "environment")
    field_ = ROWS.get(kind)
    if field_ is None:
        return ()
    states = {text(one, "name"): one for one in items(part(claim, "status"), field_)}
    names = [text(one, "name") for one in items(part(claim, "spec"), field_)]
    found = []
    for name in names:
        match kind:
            case "ApplicationClaim":
                application = f"{environment}-{name}"
            case "PlatformClaim":
                application = f"{environment}-platform-{name}"
            case _:
                application = f"{environment}-platform-namespaces"
        if wanted in (None, name, application):
            found.append(Row(name, application, states.get(name)))
    return tuple(found)
