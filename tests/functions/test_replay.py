"""Everything twice: for every kind of claim, in every way that it can come again, the second time changes nothing."""

from collections.abc import Callable
from typing import Any

import pytest

from shared.events import BOOTSTRAPPED, PING, ClaimRef, Event, Version
from shared.oci import Unavailable
from shared.reconciler import Reconciler
from tests.functions.platform import Platform, example, ready

EXAMPLES = {
    "BootstrapClaim": "bootstrap-claim.yaml",
    "InfrastructureClaim": "dev/dev-infrastructure-claim.yaml",
    "ApplicationClaim": "dev/dev-apps-claim.yaml",
    "PlatformClaim": "dev/dev-platform-claim.yaml",
}
UPDATE = "dev.knative.apiserver.resource.update"
Process = Reconciler[Any]


def event_of(live: dict[str, Any], version: str | None) -> Event:
    metadata = live["metadata"]
    ref = ClaimRef(live["kind"], metadata["namespace"], metadata["name"])
    return Event("again", UPDATE, ref, version=Version(metadata["uid"], version) if version else None)


def the_event(process: Process, live: dict[str, Any]) -> None:
    process.react(event_of(live, None))


def the_echo(process: Process, live: dict[str, Any]) -> None:
    process.react(event_of(live, live["metadata"]["resourceVersion"]))


def a_late_one(process: Process, live: dict[str, Any]) -> None:
    process.react(event_of(live, "1"))


def the_ping(process: Process, _: dict[str, Any]) -> None:
    process.react(Event("ping", PING))


def the_bootstraps_event(process: Process, _: dict[str, Any]) -> None:
    process.react(Event("wake", BOOTSTRAPPED))


WAYS = [the_event, the_echo, a_late_one, the_ping, the_bootstraps_event]


@pytest.fixture
def there(platform: Platform) -> Platform:
    """A platform with a claim of each kind in Git."""
    for path in EXAMPLES.values():
        assert ready(platform.apply(example(path)))[0] == "True"
    return platform


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", EXAMPLES)
def test_a_second_time_changes_nothing(
    there: Platform, kind: str, way: Callable[[Process, dict[str, Any]], None]
) -> None:
    """By a process that has just started, and by one that remembers: no push, no status write, no Event, no image."""
    live = there.live(example(EXAMPLES[kind]))

    def state() -> list[Any]:
        heads = [there.head(name) for name in ("voltran", "charts", "platform-charts")]
        return [*heads, len(there.kube.status_writes), len(there.kube.events), list(there.registry.asked)]

    before, objects = state(), {key: one["metadata"] for key, one in there.kube.objects.items() if "argocd" not in key}
    process = there.reconciler(kind)
    for _ in range(2):
        way(process, live)
        assert state() == before
    assert objects == {key: one["metadata"] for key, one in there.kube.objects.items() if "argocd" not in key}


@pytest.mark.parametrize("kind", ["InfrastructureClaim", "ApplicationClaim", "PlatformClaim"])
def test_a_resync_of_what_is_settled_reads_no_claim(there: Platform, kind: str) -> None:
    """Once a process knows, a ping costs a look at the head and a list, however many claims there are."""
    process = there.reconciler(kind)
    process.react(Event("ping", PING))
    reads = there.kube.reads
    for _ in range(3):
        process.react(Event("ping", PING))
    assert there.kube.reads == reads


def test_a_registry_that_was_down_is_asked_again_by_the_resync(there: Platform) -> None:
    """The claim is in Git and ready; the digest that it lacks comes with a later ping."""
    image = "ghcr.io/infraforge/user-service:v9"
    there.registry.outcomes[image] = Unavailable("ghcr.io does not answer")
    claim = there.live(example(EXAMPLES["ApplicationClaim"]))
    claim["spec"]["applications"][1]["image"]["tag"] = "v9"
    there.claim(claim)
    process = there.reconciler("ApplicationClaim")
    process.react(Event("ping", PING))
    del there.registry.outcomes[image]
    process.react(Event("ping", PING))
    rows = there.live(claim)["status"]["applications"]
    assert rows[1]["digest"].startswith("sha256:")
    asked = len(there.registry.asked)
    process.react(Event("ping", PING))
    assert len(there.registry.asked) == asked


def test_a_new_chart_reaches_every_claim_by_the_resync(there: Platform, tmp_path: Any) -> None:
    """The bootstrap's reply was lost: what a claim depends on has changed, so it is not settled any more."""
    process = there.reconciler("ApplicationClaim")
    process.react(Event("ping", PING))
    chart = tmp_path / "charts" / "web"
    chart.mkdir(parents=True)
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: web\nversion: 0.1.0\n")
    there.settings["charts_dir"] = tmp_path / "charts"
    there.react(example(EXAMPLES["BootstrapClaim"]))
    revision = there.live(example(EXAMPLES["BootstrapClaim"]))["status"]["charts"]["revision"]
    process.react(Event("ping", PING))
    assert revision in there.file("appsets/nonprod/apps/dev-appset.yaml")
