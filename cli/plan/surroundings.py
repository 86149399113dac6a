"""What a plan is held against: a cluster or none, the platform's Git, and what follows from both."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final

import httpx

from cli.clone import Clone
from cli.cluster import Cluster, Refused
from cli.exits import Failure
from cli.history.source import opened
from cli.plan import clone_facts
from cli.plan.charts import Library
from cli.plan.rehearsal import Rehearsal, Settings
from cli.plan.rendering import Renderer
from cli.plan.stage import Query, Stage, nowhere
from cli.plan.stand_ins import Shelf
from cli.plan.tree import Checkout
from cli.plan.wishes import KINDS, Name
from cli.voltran import REPOSITORY
from shared.claims import BootstrapClaim
from shared.errors import InvalidClaim
from shared.helm import Engine
from shared.kinds import BOOTSTRAP
from shared.kube.client import Document
from shared.oci import ChartRegistries, HostPolicy

DEFAULT_ORGANIZATION: Final = "platform"
UNASKED: Final = (
    "no cluster was asked: claims are those that the clone's commits record, and which volume claims a service has and "
    "what the API server would say is not looked at"
)


@dataclass(frozen=True)
class Gitea:
    """Where a process reaches Gitea, and the token that reads the repositories there."""

    url: str
    token: str


@dataclass(frozen=True)
class Folders:
    """Clones that a person has: of voltran, and of the repositories with charts."""

    voltran: Path | None = None
    charts: Path | None = None
    platform_charts: Path | None = None


@dataclass(frozen=True)
class Sites:
    """Where things are: `gitea` says where the one is that claims call by an address, and is asked only where no clone
    was given; `mirrors` are registry hosts with other addresses for this machine.
    """

    gitea: Callable[[str | None], Gitea]
    folders: Folders = field(default_factory=Folders)
    mirrors: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Surroundings:
    """All that a plan looks at. `notes` say what could not be looked at."""

    rehearsal: Rehearsal
    renderer: Renderer
    checkout: Checkout
    notes: list[str] = field(default_factory=list)
    told: Sequence[Document] = ()
    """BootstrapClaims as the clone alone tells of them; none where a cluster has one."""

    standing: Mapping[Name, Document] = field(default_factory=dict)
    """The claims that are there by Git's own account; none where a cluster has them."""

    @classmethod
    @contextmanager
    def of(cls, cluster: Cluster | None, sites: Sites, planned: str | None) -> "Iterator[Surroundings]":
        """Of a cluster, or of clones alone when it is None, while the block runs.

        `planned` is the address of the Gitea in the plan's own BootstrapClaim.
        """
        with ExitStack() as stack:
            notes: list[str] = [] if cluster is not None else [UNASKED]
            claims = list(_bootstraps(cluster, notes)) if cluster is not None else []
            named = claims[0].spec.gitea.url.rstrip("/") if claims else planned
            clones = _Clones(stack, lambda: sites.gitea(named), sites.folders)
            organization = claims[0].spec.gitea.organization if claims else DEFAULT_ORGANIZATION
            voltran = clones.get(organization, REPOSITORY)
            checkout = _checkout(voltran, notes, needed=any(claim.status.phase for claim in claims))
            renderer = _renderer(stack, clones, sites, asks=cluster is not None)
            told = clone_facts.bootstraps(checkout.tree, renderer.library.revisions) if not claims else []
            recorded = _Recorded(voltran, checkout, told)
            stage = Stage(_reader(cluster) if cluster is not None else nowhere, recorded.of)
            standing = recorded.claims if cluster is None else {}
            _populate(stage, [*told, *standing.values()])
            roots = clone_facts.roots(checkout.tree)
            others = {roots.organization if told and roots else organization: checkout}

            def at(name: str) -> Checkout:
                if name not in others:
                    others[name] = _checkout(clones.get(name, REPOSITORY), notes, needed=False)
                return others[name]

            system = claims[0].metadata.namespace if claims else clone_facts.SYSTEM_NAMESPACE
            settings = Settings(clone_facts.layout(checkout.tree, named), system)
            rehearsal = Rehearsal(stage, Shelf(at), settings, renderer.library, renderer.gate)
            yield cls(rehearsal, renderer, checkout, notes, told, standing)


def _renderer(stack: ExitStack, clones: "_Clones", sites: Sites, *, asks: bool) -> Renderer:
    """One that asks registries for charts, or does not."""
    registries = ChartRegistries(policy=HostPolicy(mirrors=sites.mirrors)) if asks else None
    if registries is not None:
        stack.callback(registries.close)
    made = Renderer(Library(clones.get, registries), Engine.load())
    stack.callback(made.close)
    return made


def _populate(stage: Stage, documents: Iterable[Document]) -> None:
    """Have there what Git tells of; of the platform's claims those made of the files, which know the charts."""
    for document in documents:
        kind, name = document["kind"], document["metadata"]["name"]
        if kind != BOOTSTRAP.name or name.startswith(clone_facts.PREFIX):
            stage.put(KINDS[kind].resource, document)


@dataclass
class _Clones:
    """Clones of an organization's repositories, each made once and only when somebody wants it."""

    stack: ExitStack
    gitea: Callable[[], Gitea]
    folders: Folders
    made: dict[tuple[str, str], Clone | None] = field(default_factory=dict)

    def get(self, organization: str, repository: str) -> Clone | None:
        """The clone; None when there is nothing to clone, or only clones were given and not this one."""
        given = {
            REPOSITORY: self.folders.voltran,
            "charts": self.folders.charts,
            "platform-charts": self.folders.platform_charts,
        }
        folder = given.get(repository)
        key = (organization, repository)
        if key not in self.made:
            self.made[key] = opened(folder) if folder is not None else self._cloned(organization, repository)
        return self.made[key]

    def _cloned(self, organization: str, repository: str) -> Clone | None:
        if self.folders.voltran is not None:
            return None
        gitea = self.gitea()
        return self.stack.enter_context(Clone.of(f"{gitea.url}/{organization}/{repository}.git", gitea.token))


def _checkout(clone: Clone | None, notes: list[str], *, needed: bool) -> Checkout:
    if clone is None:
        if needed:
            raise Failure(f"{REPOSITORY} cannot be cloned: see whether Gitea runs, and whether the token may read it")
        notes.append(f"{REPOSITORY} is not there yet: everything in it would be new")
        return Checkout()
    return Checkout.of(clone)


def _bootstraps(cluster: Cluster, notes: list[str]) -> Iterator[BootstrapClaim]:
    """The BootstrapClaims that can be read, those of the usual namespace first."""
    usual = clone_facts.SYSTEM_NAMESPACE
    documents: list[Document] = []
    for namespace in (None, usual):
        try:
            documents = list(cluster.every(BOOTSTRAP.resource.api_version, BOOTSTRAP.name, namespace))
            break
        except KeyError as error:
            said = "the cluster does not know BootstrapClaims: InfraForge's CRDs are not installed there"
            raise Failure(said) from error
        except Refused as refusal:  # who may not look everywhere may look there
            if namespace is not None:
                notes.append(f"what you may not read is taken from the commits that record it: {refusal}")
    for document in sorted(documents, key=lambda one: one["metadata"].get("namespace") != usual):
        try:
            yield BOOTSTRAP.parse(document)
        except InvalidClaim:
            continue  # its own status says so


@dataclass
class _Recorded:
    """The claims that Git's commits record, read when somebody asks."""

    clone: Clone | None
    checkout: Checkout
    told: Sequence[Document]

    @cached_property
    def claims(self) -> Mapping[Name, Document]:
        """By kind, namespace and name."""
        if self.clone is None or self.checkout.commit is None:
            return {}
        return clone_facts.standing(self.clone, self.checkout.tree, self.checkout.commit, clone_facts.status(self.told))

    def of(self, collection: str) -> list[Document]:
        """Those of a collection, as the API addresses it; the platform's are on the stage already."""
        kinds = {f"apis/{one.resource.api_version} {one.resource.plural}": name for name, one in KINDS.items()}
        kind = kinds.get(collection)
        return [one for (name, _, _), one in self.claims.items() if name == kind != BOOTSTRAP.name]


def _reader(cluster: Cluster) -> Callable[[str, Query], tuple[int, bytes]]:
    def read(path: str, query: Query) -> tuple[int, bytes]:
        try:
            response = cluster.http.get(path, params=list(query))
        except httpx.HTTPError as error:
            raise Failure(f"the cluster at {cluster.http.base_url} does not answer: {error}") from error
        return response.status_code, response.content

    return read
