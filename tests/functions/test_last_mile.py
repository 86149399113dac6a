"""What the functions do about ArgoCD's objects when they have written."""

from shared.deploying.argocd import FINALIZER, REFRESH, REFRESH_SET
from tests.functions.conftest import Platform, condition, example

ROOT = ("applications", "argocd", "nonprod-apps")


def annotations(platform: Platform, key: tuple[str, str, str]) -> dict[str, str]:
    return dict(platform.kube.objects[key]["metadata"].get("annotations") or {})


def deployed_by_argocd(platform: Platform, names: list[str]) -> None:
    """The set `dev-apps` and its Applications, as ArgoCD would have made them of what is in Git."""
    labels = {
        "app.kubernetes.io/part-of": "infraforge",
        "infraforge.io/cluster-type": "nonprod",
        "infraforge.io/environment": "dev",
    }
    owners = [{"kind": "ApplicationSet", "name": "dev-apps"}]
    for plural, name, owned in (("applicationsets", "dev-apps", []), *(("applications", one, owners) for one in names)):
        metadata = {"name": name, "namespace": "argocd", "labels": labels, "ownerReferences": owned}
        document = {"metadata": metadata | {"uid": f"uid-{name}", "resourceVersion": "1"}, "spec": {}, "status": {}}
        platform.kube.objects[(plural, "argocd", name)] = document


def test_a_set_that_was_written_is_brought(there: Platform) -> None:
    """Also when it is written back as it was, so that nothing in ArgoCD lags behind it."""
    live = there.apply(example("dev/dev-apps-claim.yaml"))
    assert annotations(there, ROOT)[REFRESH] == "normal"
    assert condition(live, "Deployed")[:2] == ("False", "Pending")


def test_what_a_claim_drops_is_let_go_of(there: Platform) -> None:
    """ArgoCD does not answer here: the set is told, the Application stays until it has heard, and the claim says so."""
    claim = example("dev/dev-apps-claim.yaml")
    there.apply(claim)
    deployed_by_argocd(there, ["dev-ecommerce-platform", "dev-user-service"])
    claim["spec"]["applications"].pop()
    live = there.apply(claim)
    assert annotations(there, ("applicationsets", "argocd", "dev-apps"))[REFRESH_SET] == "true"
    status, reason, message = condition(live, "Deployed")
    assert (status, reason) == ("False", "Removing")
    assert "dev-user-service" in message
    assert FINALIZER not in there.kube.objects[("applications", "argocd", "dev-user-service")]["metadata"].get(
        "finalizers", []
    )
