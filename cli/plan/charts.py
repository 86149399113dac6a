"""The charts that ArgoCD would render, found as the render gate finds them, with clones in the place of Gitea."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Final, cast

from cli.clone import Clone
from shared.argocd import Role
from shared.charts import Charts, read, revision
from shared.errors import InfraForgeError, PermanentError
from shared.git import Contents, Limits, Repository, Transaction
from shared.rendering.sources import Puller, Sources

CHARTS: Final[Mapping[Role, str]] = {"apps": "charts", "platform": "platform-charts"}
_ROOT: Final = Path(__file__).resolve().parents[2]
_FOLDERS: Final = {name: _ROOT / name for name in CHARTS.values()}
_LINK: Final = "120000"


class Library:
    """Charts by where they come from. `clone` gives a repository's clone, None where there is none to be had."""

    def __init__(self, clone: Callable[[str, str], Clone | None], registries: Puller | None) -> None:
        self.sources = Sources(
            lambda organization, name: Cloned(name, lambda: clone(organization, name)),
            registries or Unasked(),
            embedded=_FOLDERS,
        )

    @cached_property
    def embedded(self) -> Mapping[Role, Charts]:
        """Those of this installation, whole; none where a command was installed without charts."""
        found: dict[Role, Charts] = {}
        for role, name in CHARTS.items():
            try:
                found[role] = read(_FOLDERS[name])
            except PermanentError:
                found[role] = {}
        return found

    @cached_property
    def revisions(self) -> Mapping[Role, str]:
        """Theirs; empty texts where there are none."""
        return {role: revision(charts) if charts else "" for role, charts in self.embedded.items()}


class Unasked:
    """Registries that nobody asks."""

    def pull(self, registry: str, name: str, version: str) -> bytes:
        """Nothing."""
        raise InfraForgeError("without a cluster no registry is asked")


class Cloned(Repository):
    """A repository with charts, as a clone has it; it answers what charts are looked for with."""

    def __init__(self, name: str, clone: Callable[[], Clone | None]) -> None:
        self._name = name
        self._make = clone

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """The clone as it is; raises `InfraForgeError` when there is none."""
        if self._clone is None:
            raise InfraForgeError(f"there is no clone of {self._name} at hand")
        yield cast("Transaction", self)  # which is asked for what is below, and for nothing else

    @property
    def head(self) -> str | None:
        """The newest commit of `main`."""
        return self._commit("refs/heads/main") or self._commit("refs/remotes/origin/main") or self._commit("HEAD")

    def tags(self) -> dict[str, str]:
        """Tag → commit."""
        listed = self._run("for-each-ref", "--format=%(refname:strip=2) %(*objectname) %(objectname)", "refs/tags")
        lines = (line.split(" ") for line in listed.decode(errors="replace").splitlines())
        return {name: peeled or plain for name, peeled, plain in lines}

    def names(self, folder: str = "", *, commit: str) -> tuple[str, ...]:
        """The names at the top of a commit's tree."""
        listed = self._run("ls-tree", "-z", "--name-only", commit, *([f"{folder}/"] if folder else []))
        return tuple(filter(None, listed.decode(errors="replace").split("\0")))

    def folders(self, commit: str, paths: Sequence[str], limits: Limits) -> dict[str, Contents]:
        """Those of `paths` that are folders, with everything in them."""
        found = {}
        for path in paths:
            listed = self._run("ls-tree", "-r", "-l", "-z", commit, "--", f"{path}/").decode(errors="replace")
            entries = [_Entry.of(line) for line in listed.split("\0") if line]
            if entries:
                found[path] = self._contents(commit, path, entries, limits)
        return found

    def _contents(self, commit: str, path: str, entries: "Sequence[_Entry]", limits: Limits) -> Contents:
        if len(entries) > limits.entries or sum(one.size for one in entries) > limits.size:
            return Contents(excess=f"it is larger than {limits.size} bytes or has more than {limits.entries} files")
        inside = f"{path}/"
        others = tuple(one.path.removeprefix(inside) for one in entries if not one.is_file)
        files = self._clone.files(commit, [inside]) if self._clone is not None and not others else {}
        return Contents({name.removeprefix(inside): data for name, data in files.items()}, others)

    @cached_property
    def _clone(self) -> Clone | None:
        return self._make()

    def _run(self, *arguments: str) -> bytes:
        return (self._clone.run(*arguments) if self._clone is not None else None) or b""

    def _commit(self, name: str) -> str | None:
        found = self._run("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
        return found.decode().strip() or None


class _Entry:
    """A line of `git ls-tree -l`: mode, type, hash, size, tab, path."""

    def __init__(self, mode: str, kind: str, size: str, path: str) -> None:
        self.path = path
        self.size = int(size) if size.isdigit() else 0
        self.is_file = kind == "blob" and mode != _LINK

    @classmethod
    def of(cls, line: str) -> "_Entry":
        """The entry in a line."""
        head, _, path = line.partition("\t")
        mode, kind, _, size = head.split()
        return cls(mode, kind, size, path)
