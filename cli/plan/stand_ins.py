"""What handlers work with, for a plan: each answers what it is asked, and does nothing."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, cast

from cli.plan.tree import Checkout, Tree
from shared.attempt import Attempt
from shared.changes import Change, Plan, Written
from shared.claims.status import Commit
from shared.conditions import NOT_TRACKED
from shared.deploying import LastMile, Outcome
from shared.git import Repository, Transaction
from shared.gitea import Gitea
from shared.oci import Reference, Resolution, Resolved
from shared.provenance import Provenance
from shared.voltran import Voltran

UNRESOLVED: Final = f"sha256:{'0' * 64}"
"""Stands for a digest that a registry is asked for when the claim is applied."""


@dataclass(frozen=True)
class Edit:
    """A change of an organization's `voltran`, between two states of its files."""

    organization: str
    change: Change
    before: Tree
    after: Tree


class NoCommits(Provenance):
    """A plan makes no commit; which there are, the checkout knows."""

    def __init__(self, checkout: Callable[[str], Checkout]) -> None:
        self._checkout = checkout

    def wrote(self, organization: str, attempt: Attempt[Any], path: str) -> bool:
        """Whether the last commit that changed `path` was the claim's own."""
        return self._checkout(organization).writer(path) == str(attempt.ref)

    def row(
        self, organization: str, written: Written, attempt: Attempt[Any], folder: str, recorded: object
    ) -> dict[str, str | None]:
        """Nothing is known of a commit that nobody makes."""
        return {"path": folder, "checksum": None, "commit": None}

    def commit(self, organization: str, written: Written, attempt: Attempt[Any], scope: Sequence[str]) -> Commit | None:
        """There is none."""
        return None


class Shelf(Voltran):
    """The `voltran` of each organization, in memory: what is written is seen by the claims that come later."""

    def __init__(self, checkout: Callable[[str], Checkout]) -> None:
        self._checkout = checkout
        self._trees: dict[str, Tree] = {}
        self.provenance = NoCommits(checkout)
        self.last: Edit | None = None

    def tree(self, organization: str) -> Tree:
        """The files as they are by now."""
        return self._trees.setdefault(organization, self._checkout(organization).tree)

    def write(
        self, organization: str, attempt: Attempt[Any], plan: Callable[[Transaction], Plan], scope: Sequence[str]
    ) -> Written:
        """Keep what `plan` wants."""
        tree = self.tree(organization)
        change = plan(cast("Transaction", tree)).change  # which asks for what a tree can tell, and for nothing else
        self._trees[organization] = tree.after(change.edits)
        self.last = Edit(organization, change, tree, self._trees[organization])
        return Written(change)


class NoMile(LastMile):
    """Nothing is deployed by a plan."""

    def __init__(self) -> None:
        pass

    def look(self, *_: Any, **__: Any) -> Outcome:
        """Nobody looks."""
        return Outcome({}, NOT_TRACKED)

    def look_at_roots(self, *_: Any, **__: Any) -> Outcome:
        """Nobody looks."""
        return Outcome({}, NOT_TRACKED)

    def bring_set(self, *_: Any, **__: Any) -> None:
        """Nothing is brought."""

    def remove_rows(self, *_: Any, **__: Any) -> tuple[str, ...]:
        """Nothing is removed."""
        return ()

    def remove_set(self, *_: Any, **__: Any) -> tuple[str, ...]:
        """Nothing is removed."""
        return ()


class Settled(Gitea):
    """A Gitea that has everything already."""

    def __init__(self) -> None:
        pass

    def ensure_organization(self, name: str) -> bool:
        """It is there."""
        return False

    def ensure_repository(self, organization: str, name: str) -> bool:
        """It is there."""
        return False

    def head(self, organization: str, repository: str, branch: str = "main") -> str | None:
        """Nobody looks."""
        return None


class Published(Repository):
    """A repository with every tag: charts are published there already."""

    def __init__(self) -> None:
        self.head = "published"

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """One in which nothing is left to do."""
        yield cast("Transaction", self)  # which asks for its head and its tags, and for nothing else

    def tags(self) -> Mapping[str, str]:
        """Any tag."""
        return _Any()


class _Any(dict[str, str]):
    """A map with every key."""

    def __contains__(self, key: object) -> bool:
        return True

    def __missing__(self, key: str) -> str:
        return "published"


def unasked(images: Iterable[Reference], *, fresh: bool) -> Mapping[Reference, Resolution]:
    """No registry is asked."""
    del fresh
    return {image: Resolved(UNRESOLVED) for image in images}
