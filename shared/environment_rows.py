"""What a kind of claim of an environment says of its rows: where they are, what they come to, what hangs on them."""

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from shared.admission import EnvironmentClaimT
from shared.argocd import Role
from shared.attempt import Attempt, Kind
from shared.changes import Change, others
from shared.claims.status import Row
from shared.deploying import Place
from shared.drafts import Draft
from shared.environments import Environment
from shared.git import Transaction
from shared.removal import Removal
from shared.rendering.wanted import Wanted

DraftT = TypeVar("DraftT", bound=Draft)


@dataclass(frozen=True)
class Fate:
    """What becomes of the rows in Git that the claim does not name: `strays` were never its own."""

    removed: Sequence[str]
    strays: Sequence[str]
    kept: Sequence[str]


class EnvironmentRows(ABC, Generic[EnvironmentClaimT, DraftT]):
    """The kind's own part of the way that `shared.environment_claims` leads its claims."""

    kind: Kind[EnvironmentClaimT]
    rows: str
    """What the rows are called in spec and status, e.g. `applications`."""
    row_model: type[Row]
    """What a row is in the status."""
    role: Role
    """Which half of the environment they are."""
    foreign: frozenset[str] = frozenset()
    """Names in the folder that are not the claim's to touch."""
    loss: str = Removal.loss
    """What becomes of data when a row that keeps some is removed."""
    bond: str = Removal.bond
    """What a row is to the claims that depend on it."""

    @abstractmethod
    def folder(self, environment: Environment) -> str:
        """Where the rows live, one folder each."""

    @abstractmethod
    def set_path(self, environment: Environment) -> str:
        """Where the ApplicationSet lives."""

    def names(self, claim: EnvironmentClaimT) -> list[str]:
        """The rows that have files, in the order of the spec."""
        return [row.name for row in getattr(claim.spec, self.rows)]

    @abstractmethod
    def releases(self, claim: EnvironmentClaimT, environment: Environment) -> list[str]:
        """The Applications' names, row by row."""

    @abstractmethod
    def sources(self, claim: EnvironmentClaimT, environment: Environment) -> Mapping[str, Mapping[str, str]]:
        """Row → what the first source of its Application says (`shared.argocd.source_of`)."""

    @abstractmethod
    def draft(self, attempt: Attempt[EnvironmentClaimT], environment: Environment) -> DraftT:
        """The claim's files. Called when the head of Git is known and the claim was read."""

    @abstractmethod
    def renderings(self, claim: EnvironmentClaimT, environment: Environment, draft: DraftT) -> Mapping[str, Wanted]:
        """What Helm makes of each row of the draft, as ArgoCD will have it do."""

    def place(self, environment: Environment) -> Place:
        """What of ArgoCD's the rows become."""
        return replace(Place.of(environment, self.role), aside=self.foreign)

    def row_path(self, environment: Environment, name: str) -> str:
        """The folder that holds a row's files."""
        return f"{self.folder(environment)}/{name}"

    def scope(self, environment: Environment) -> tuple[str, str]:
        """The paths in which everything lies that the claim may write."""
        return self.folder(environment), self.set_path(environment)

    def there(self, git: Transaction, environment: Environment) -> Sequence[str]:
        """The names of the rows that are in Git, with whatever a stranger put beside them."""
        return others(git, self.folder(environment), set(self.foreign))

    def change(
        self,
        git: Transaction,
        attempt: Attempt[EnvironmentClaimT],
        environment: Environment,
        draft: DraftT,
        fate: Fate,
    ) -> Change:
        """What Git shall hold of the rows: those of the draft, and of the others what their fate is."""
        return Change(
            folders={self.row_path(environment, name): files for name, files in draft.folders.items()},
            files=draft.files,
            removed=tuple(self.row_path(environment, name) for name in fate.removed),
            strays=tuple(self.row_path(environment, name) for name in fate.strays),
        )

    def departure(self, git: Transaction, attempt: Attempt[EnvironmentClaimT], environment: Environment) -> Change:
        """How the claim leaves Git."""
        rows = [self.row_path(environment, name) for name in self.there(git, environment)]
        return Change(removed=(*rows, self.set_path(environment)))

    def texts(self, row: Any) -> Mapping[str, Any]:
        """What people write freely in a row of the spec, by field: there a credential may slip in."""
        return {"values": row.values}

    def facts(self, attempt: Attempt[EnvironmentClaimT], index: int, draft: DraftT) -> dict[str, Any]:
        """What the row at `index` in the spec says beside its state, its reason and its files."""
        return {}

    def prepare(self, attempt: Attempt[EnvironmentClaimT], environment: Environment) -> None:
        """Whatever takes time and needs no Git, so that nobody waits for it there."""

    def basis(self, environment: Environment, draft: DraftT) -> Hashable:
        """What the draft follows from beside the claim; the inputs that `survey` gives are compared with it."""
        return environment

    def fields(self, attempt: Attempt[EnvironmentClaimT], draft: DraftT) -> dict[str, Any]:
        """Further fields of the status."""
        return {}

    def stateful(
        self, attempt: Attempt[EnvironmentClaimT], environment: Environment, names: Iterable[str]
    ) -> Mapping[str, Sequence[str]]:
        """Those of `names` that keep data, with their volume claims."""
        return {}

    def residents(self, environment: Environment, names: Iterable[str]) -> Mapping[str, Sequence[str]]:
        """Those of `names` that claims depend on, with those claims."""
        return {}
