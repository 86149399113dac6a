"""Whole folders of any commit, read within limits: a repository holds whatever a stranger has put there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from .objects import Entry, decode_tree
from .paths import any_segments, to_bytes, to_text
from .store import Store
from .trees import read_paths


@dataclass(frozen=True)
class Limits:
    """How much of a folder is read: entries in it and in the folders below, and bytes of all its files."""

    entries: int
    size: int


@dataclass(frozen=True)
class Contents:
    """What a folder holds: path below it → content of every regular file, and the paths of links and submodules.

    `excess` says which limit it is beyond; nothing of it was read then.
    """

    files: Mapping[str, bytes] = field(default_factory=dict)
    others: tuple[str, ...] = ()
    excess: str = ""


class _TooMuchError(Exception):
    """A folder is beyond its limits."""


def read_folders(objects: Store, tree: str, paths: Sequence[str], limits: Limits) -> dict[str, Contents]:
    """Those of `paths` that are folders in `tree`, in at most a request a level and one more for all files.

    Raises ValueError for an empty name in a path.
    """
    ways = {path: any_segments(path) for path in paths}
    read_paths(objects, tree, ways.values())
    found: dict[str, Contents] = {}
    inside: dict[str, Mapping[str, Entry]] = {}
    for path, way in ways.items():
        folder = _folder(objects, tree, way)
        if folder is not None:
            try:
                inside[path] = _entries(objects, folder, limits.entries)
            except _TooMuchError as error:
                found[path] = Contents(excess=str(error))
    sizes = objects.sizes(entry.sha for entries in inside.values() for entry in entries.values() if entry.is_file)
    for path, entries in inside.items():
        if sum(sizes.get(entry.sha, 0) for entry in entries.values()) > limits.size:
            found[path] = Contents(excess=f"it holds more than {limits.size} bytes")
            continue
        objects.require([entry.sha for entry in entries.values() if entry.is_file])
        files = {name: objects.read(entry.sha, "blob") for name, entry in entries.items() if entry.is_file}
        found[path] = Contents(files, tuple(sorted(name for name, entry in entries.items() if not entry.is_file)))
    return found


def _folder(objects: Store, tree: str, way: Sequence[str]) -> str | None:
    """The tree at the end of the way; None without such a folder."""
    for name in way:
        entry = decode_tree(objects.read(tree, "tree")).get(to_bytes(name))
        if entry is None or not entry.is_folder:
            return None
        tree = entry.sha
    return tree


def _entries(objects: Store, tree: str, most: int) -> dict[str, Entry]:
    """Path below `tree` → entry of everything in it that is no folder."""
    found: dict[str, Entry] = {}
    level, seen = {"": tree}, 0
    while level:
        objects.require(list(level.values()))
        following: dict[str, str] = {}
        for path, sha in level.items():
            for name, entry in decode_tree(objects.read(sha, "tree")).items():
                seen += 1
                if seen > most:
                    raise _TooMuchError(f"it holds more than {most} entries")
                if entry.is_folder:
                    following[f"{path}{to_text(name)}/"] = entry.sha
                else:
                    found[f"{path}{to_text(name)}"] = entry
        level = following
    return found
