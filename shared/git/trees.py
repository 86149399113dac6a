"""Builds the tree that a plan makes of another, reading only the folders on the way."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from .objects import FILE, FOLDER, Entry, Kind, Stored, decode_tree, encode_tree
from .paths import Folder, Plan, Replace, to_bytes


class Objects(Protocol):
    """Where trees come from and new objects go to."""

    def read(self, sha: str, kind: Kind) -> bytes:
        """The content of an object."""

    def require(self, shas: list[str]) -> None:
        """Have these objects at hand, fetched together."""

    def add(self, kind: Kind, data: bytes) -> str:
        """Keep a new object and return its name."""

    def at_hand(self, sha: str) -> Stored | None:
        """An object that can be had without a request."""


def apply(objects: Objects, tree: str | None, plan: Plan) -> str | None:
    """The name of the tree after `plan`; None when nothing is left in it.

    A folder that the plan names exactly is compared by name alone, so its old content is never read.
    """
    _read_ahead(objects, tree, plan)
    return _apply(objects, tree, plan)


def differing(objects: Objects, tree: str | None, plan: Plan) -> Iterator[str]:
    """The paths of `plan`, as its edits named them, that are not in `tree` as the plan wants them."""
    _read_ahead(objects, tree, plan)
    yield from _differing(objects, tree, plan)


def read_paths(objects: Objects, tree: str | None, paths: Iterable[Sequence[str]]) -> None:
    """Have at hand the trees on the way to each of `paths` and those at them; a level costs at most one request."""
    level: dict[str, list[Sequence[str]]] = {tree: list(paths)} if tree else {}
    while level:
        objects.require(list(level))
        following: dict[str, list[Sequence[str]]] = {}
        for sha, ahead in level.items():
            entries = decode_tree(objects.read(sha, "tree"))
            for path in filter(None, ahead):
                entry = entries.get(to_bytes(path[0]))
                if entry and entry.is_folder:
                    following.setdefault(entry.sha, []).append(path[1:])
        level = following


def additions(objects: Objects, tree: str, before: str | None) -> Iterator[tuple[str, Stored]]:
    """Name and content of what `tree` holds and `before` does not, as far as that can be told without a request.

    What is not at hand was never touched, and is where `before` is.
    """
    found = objects.at_hand(tree)
    if tree == before or found is None:
        return
    yield tree, found
    old = objects.at_hand(before) if before else None
    entries = decode_tree(old.data) if old else {}
    known = {entry.sha for entry in entries.values()}
    for name, entry in decode_tree(found.data).items():
        if entry.sha in known:
            continue
        if entry.is_folder:
            other = entries.get(name)
            yield from additions(objects, entry.sha, other.sha if other and other.is_folder else None)
        elif blob := objects.at_hand(entry.sha):
            yield entry.sha, blob


def _differing(objects: Objects, tree: str | None, plan: Plan) -> Iterator[str]:
    entries = decode_tree(objects.read(tree, "tree")) if tree else {}
    for name, step in plan.items():
        before = entries.get(to_bytes(name))
        if isinstance(step, Replace):
            if _replacement(objects, step) != before:
                yield name
        else:
            below = _differing(objects, before.sha if before and before.is_folder else None, step)
            yield from (f"{name}/{path}" for path in below)


def _apply(objects: Objects, tree: str | None, plan: Plan) -> str | None:
    entries = decode_tree(objects.read(tree, "tree")) if tree else {}
    for text, step in plan.items():
        name = to_bytes(text)
        if isinstance(step, Replace):
            after = _replacement(objects, step)
        else:
            before = entries.get(name)
            below = _apply(objects, before.sha if before and before.is_folder else None, step)
            # A file in the place of a folder gives way only to a folder that has content.
            after = Entry(FOLDER, below) if below else (None if before is None or before.is_folder else before)
        if after:
            entries[name] = after
        else:
            entries.pop(name, None)
    return objects.add("tree", encode_tree(entries)) if entries else None


def _replacement(objects: Objects, step: Replace) -> Entry | None:
    if step.content is None:
        return None
    if isinstance(step.content, bytes):
        return Entry(FILE, objects.add("blob", step.content))
    return Entry(FOLDER, _build(objects, step.content))


def _build(objects: Objects, folder: Folder) -> str:
    entries = {}
    for name, content in folder.items():
        if isinstance(content, bytes):
            entries[name.encode()] = Entry(FILE, objects.add("blob", content))
        else:
            entries[name.encode()] = Entry(FOLDER, _build(objects, content))
    return objects.add("tree", encode_tree(entries))


def _read_ahead(objects: Objects, tree: str | None, plan: Plan) -> None:
    """Fetch what is missing level by level, so that a level costs one request whatever its width."""
    level = [(tree, plan)] if tree else []
    while level:
        objects.require([sha for sha, _ in level])
        following = []
        for sha, steps in level:
            entries = decode_tree(objects.read(sha, "tree"))
            for name, step in steps.items():
                entry = entries.get(to_bytes(name))
                if entry and entry.is_folder and not isinstance(step, Replace):
                    following.append((entry.sha, step))
        level = following
