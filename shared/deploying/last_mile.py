"""Everything that the functions do about what ArgoCD deploys."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from shared.deploying.ancestry import Ancestry
from shared.deploying.argocd import ArgoCD, Snapshot, View
from shared.deploying.deployer import Deployer, Outcome
from shared.deploying.landscape import Place
from shared.deploying.tracking import Target
from shared.deploying.withdrawal import Withdrawal


class LastMile:
    """How far ArgoCD is, and having it remove what a claim no longer wants. Raises what `Kube` raises. Thread-safe."""

    def __init__(
        self,
        argocd: ArgoCD,
        ancestry: Ancestry,
        *,
        pause: Callable[[float], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._argocd = argocd
        self._deployer = Deployer(argocd, ancestry.contains, clock=clock)
        self._withdrawal = Withdrawal(argocd, ancestry.contains, pause=pause, clock=clock)

    def look(self, place: Place, targets: Sequence[Target], rows: Iterable[str], at: View | None = None) -> Outcome:
        """How far ArgoCD is with the targets, now or as it was seen in `at`; what lags is refreshed.

        An Application of the set that stands for none of the `rows` is on its way out.
        """
        return self._deployer.look(place, targets, rows, at)

    def bring_set(self, place: Place) -> None:
        """Have the root Application look at the set's file, which has just been written.

        One that found no file there has stopped, and the set that it left alone lags behind nothing.
        """
        self._argocd.refresh(place.root_name)

    def look_at_roots(self, names: Iterable[str], at: View | None = None) -> Outcome:
        """How far ArgoCD is with the root Applications of these names."""
        return self._deployer.look_at_roots(names, at)

    def snapshot(self) -> Snapshot | None:
        """All of ArgoCD's objects that are ours; None when there is no ArgoCD."""
        return self._argocd.snapshot()

    def remove_rows(
        self, place: Place, kept: Iterable[str], sources: Mapping[str, Mapping[str, str]]
    ) -> tuple[str, ...]:
        """Remove the Applications of rows that are not `kept`; the names of those that are still there.

        `sources` are what Git wants of rows that are kept: a set that gives them others is not refreshed yet.
        """
        return self._withdrawal.of_rows(place, place.parts(kept), sources)

    def remove_set(self, place: Place, commit: str) -> tuple[str, ...]:
        """Remove the set, whose file went with `commit`, with its Applications; what is still there."""
        return self._withdrawal.of_set(place, commit)
