"""BootstrapClaim: the platform itself, its Gitea, its cluster types and their environments."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from shared.claims.meta import STATUS, Claim
from shared.claims.names import MAX_CLUSTERS, MAX_ENVIRONMENTS, DnsLabel, OrganizationName, Url
from shared.claims.parts import Destination, SpecModel
from shared.claims.problems import Problem, refuse, repeated
from shared.claims.rules import SET, immutable, map_list
from shared.claims.status import BootstrapStatus


class GiteaSpec(SpecModel):
    """The Gitea that holds the platform's repositories."""

    url: Url = Field(description="Its address as Git and ArgoCD know it, without user or password.")
    organization: OrganizationName = Field(description="The organization that owns the repositories.")


class ClusterSpec(SpecModel):
    """A cluster type and its environments."""

    type: DnsLabel = Field(description="The cluster type, such as nonprod. Unique in the claim.")
    environments: Annotated[list[DnsLabel], Field(max_length=MAX_ENVIRONMENTS, json_schema_extra=SET)] = Field(
        description="Its environments. A name is unique over all cluster types, and none is another's with '-' and "
        "more after it: dev and dev-eu would share the names of their applications."
    )
    destination: Destination | None = Field(
        default=None, description="The cluster that ArgoCD deploys to; its own when absent."
    )


class BootstrapSpec(SpecModel):
    """The platform that shall exist."""

    gitea: GiteaSpec = Field(
        description="The Gitea that holds the platform's repositories. Immutable.", json_schema_extra=immutable("gitea")
    )
    clusters: Annotated[list[ClusterSpec], Field(max_length=MAX_CLUSTERS, json_schema_extra=map_list("type"))] = Field(
        description="The cluster types and their environments."
    )

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        refuse("BootstrapSpec", self._problems())
        return self

    def _problems(self) -> Iterator[Problem]:
        yield from repeated((cluster.type for cluster in self.clusters), ("clusters",), "type")
        places: dict[str, tuple[str | int, ...]] = {}
        for at, cluster in enumerate(self.clusters):
            for index, name in enumerate(cluster.environments):
                path = ("clusters", at, "environments", index)
                if name in places:
                    yield Problem(path, f'"{name}" is there already: environment names are unique over all types')
                places.setdefault(name, path)
        # '-' sorts before every other character of a label, so a name's extensions follow it directly.
        for shorter, longer in pairwise(sorted(places)):
            if longer.startswith(f"{shorter}-"):
                said = f'"{longer}" begins with "{shorter}-", and "{shorter}" is an environment too: rename one'
                yield Problem(places[longer], said)


class BootstrapClaim(Claim):
    """The platform: repositories in Gitea, cluster types, environments and what ArgoCD needs to follow them."""

    kind: Literal["BootstrapClaim"]
    spec: BootstrapSpec = Field(description="The platform that shall exist.")
    status: BootstrapStatus = Field(default_factory=BootstrapStatus, description=STATUS)
