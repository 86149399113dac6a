"""What the functions do about ArgoCD's objects when they have written."""

from typing import Any

import yaml

from shared.deploying.argocd import FINALIZER, REFRESH, REFRESH_SET
from shared.events import PING, Event
from tests.functions.platform import Platform, condition, example
from tests.functions.removals import SET, confirm
from tests.functions.stranger import Stranger

NAMES = ("ecommerce-platform", "user-service")
ROOT = ("applications", "argocd", "nonprod-apps")
DEV_SET = ("applicationsets", "argocd", "dev-apps")
LABELS = {
    "app.kubernetes.io/part-of": "infraforge",
    "infraforge.io/cluster-type": "nonprod",
    "infraforge.io/environment": "dev",
}


def application(name: str) -> tuple[str, str, str]:
    return ("applications", "argocd", f"dev-{name}")


def claimed(platform: Platform) -> dict[str, Any]:
    """The example claim, in Git and deployed: the set and its Applications are as ArgoCD would have made them."""
    claim = example("dev/dev-apps-claim.yaml")
    rows = platform.apply(claim)["status"]["applications"]
    charts = platform.live(example("bootstrap-claim.yaml"))["status"]["charts"]["revision"]
    put(platform, DEV_SET, [], yaml.safe_load(platform.git("show", f"main:{SET}"))["spec"], {})
    for row in rows:
        repository = platform.layout.repository(platform.organization, "charts")
        sources = [{"repoURL": repository, "path": row["name"], "targetRevision": charts}, {"ref": "values"}]
        sync = {"status": "Synced", "revisions": ["f" * 40, row["commit"]], "comparedTo": {"sources": sources}}
        status = {"sync": sync, "health": {"status": "Healthy"}}
        put(
            platform,
            application(row["name"]),
            [{"kind": "ApplicationSet", "name": "dev-apps"}],
            {"sources": sources},
            status,
        )
    return claim


def put(platform: Platform, key: tuple[str, str, str], owners: list[Any], spec: Any, status: Any) -> None:
    metadata = {"name": key[2], "namespace": key[1], "labels": LABELS, "ownerReferences": owners}
    identity = {"uid": f"uid-{key[2]}", "resourceVersion": "1"}
    platform.kube.objects[key] = {"metadata": metadata | identity, "spec": spec, "status": status}


def annotations(platform: Platform, key: tuple[str, str, str]) -> dict[str, str]:
    return dict(platform.kube.objects[key]["metadata"].get("annotations") or {})


def argocd_hears(platform: Platform, key: tuple[str, str, str]) -> None:
    """It takes the annotation away."""
    platform.kube.objects[key]["metadata"]["annotations"] = {}


def test_what_runs_is_told_and_left_alone(there: Platform) -> None:
    claim = claimed(there)
    argocd_hears(there, ROOT)
    there.react(claim)
    assert condition(there.live(claim), "Deployed") == ("True", "Deployed", "all 2 are deployed")
    assert [annotations(there, key) for key in (ROOT, DEV_SET, *map(application, NAMES))] == [{}, {}, {}, {}]


def test_a_set_that_was_written_back_is_brought(there: Platform) -> None:
    """Nothing of ArgoCD's lags behind it, and yet a root Application that found no file has stopped."""
    claim = claimed(there)
    argocd_hears(there, ROOT)
    Stranger(there).push({SET: None})
    there.react(claim)
    assert there.git("show", f"main:{SET}")
    assert annotations(there, ROOT) == {REFRESH: "normal"}
    assert annotations(there, DEV_SET) == {}


def test_what_a_claim_drops_is_let_go_of_until_it_is_gone(there: Platform) -> None:
    """The Application stays until the set has heard, and the claim says so; a resync looks again."""
    claim = claimed(there)
    claim["spec"]["applications"].pop()
    put_ = there.claim(claim)
    reconciler = there.reconciler("ApplicationClaim")
    reconciler.react(Event("e", PING))
    assert annotations(there, DEV_SET)[REFRESH_SET] == "true"
    status, reason, message = condition(there.live(put_), "Deployed")
    assert (status, reason) == ("False", "Removing")
    assert "dev-user-service" in message
    assert FINALIZER not in there.kube.objects[application("user-service")]["metadata"].get("finalizers", [])

    there.kube.hears = True
    reconciler.react(Event("f", PING))
    assert application("user-service") not in there.kube.objects
    assert condition(there.live(put_), "Deployed")[:2] == ("True", "Deployed")


def test_what_is_renamed_waits_for_the_set_of_the_new_name(there: Platform) -> None:
    """The set as the cluster has it gives the new folder the chart of its name: it is not refreshed before the root."""
    claim = claimed(there)
    renamed = claim["spec"]["applications"][1]
    renamed["name"] = "worker"  # and its chart is still user-service
    there.claim(claim)
    reconciler = there.reconciler("ApplicationClaim")
    reconciler.react(Event("e", PING))
    assert annotations(there, ROOT) == {REFRESH: "normal"}
    assert annotations(there, DEV_SET) == {}
    assert application("user-service") in there.kube.objects

    there.kube.hears = True
    there.kube.objects[DEV_SET]["spec"] = yaml.safe_load(there.git("show", f"main:{SET}"))["spec"]
    reconciler.react(Event("f", PING))
    assert application("user-service") not in there.kube.objects


def test_a_claim_that_goes_takes_its_set_and_its_applications_along(there: Platform) -> None:
    """No root Application is there to put the set back."""
    claim = claimed(there)
    del there.kube.objects[ROOT]
    there.delete(claim)
    confirm(there, claim)
    assert not there.exists(claim)
    assert [key for key in (DEV_SET, *map(application, NAMES)) if key in there.kube.objects] == []


def test_a_claim_stays_while_its_set_would_be_put_back(there: Platform) -> None:
    """The root Application is at the commit before: it has not seen that the set's file is gone."""
    claim = claimed(there)
    there.kube.objects[ROOT]["status"] = {"sync": {"revision": there.head()}}
    there.delete(claim)
    confirm(there, claim)
    status, reason, message = condition(there.live(claim), "Ready")
    assert (status, reason) == ("False", "Removing")
    assert "ApplicationSet dev-apps" in message
    assert "infraforge release" in message
    assert DEV_SET in there.kube.objects
