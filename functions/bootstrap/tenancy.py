"""Who lives in the environments: what claims use, what nobody claims, and what never belonged there. Pure."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from functions.bootstrap.desired import KEEP, ROLES
from shared.claims import ClusterSpec, place
from shared.claims.names import RESERVED_SERVICE, is_label

Place = tuple[str, str]
"""Cluster type and environment."""
Names = Callable[[str], Sequence[str]]
"""The names in a folder of `voltran`; none for a file and for what is not there."""

FOLDERS: Final[Mapping[str, tuple[str, ...]]] = {
    "applications": ("ApplicationClaim",),
    "platform": ("PlatformClaim", "InfrastructureClaim"),
}
"""The folders of an environment, and the kinds of claims that each is for."""
SETS: Final[Mapping[str, str]] = {"apps": "-appset.yaml", "platform": "-platform-appset.yaml"}
MAX_NAMED: Final = 10


@dataclass(frozen=True)
class Tenants:
    """The claims of environments, by kind and place."""

    claims: Mapping[tuple[str, Place], str] = field(default_factory=dict)

    @classmethod
    def of(cls, documents: Iterable[tuple[str, Mapping[str, Any]]]) -> "Tenants":
        """From pairs of kind and object; one whose spec names no environment lives nowhere."""
        found = {}
        for kind, document in documents:
            where, metadata = place(document), document["metadata"]
            if where is not None:
                found[kind, where] = f"{kind} {metadata['namespace']}/{metadata['name']}"
        return cls(found)

    def of_place(self, place: Place) -> list[str]:
        """The claims that use an environment."""
        return sorted(name for (_, where), name in self.claims.items() if where == place)

    def of_types(self, types: Collection[str]) -> list[str]:
        """The claims that use any environment of these cluster types."""
        return sorted(name for (_, where), name in self.claims.items() if where[0] in types)

    def in_folder(self, place: Place, folder: str) -> set[str]:
        """The kinds of the claims that have something in that folder of the environment."""
        return {kind for kind in FOLDERS[folder] if (kind, place) in self.claims}

    def claim_all_of(self, place: Place, folder: str) -> bool:
        """Whether there is a claim for whatever may be in that folder of the environment."""
        return len(self.in_folder(place, folder)) == len(FOLDERS[folder])


@dataclass(frozen=True)
class Findings:
    """What is in `voltran` beside the structure: environments that nobody claims, and paths that nobody knows."""

    orphans: Mapping[Place, tuple[str, ...]]
    """Place → the paths that would have to go with it."""
    strays: tuple[str, ...]


def survey(names: Names, clusters: Sequence[ClusterSpec], tenants: Tenants, serves: Callable[[str], bool]) -> Findings:
    """Go through `voltran`. `clusters` are those that this installation serves and that exist; other types' parts are
    left alone, but for environments of types that it would serve and nobody asked for.
    """
    known = {cluster.type: set(cluster.environments) for cluster in clusters}
    strays = [name for name in names("") if name not in {"appsets", "environments", "root-apps"}]
    orphans: dict[Place, tuple[str, ...]] = {}
    for type_ in names("environments"):
        if is_label(type_) and not serves(type_):
            continue
        places = names(f"environments/{type_}")
        if not is_label(type_) or not places:
            strays += [f"environments/{type_}"]
            continue
        for name in places:
            path = f"environments/{type_}/{name}"
            content = names(path)
            if not content or not is_label(name):
                strays += [path]
                continue
            asked_for = name in known.get(type_, ())
            strays += [f"{path}/{one}" for one in content if one not in FOLDERS] if asked_for else []
            left = _left(names, (type_, name), tenants, asked_for=asked_for)
            if left:
                orphans[type_, name] = left
    for type_, environments in known.items():
        alive = environments | {name for where, name in orphans if where == type_}
        strays += _strays_of_type(names, type_, alive)
    lived_in = {*known, *(type_ for type_ in names("environments") if names(f"environments/{type_}"))}
    for top in ("appsets", "root-apps"):
        strays += [f"{top}/{type_}" for type_ in names(top) if serves(type_) and type_ not in lived_in]
    return Findings(orphans, tuple(sorted(strays)))


def named(annotation: str | None) -> set[Place]:
    """The environments that an annotation names, as `type/environment` with commas between."""
    pairs = (one.strip().partition("/") for one in (annotation or "").split(","))
    return {(type_, name) for type_, slash, name in pairs if slash and type_ and name}


def _left(names: Names, place: Place, tenants: Tenants, *, asked_for: bool) -> tuple[str, ...]:
    """What nobody claims in an environment; () when there is nothing but empty folders that belong there."""
    type_, name = place
    paths = []
    for folder, role in zip(FOLDERS, SETS, strict=True):
        if tenants.claim_all_of(place, folder):
            continue
        there = tenants.in_folder(place, folder)
        inside = [
            one
            for one in names(f"environments/{type_}/{name}/{folder}")
            if one != KEEP and _kind(folder, one) not in there
        ]
        set_file = f"{name}{SETS[role]}"
        has_set = not there and set_file in names(f"appsets/{type_}/{role}")
        paths += [f"environments/{type_}/{name}/{folder}/{one}" for one in inside]
        paths += [f"appsets/{type_}/{role}/{set_file}"] if has_set else []
    if not asked_for and not tenants.of_place(place):
        sets = [path for path in paths if path.startswith("appsets/")]
        return (f"environments/{type_}/{name}", *sets)
    return tuple(paths)


def _kind(folder: str, name: str) -> str:
    """The kind of claim that a name in a folder of an environment is for."""
    services, *others = FOLDERS[folder]
    return others[0] if others and name == RESERVED_SERVICE else services


def _strays_of_type(names: Names, type_: str, environments: Collection[str]) -> list[str]:
    roots = {f"{role}-rootapp.yaml" for role in ROLES}
    strays = [f"root-apps/{type_}/{one}" for one in names(f"root-apps/{type_}") if one not in roots]
    strays += [f"appsets/{type_}/{one}" for one in names(f"appsets/{type_}") if one not in SETS]
    for role, suffix in SETS.items():
        allowed = {f"{name}{suffix}" for name in environments} | {KEEP}
        strays += [f"appsets/{type_}/{role}/{one}" for one in names(f"appsets/{type_}/{role}") if one not in allowed]
    return strays
