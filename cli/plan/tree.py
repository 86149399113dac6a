"""A repository's files at one commit, in memory."""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from cli.clone import Clone

Edits = Mapping[str, bytes | Mapping[str, bytes] | None]
"""What a Git transaction takes: a file, a folder with exactly this content, or None for what shall go."""


@dataclass(frozen=True)
class Tree:
    """Path → content. It never changes: `after` gives another one.

    It answers what a claim's handler asks a Git transaction for.
    """

    files: Mapping[str, bytes] = field(default_factory=dict)
    head: str | None = None

    def names(self, folder: str = "") -> tuple[str, ...]:
        """The names in a folder, sorted; none for a file and for what is not there."""
        return tuple(sorted(self._folders.get(folder, ())))

    def read(self, path: str) -> bytes | None:
        """A file's content; None when it is not there."""
        return self.files.get(path)

    def look_ahead(self, paths: Sequence[str]) -> None:
        """Everything is at hand."""

    def after(self, edits: Edits) -> "Tree":
        """The tree with `edits`; a folder that is left empty is gone."""
        files = dict(self.files)
        for path, content in edits.items():
            inside = f"{path}/"
            for name in [name for name in files if name == path or name.startswith(inside)]:
                del files[name]
            if isinstance(content, bytes):
                files[path] = content
            else:
                files |= {f"{inside}{name}": data for name, data in (content or {}).items()}
        return Tree(files, self.head)

    @functools.cached_property
    def _folders(self) -> Mapping[str, set[str]]:
        found: dict[str, set[str]] = {}
        for path in self.files:
            while path:
                path, _, name = path.rpartition("/")  # noqa: PLW2901 - one level up
                if name in found.setdefault(path, set()):
                    break
                found[path].add(name)
        return found


@dataclass(frozen=True)
class Checkout:
    """A tree, the commit it was read from, and who wrote a path last (`Kind/namespace/name`; None: nobody of ours)."""

    tree: Tree = field(default_factory=Tree)
    commit: str | None = None
    writer: Callable[[str], str | None] = lambda _: None

    @classmethod
    def of(cls, clone: Clone, revision: str = "HEAD") -> "Checkout":
        """What a clone has at `revision`; empty when it has no commit yet."""
        found = clone.run("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
        if found is None:
            return cls()
        commit = found.decode().strip()

        def writer(path: str) -> str | None:
            change = next(clone.changes(commit, [path]), None)
            return change.claim or None if change else None

        return cls(Tree(clone.files(commit, ()), commit), commit, writer)
