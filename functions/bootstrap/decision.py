"""What a BootstrapClaim comes to in `voltran`: which clusters there are then, and what goes. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from functions.bootstrap import tenancy
from functions.bootstrap.tenancy import Names, Place, Tenants
from shared.claims import ClusterSpec

Structure = Callable[[Sequence[ClusterSpec]], Mapping[str, bytes]]
"""The files that clusters come to, by path."""


@dataclass(frozen=True)
class World:
    """What one look has found: clusters asked for and recorded, all of types that are served, and who lives there."""

    wanted: Sequence[ClusterSpec]
    recorded: Sequence[ClusterSpec]
    tenants: Tenants
    serves: Callable[[str], bool]


@dataclass(frozen=True)
class Decision:
    """The clusters that there are then, those among them that are only kept because they are used, and their files.

    `orphans` are places that nobody claims and that stay, `granted` those that go as wished. `removed` are paths that
    were the platform's, `strays` never anybody's.
    """

    clusters: Sequence[ClusterSpec] = ()
    in_use: Mapping[Place, Sequence[str]] = field(default_factory=dict)
    orphans: Sequence[Place] = ()
    granted: Sequence[Place] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)
    removed: tuple[str, ...] = ()
    strays: tuple[str, ...] = ()


def decide(world: World, names: Names, wished: Iterable[Place], structure: Structure) -> Decision:
    """Everything that the claim wants of `voltran`; `names` looks into it, `wished` are orphans that a person named."""
    in_use = _in_use(world)
    clusters = with_places(world.wanted, in_use)
    files = structure(clusters)
    gone = structure(world.recorded).keys() - files.keys()
    findings = tenancy.survey(names, clusters, world.tenants, world.serves)
    granted = sorted(findings.orphans.keys() & set(wished))
    paths = [path for place in granted for path in findings.orphans[place]]
    kept = files.keys() | _holders(files)  # a file in the place of a folder goes when the folder is written
    going = {*paths, *gone, *findings.strays} - kept
    going = {path for path in going if going.isdisjoint(_holders([path]))}  # with its folder
    removed = going.intersection((*paths, *gone))
    return Decision(
        clusters=clusters,
        in_use=in_use,
        orphans=sorted(findings.orphans.keys() - set(granted)),
        granted=granted,
        files=files,
        removed=tuple(sorted(removed)),
        strays=tuple(sorted(going - removed)),
    )


def places(clusters: Iterable[ClusterSpec]) -> dict[Place, Sequence[str]]:
    """Every environment of the clusters, with nobody in it."""
    return {(one.type, name): () for one in clusters for name in one.environments}


def with_places(wanted: Sequence[ClusterSpec], further: Iterable[Place]) -> list[ClusterSpec]:
    """`wanted`, and the further environments at the end of their types."""
    found = {one.type: one for one in wanted}
    for type_, name in further:
        cluster = found.get(type_) or ClusterSpec(type=type_, environments=[])
        if name not in cluster.environments:
            found[type_] = cluster.model_copy(update={"environments": [*cluster.environments, name]})
    return list(found.values())


def named(wanted: Iterable[Place]) -> list[str]:
    """Places as people write them, `type/environment`."""
    return [f"{type_}/{name}" for type_, name in wanted]


def _in_use(world: World) -> dict[Place, Sequence[str]]:
    """Environments that were there, are no longer asked for, and that claims use."""
    dropped = [place for place in places(world.recorded) if place not in places(world.wanted)]
    return {place: users for place in dropped if (users := world.tenants.of_place(place))}


def _holders(paths: Iterable[str]) -> set[str]:
    """The folders that hold these paths."""
    return {path[:index] for path in paths for index, character in enumerate(path) if character == "/"}
