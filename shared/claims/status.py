"""What the functions write under `status`.

Everything is optional, because a status is read back after upgrades in both directions; unknown fields are ignored.
`model_dump(exclude_none=True)` is what is written. Messages are shortened to fit, so that a status can always be
written, whatever an upstream had to say.
"""

from typing import Annotated, Final, Literal

from pydantic import BeforeValidator, Field

from shared.claims.names import MAX_APPLICATIONS, MAX_CLUSTERS, MAX_ENVIRONMENTS, MAX_NAMESPACES, MAX_SERVICES, DnsLabel
from shared.claims.parts import Destination, StatusModel
from shared.claims.rules import ATOMIC, SET, map_list

MAX_MESSAGE: Final = 1024
MAX_HISTORY: Final = 10
MAX_ORPHANS: Final = 100
MAX_ROOT_APPS: Final = 2 * MAX_CLUSTERS
"""One of applications and one of platform services for each cluster type."""


def _fitting(message: object) -> object:
    if isinstance(message, str) and len(message) > MAX_MESSAGE:
        return message[: MAX_MESSAGE - 1] + "…"
    return message


Message = Annotated[str, BeforeValidator(_fitting), Field(max_length=MAX_MESSAGE)]
Reason = Annotated[str, Field(max_length=256)]
Address = Annotated[str, Field(max_length=1024)]
Sha = Annotated[str, Field(max_length=64, description="The commit's hash, in hexadecimal digits.")]
Time = Annotated[str, Field(max_length=64, json_schema_extra={"format": "date-time"})]
Generation = Annotated[int, Field(json_schema_extra={"format": "int64"})]
Orphan = Annotated[str, Field(max_length=127)]
RootApp = Annotated[str, Field(max_length=253)]
RowState = Literal["Committed", "Held"]


class Condition(StatusModel):
    """One aspect of the claim's state."""

    type: Annotated[str, Field(max_length=63)] = Field(description="The aspect: Ready, Reconciling, Stalled, Valid …")
    status: Literal["True", "False", "Unknown"] = Field(description="Whether it holds.")
    reason: Reason = Field(default="", description="Why, as a PascalCase constant.")
    message: Message = Field(default="", description="Why, for people, with what would mend it.")
    lastTransitionTime: Time | None = Field(default=None, description="When `status` last changed.")
    observedGeneration: Generation | None = Field(default=None, description="The generation that was looked at.")


class Commit(StatusModel):
    """A commit in voltran."""

    sha: Sha
    url: Address | None = Field(default=None, description="Where Gitea shows it.")


class HistoryEntry(StatusModel):
    """Something that happened to the claim's files and is over."""

    time: Time = Field(description="When it was seen.")
    reason: Reason = Field(description="Drifted: somebody else changed the files, and they were restored.")
    message: Message = Field(description="What happened, for people.")
    commit: Sha | None = Field(default=None, description="The commit that changed them; absent when it is not known.")
    author: Annotated[str, Field(max_length=256)] | None = Field(default=None, description="Its author.")
    restored: Sha | None = Field(default=None, description="The commit that restored them.")


class Deployed(StatusModel):
    """What ArgoCD makes of one row's files."""

    status: Literal["True", "False", "Unknown"] = Field(description="Whether ArgoCD runs what its commit says.")
    reason: Reason = Field(default="", description="Why, as a PascalCase constant.")
    message: Message = Field(default="", description="Why, in ArgoCD's words where it has some.")
    commit: Sha | None = Field(default=None, description="The commit of the row that this is about.")


class _Verdict(StatusModel):
    """What became of a row in this generation."""

    name: DnsLabel
    state: RowState | None = Field(
        default=None,
        description="Committed: its files are in Git for this generation. Held: they are not, and reason and message "
        "say why.",
    )
    reason: Reason | None = Field(default=None, description="Why the row is in this state, as a PascalCase constant.")
    message: Message | None = Field(default=None, description="The same for people, with what would mend it.")


class _Image(_Verdict):
    """What a row with an image runs."""

    image: Annotated[str, Field(max_length=512)] | None = Field(
        default=None, description="The image as the claim names it, repository and tag."
    )
    digest: Annotated[str, Field(max_length=256)] | None = Field(
        default=None, description="The digest that the registry gave for the image."
    )


class _Files(StatusModel):
    """What a row has in voltran, and what ArgoCD makes of it."""

    path: Address | None = Field(default=None, description="The folder in voltran that holds its files.")
    checksum: Annotated[str, Field(max_length=256)] | None = Field(
        default=None, description="The hash of those files' content."
    )
    commit: Sha | None = Field(default=None, description="The last commit that changed its files.")
    deployed: Deployed | None = Field(
        default=None, description="What ArgoCD makes of it; absent where nobody asks ArgoCD."
    )


class Row(_Files, _Verdict):
    """One row of a claim for an environment, whatever its kind.

    Pydantic puts the fields of the last base first: verdict, image if there is one, files is the order in the CRDs.
    """


class ApplicationRow(Row, _Image):
    """One application's own state."""

    name: DnsLabel = Field(description="The application's name in the claim.")


class ServiceRow(Row):
    """One platform service's own state."""

    name: DnsLabel = Field(description="The service's name in the claim.")


class NamespaceRow(Row):
    """One namespace's own state. All namespaces of an environment share their files and what deploys them."""

    name: DnsLabel = Field(description="The namespace's name in the claim.")


class RepositoryRow(StatusModel):
    """One of the platform's repositories in Gitea."""

    name: Annotated[str, Field(max_length=128)] = Field(description="The repository's name.")
    url: Address | None = Field(default=None, description="Its address, as Git holds it.")
    commit: Sha | None = Field(default=None, description="The head of its default branch.")


class ChartsRevision(StatusModel):
    """The embedded charts, as they are pushed to Gitea."""

    revision: Annotated[str, Field(max_length=256)] | None = Field(
        default=None, description="The immutable tag that names their content."
    )


class ClusterRow(StatusModel):
    """A cluster type that is bootstrapped: what the other claims are held against."""

    type: DnsLabel = Field(description="The cluster type.")
    environments: Annotated[list[DnsLabel], Field(max_length=MAX_ENVIRONMENTS, json_schema_extra=SET)] = Field(
        default=[], description="Its environments that exist in voltran."
    )
    destination: Destination | None = Field(default=None, description="Where its applications run.")


class ClaimStatus(StatusModel):
    """What every claim's status has."""

    observedGeneration: Generation | None = Field(
        default=None, description="The generation of the spec that this status tells about."
    )
    conditions: Annotated[list[Condition], Field(max_length=32, json_schema_extra=map_list("type"))] = Field(
        default=[], description="Ready, Reconciling and Stalled by the kstatus conventions, and the steps behind them."
    )
    commit: Commit | None = Field(default=None, description="The commit in voltran that holds this claim.")
    checksum: Annotated[str, Field(max_length=256)] | None = Field(
        default=None, description="The hash of everything that this claim has in voltran."
    )
    confirmation: Annotated[str, Field(max_length=256)] | None = Field(
        default=None,
        description="The value of the annotation confirm-removal that lets a held removal go on.",
    )
    history: Annotated[list[HistoryEntry], Field(max_length=MAX_HISTORY, json_schema_extra=ATOMIC)] = Field(
        default=[], description="What happened to the claim's files, the newest first."
    )


class BootstrapStatus(ClaimStatus):
    """How far the platform is built."""

    phase: Annotated[str, Field(max_length=63)] | None = Field(
        default=None, description="Bootstrapped, once everything the claim asks for is there."
    )
    repositories: Annotated[list[RepositoryRow], Field(max_length=16, json_schema_extra=map_list("name"))] = Field(
        default=[], description="The platform's repositories in Gitea."
    )
    charts: ChartsRevision | None = Field(default=None, description="The application charts in Gitea.")
    platformCharts: ChartsRevision | None = Field(default=None, description="The platform charts in Gitea.")
    rootApps: Annotated[list[RootApp], Field(max_length=MAX_ROOT_APPS, json_schema_extra=SET)] = Field(
        default=[], description="The names of the root applications in ArgoCD."
    )
    clusters: Annotated[list[ClusterRow], Field(max_length=MAX_CLUSTERS, json_schema_extra=map_list("type"))] = Field(
        default=[], description="The cluster types and environments that claims may name."
    )
    webhook: Address | None = Field(default=None, description="Where Gitea reports pushes to.")
    orphanedEnvironments: Annotated[list[Orphan], Field(max_length=MAX_ORPHANS, json_schema_extra=SET)] = Field(
        default=[], description="Environments with files in voltran that no claim stands for, as type/environment."
    )


class ApplicationStatus(ClaimStatus):
    """How far the applications of an environment are."""

    applications: Annotated[
        list[ApplicationRow], Field(max_length=2 * MAX_APPLICATIONS, json_schema_extra=map_list("name"))
    ] = Field(default=[], description="One row for each application.")
    imagesResolvedFor: Annotated[str, Field(max_length=256)] | None = Field(
        default=None, description="The value of the annotation that last asked to resolve the images again."
    )


class PlatformStatus(ClaimStatus):
    """How far the platform services of an environment are."""

    services: Annotated[list[ServiceRow], Field(max_length=2 * MAX_SERVICES, json_schema_extra=map_list("name"))] = (
        Field(default=[], description="One row for each service.")
    )


class InfrastructureStatus(ClaimStatus):
    """How far the namespaces of an environment are."""

    namespaces: Annotated[
        list[NamespaceRow], Field(max_length=2 * MAX_NAMESPACES, json_schema_extra=map_list("name"))
    ] = Field(default=[], description="One row for each namespace.")
