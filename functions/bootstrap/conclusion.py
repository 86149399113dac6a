"""What a BootstrapClaim's status says of a pass that came to its end: what there is, who lives there, what is left."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from functions.bootstrap import desired
from functions.bootstrap.decision import Decision, named, places
from functions.bootstrap.desired import CHARTS, PLATFORM_CHARTS, REPOSITORIES, VOLTRAN
from functions.bootstrap.tenancy import MAX_NAMED
from shared.argocd import Layout
from shared.attempt import Attempt
from shared.changes import Written
from shared.claims import (
    REMOVE_ENVIRONMENTS,
    BootstrapClaim,
    BootstrapStatus,
    ChartsRevision,
    ClusterRow,
    ClusterSpec,
    RepositoryRow,
)
from shared.claims.status import MAX_ORPHANS
from shared.conditions import COMMITTED, ORPHANED_ENVIRONMENTS
from shared.deploying import LastMile
from shared.environments import BOOTSTRAPPED_PHASE
from shared.errors import InUse
from shared.gitea import Gitea
from shared.provenance import Provenance
from shared.report import Report
from shared.wording import listed

MAX_ASKED: Final = 60
"""Paths whose last commits Gitea is asked for, when no status says which was the claim's last one."""


@dataclass(frozen=True)
class Pass:
    """What a pass came to: the charts' commits by repository, what was written and why, and the webhook's address.

    `recorded` are the clusters that existed before, by the status.
    """

    recorded: Sequence[ClusterSpec]
    published: Mapping[str, str]
    written: Written
    decision: Decision
    hook: str | None


class Conclusion:
    """Tells an attempt's report what a pass came to. `revisions` are the embedded charts', by repository."""

    def __init__(
        self,
        *,
        gitea: Gitea,
        provenance: Provenance,
        last_mile: LastMile,
        layout: Layout,
        revisions: Mapping[str, str],
    ) -> None:
        self._gitea = gitea
        self._provenance = provenance
        self._last_mile = last_mile
        self._layout = layout
        self._revisions = revisions

    def tell(self, attempt: Attempt[BootstrapClaim], last: Pass) -> None:
        """Set every field and condition. Raises `GiteaUnavailable` when a commit is to be asked for and cannot be."""
        claim, report, made, written = attempt.claim, attempt.report, last.decision, last.written
        organization, clusters = claim.spec.gitea.organization, made.clusters
        commit = self._provenance.commit(
            organization, written, attempt, _where_to_look(last.recorded, clusters, written)
        )
        heads = {**last.published, VOLTRAN: commit.sha if commit else None}
        root_apps = desired.root_apps(clusters)
        report.set(
            phase=BOOTSTRAPPED_PHASE,
            repositories=[self._row(claim, name, heads[name]) for name in REPOSITORIES],
            charts=ChartsRevision(revision=self._revisions[CHARTS]),
            platformCharts=ChartsRevision(revision=self._revisions[PLATFORM_CHARTS]),
            rootApps=root_apps,
            clusters=[
                ClusterRow(type=one.type, environments=one.environments, destination=one.destination)
                for one in clusters
            ],
            webhook=last.hook,
            orphanedEnvironments=named(made.orphans)[:MAX_ORPHANS],
            commit=commit,
            checksum=written.change.checksum,
        )
        report.mark(*self._last_mile.look_at_roots(root_apps).condition)
        _conclude(report, made)

    def _row(self, claim: BootstrapClaim, name: str, new: str | None) -> RepositoryRow:
        """The head as it was when this function last wrote: claims move it on all the time."""
        organization = claim.spec.gitea.organization
        recorded = next((row.commit for row in claim.status.repositories if row.name == name), None)
        commit = new or recorded or self._gitea.head(organization, name)
        return RepositoryRow(name=name, url=self._layout.repository(organization, name), commit=commit)


def _conclude(report: Report[BootstrapStatus], made: Decision) -> None:
    if made.orphans:
        orphans = listed(named(made.orphans), MAX_NAMED)
        report.mark(
            ORPHANED_ENVIRONMENTS,
            "True",
            "NobodyClaimsThem",
            f"{orphans} have files in {VOLTRAN} that no claim stands for: create the claim "
            f"again, or name them in the annotation {REMOVE_ENVIRONMENTS} to remove the files",
        )
    report.mark(COMMITTED, "True", "Committed", "charts, structure and root apps are in Git")
    if made.in_use:
        users = [f"{type_}/{name} ({listed(who, MAX_NAMED)})" for (type_, name), who in made.in_use.items()]
        still = f"no longer in the claim and still used: {listed(users, MAX_NAMED)}"
        report.waits(InUse.__name__, f"{still}; delete those claims, or name it again")
    else:
        count = sum(len(cluster.environments) for cluster in made.clusters)
        report.ready(
            BOOTSTRAPPED_PHASE, f"{count} environments of {len(made.clusters)} cluster types are ready for claims"
        )


def _where_to_look(recorded: Sequence[ClusterSpec], clusters: Sequence[ClusterSpec], written: Written) -> list[str]:
    """What the claim's last commit may have changed, should its status not say: first what is not recorded yet."""
    differing = places(recorded).keys() ^ places(clusters).keys()
    new = [f"environments/{type_}/{name}/platform/{desired.KEEP}" for type_, name in sorted(differing)]
    return list(dict.fromkeys(["root-apps", *new, *sorted(written.change.files)]))[:MAX_ASKED]
