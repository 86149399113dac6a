"""Which paths differ between two trees."""

from typing import Protocol

from .objects import Entry, Kind, decode_tree


class Trees(Protocol):
    """Where trees come from."""

    def read(self, sha: str, kind: Kind) -> bytes:
        """The content of an object."""

    def require(self, shas: list[str]) -> None:
        """Have these objects at hand, fetched together."""


def compare(trees: Trees, before: str | None, after: str | None, most: int) -> frozenset[str] | None:
    """The paths that differ between two trees (None: empty); None when there are more than `most`.

    Only folders that differ are read, level by level and both sides together. A folder that one side lacks, or that is
    something else there, is told by its own path. In a name that is no UTF-8, U+FFFD stands for
    what is not; the folders above it are right.
    """
    found: set[str] = set()
    level = [("", before, after)] if before != after else []
    while level:
        trees.require([sha for _, old, new in level for sha in (old, new) if sha])
        following: list[tuple[str, str | None, str | None]] = []
        for folder, old, new in level:
            for name, one, other in _differing(_entries(trees, old), _entries(trees, new)):
                path = folder + name.decode(errors="replace")
                if one and other and one.is_folder and other.is_folder:
                    following.append((f"{path}/", one.sha, other.sha))
                else:
                    found.add(path)
            if len(found) + len(following) > most:
                return None
        level = following
    return frozenset(found)


def _entries(trees: Trees, sha: str | None) -> dict[bytes, Entry]:
    return decode_tree(trees.read(sha, "tree")) if sha else {}


def _differing(before: dict[bytes, Entry], after: dict[bytes, Entry]) -> list[tuple[bytes, Entry | None, Entry | None]]:
    names = before.keys() | after.keys()
    return [(name, before.get(name), after.get(name)) for name in names if before.get(name) != after.get(name)]
