"""What a plan comes to, before anybody decides how to show it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

Change = Literal["added", "changed", "removed"]


@dataclass(frozen=True)
class Fault:
    """What is wrong: a field's path, or a file where nothing could be read; and what would mend it."""

    where: str
    message: str
    reason: str = "InvalidClaim"

    def __str__(self) -> str:
        return f"{self.where}: {self.message}" if self.where else self.message


@dataclass(frozen=True)
class FileChange:
    """A file of `voltran`; `diff` is unified, without it where nothing of it may be shown (`hidden` says why).

    `held` when it waits for a confirmation.
    """

    path: str
    change: Change
    diff: str
    hidden: str | None = None
    held: bool = False


@dataclass(frozen=True)
class ObjectChange:
    """An object that ArgoCD would create, change or prune.

    `kept` is why it stays although nothing asks for it; `refused` are fields that an API server refuses to change, so
    that ArgoCD's sync would fail.
    """

    application: str
    kind: str
    namespace: str
    name: str
    change: Change
    diff: str
    kept: str | None = None
    held: bool = False
    refused: str | None = None


@dataclass(frozen=True)
class ImageChange:
    """The image of an application, as `repository:tag` and, where one is pinned, `@digest`."""

    application: str
    before: str | None
    after: str | None


@dataclass(frozen=True)
class Pruned:
    """Something that would go. `strange` when no claim put it there."""

    name: str
    path: str
    strange: bool = False
    held: bool = False

    def __str__(self) -> str:
        return self.path if self.path.endswith(f"/{self.name}") else f"{self.name} in {self.path}"


@dataclass(frozen=True)
class Confirmation:
    """A removal that waits until a person confirms it: what is asked, and the answer."""

    message: str
    annotation: str


@dataclass
class ClaimPlan:
    """What one claim would change."""

    kind: str
    namespace: str
    name: str
    origin: str
    claim: Literal["created", "changed", "unchanged"] = "unchanged"
    place: str = ""
    files: list[FileChange] = field(default_factory=list)
    objects: list[ObjectChange] = field(default_factory=list)
    images: list[ImageChange] = field(default_factory=list)
    prunes: list[Pruned] = field(default_factory=list)
    confirmation: Confirmation | None = None
    errors: list[Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.kind}/{self.namespace}/{self.name}"

    @property
    def is_silent(self) -> bool:
        """Whether there is nothing to tell of it."""
        return not (self.files or self.objects or self.prunes or self.confirmation or self.errors or self.notes)

    @property
    def changes(self) -> bool:
        """Whether anything would change in Git or in the cluster, now or once it is confirmed."""
        objects = any(one.change != "removed" or not one.kept for one in self.objects)
        return bool(self.files or objects or self.prunes)


@dataclass(frozen=True)
class Against:
    """What was looked at: the cluster's address, and the commit of `voltran`; None where there is none."""

    cluster: str | None = None
    commit: str | None = None


@dataclass
class Report:
    """The whole plan. `errors` are those of files in which no claim was found."""

    against: Against = field(default_factory=Against)
    claims: Sequence[ClaimPlan] = ()
    errors: list[Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def is_wrong(self) -> bool:
        """Whether anything is in error."""
        return bool(self.errors or any(one.errors for one in self.claims))

    @property
    def changes(self) -> bool:
        """Whether anything would change."""
        return any(one.changes for one in self.claims)


def counted(changes: Sequence[FileChange] | Sequence[ObjectChange]) -> tuple[int, int, int]:
    """How many are added, changed and removed."""
    found = [one.change for one in changes]
    return found.count("added"), found.count("changed"), found.count("removed")
