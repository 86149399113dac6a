"""The claims that a state of `voltran` was made of, by the records of its commits."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from cli.clone import Clone
from cli.history.commits import Entry, Recorded, Unreadable, entry_of, of_all_claims

BOOTSTRAP: Final = "BootstrapClaim"
ORDER: Final = (BOOTSTRAP, "InfrastructureClaim", "PlatformClaim", "ApplicationClaim")
"""Who others wait for comes first."""

Place = tuple[str, ...]


@dataclass(frozen=True)
class Standing:
    """A claim (`KIND/NAMESPACE/NAME`) whose files are in Git; `entry` is its last commit."""

    claim: str
    entry: Entry

    @property
    def problem(self) -> str | None:
        """Why it cannot be restored; None when it can."""
        if isinstance(self.entry, Unreadable):
            return f"the record in {self.entry.sha[:8]} cannot be read: {self.entry.problem}"
        missing = self.entry.record.omitted
        if missing:
            named = ", ".join(missing)
            return f"{named}: not recorded, because it looks like a credential; apply the claim from where you keep it"
        return None


def standing(clone: Clone, revision: str, cluster_types: Collection[str] = ()) -> list[Standing]:
    """Every claim that stands at `revision`, those first that others wait for; with `cluster_types` only of those.

    Of the claims that ever were at one place, the last one to write there counts, unless it was deleted since. What was
    taken out of the tree otherwise stands no more either.
    """
    listed = clone.run("ls-tree", "-r", "-z", "--name-only", revision) or b""
    paths = listed.decode(errors="replace").split("\0")
    last: dict[Place, Standing] = {}
    for one in _last_words(clone, revision):
        if _is_of(one.entry, cluster_types):
            last.setdefault(_place(one), one)
    found = [one for one in last.values() if not _is_deleted(one.entry) and _is_there(one.entry, paths)]
    return sorted(found, key=lambda one: (_rank(one.claim), one.claim))


def _last_words(clone: Clone, revision: str) -> Iterator[Standing]:
    """The last commit of each claim under each of its UIDs, the newest first."""
    heard: set[tuple[str, str]] = set()
    for trailers in of_all_claims(clone, revision):
        if (trailers.claim, trailers.uid) not in heard:
            entry = entry_of(clone, trailers.sha)
            if entry is not None:
                heard.add((trailers.claim, trailers.uid))
                yield Standing(trailers.claim, entry)


def _place(one: Standing) -> Place:
    """What only one claim can own: an environment for each kind. A record that cannot be read owns its name."""
    kind = one.claim.partition("/")[0]
    spec = _spec(one.entry)
    where = spec.get("clusterType"), spec.get("environment")
    return (kind, str(where[0]), str(where[1])) if all(where) else (kind, one.claim)


def _spec(entry: Entry) -> Mapping[str, Any]:
    return entry.record.spec if isinstance(entry, Recorded) else {}


def _is_of(entry: Entry, cluster_types: Collection[str]) -> bool:
    if not cluster_types or isinstance(entry, Unreadable):
        return True
    spec = entry.record.spec
    return not {spec.get("clusterType"), *(one.get("type") for one in spec.get("clusters") or ())}.isdisjoint(
        cluster_types
    )


def _is_deleted(entry: Entry) -> bool:
    return isinstance(entry, Recorded) and entry.record.deleted


def _is_there(entry: Entry, paths: Collection[str]) -> bool:
    """Whether anything of the claim is in the tree; of one that cannot be read nobody knows."""
    if isinstance(entry, Unreadable):
        return True
    mine = tuple(_mine(entry.record.kind, entry.record.spec))
    return any(path.startswith(mine) for path in paths)


def _mine(kind: str, spec: Mapping[str, Any]) -> Iterator[str]:
    type_, name = spec.get("clusterType"), spec.get("environment")
    folder = f"environments/{type_}/{name}"
    match kind:
        case "ApplicationClaim":
            yield f"appsets/{type_}/apps/{name}-appset.yaml"
        case "PlatformClaim":
            yield f"appsets/{type_}/platform/{name}-platform-appset.yaml"
            yield from (f"{folder}/platform/{one.get('name')}/" for one in spec.get("services") or ())
        case "InfrastructureClaim":
            yield f"{folder}/platform/namespaces/"
        case _:
            yield "root-apps/"


def _rank(claim: str) -> int:
    kind = claim.partition("/")[0]
    return ORDER.index(kind) if kind in ORDER else len(ORDER)
