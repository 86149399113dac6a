"""From files with claims to the whole plan."""

from collections.abc import Mapping, Sequence

from cli.cluster import Cluster
from cli.exits import Failure
from cli.manifests import Manifest, examine
from cli.plan.outcome import describe, platform_objects, render
from cli.plan.report import Against, ClaimPlan, Fault, Report
from cli.plan.stage import nowhere
from cli.plan.surroundings import Sites, Surroundings
from cli.plan.wishes import Wish, wishes
from shared.kinds import BOOTSTRAP

DEFAULT_NAMESPACE = "default"


def plan(
    paths: Sequence[str],
    cluster: Cluster | None,
    sites: Sites,
    namespace: str | None,
) -> Report:
    """The plan of every claim in `paths`; raises `Failure` where nothing can be planned at all."""
    report = Report()
    manifests = list(examine(paths, lambda failure: report.errors.append(_unreadable(failure))))
    place = namespace or (cluster.namespace if cluster is not None else DEFAULT_NAMESPACE)
    if not manifests:
        if not report.errors:
            raise Failure("there is no claim to plan in it")
        return report
    with Surroundings.of(cluster, sites, _planned_address(manifests)) as around:
        found, faults, notes = wishes(manifests, cluster, around.standing, place)
        report.errors += faults
        report.claims = [_claim(wish, number, around) for number, wish in enumerate(found)]
        host = str(cluster.http.base_url).rstrip("/") if cluster is not None else None
        report.against = Against(host, around.checkout.commit)
        report.notes += dict.fromkeys([*notes, *around.notes, *around.rehearsal.stage.refused, *around.renderer.notes])
    return report


def _claim(wish: Wish, number: int, around: Surroundings) -> ClaimPlan:
    stage, is_live = around.rehearsal.stage, around.rehearsal.stage.reader is not nowhere
    if not wish.playable:
        return describe(wish, None)
    played = around.rehearsal.play(wish.kind, wish.document(number))
    found = describe(wish, played)
    render(found, played, around.renderer)
    if wish.kind is BOOTSTRAP:
        stage.forget(BOOTSTRAP.resource, around.told)
        if is_live:
            platform_objects(found, stage)
    return found


def _planned_address(manifests: Sequence[Manifest]) -> str | None:
    """The Gitea that a BootstrapClaim of the plan names."""
    for manifest in manifests:
        spec = manifest.document.get("spec")
        named = spec.get("gitea") if isinstance(spec, Mapping) else None
        url = named.get("url") if isinstance(named, Mapping) else None
        if manifest.kind == BOOTSTRAP.name and isinstance(url, str):
            return url.rstrip("/")
    return None


def _unreadable(failure: Failure) -> Fault:
    return Fault("", str(failure), "Unreadable")
