"""Namespaces of a claim, from kubectl to the cluster: made, kept in order, and never taken away unasked."""

import json
from typing import Any

from tests.e2e import claims
from tests.e2e.box import Box, condition
from tests.e2e.waiting import until

CLAIM, SYSTEM = "infraclaim/dev-infrastructure", "platform-system"
VALUES = "environments/nonprod/dev/platform/namespaces/values.yaml"


def example() -> Any:
    """The InfrastructureClaim of deployments/."""
    return next(one for one in claims.examples() if one["kind"] == "InfrastructureClaim")


def deployed(box: Box) -> str:
    """The reason of the condition Deployed for the claim as it is now."""
    return condition(box.get(CLAIM, SYSTEM), "Deployed")[1]


def objects(box: Box, kind: str, namespace: str) -> set[str]:
    printed = box.kubectl("get", kind, "-n", namespace, "-o", "name")
    return {line.partition("/")[2] for line in printed.split()}


def volume_claim(name: str, namespace: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }


def test_the_example_is_in_the_cluster(running: Box) -> None:
    """The namespace with its level, and everything that the chart makes in it."""
    until(lambda: deployed(running) == "Deployed", "the namespaces are deployed")
    labels = running.get("namespace/dev", "dev")["metadata"]["labels"]
    assert labels["team"] == "shop"
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    assert objects(running, "resourcequotas", "dev") == {"infraforge"}
    assert objects(running, "limitranges", "dev") == {"infraforge"}
    assert {"infraforge-allowed", "infraforge-default-deny"} <= objects(running, "networkpolicies", "dev")
    assert objects(running, "rolebindings", "dev") == {"infraforge-edit", "infraforge-view"}
    application = json.loads(
        running.kubectl("get", "applications.argoproj.io/dev-platform-namespaces", "-n", "argocd", "-o", "json")
    )
    assert application["spec"]["project"] == "infraforge-namespaces-nonprod"


def test_services_and_namespaces_share_a_set_and_nothing_else(running: Box) -> None:
    """The services run where their claim lives, by the project of everybody."""
    found = json.loads(
        running.kubectl("get", "applications.argoproj.io/dev-platform-postgres", "-n", "argocd", "-o", "json")
    )["spec"]
    assert (found["project"], found["destination"]["namespace"]) == ("nonprod", "platform-services")


def test_the_schema_refuses_what_no_namespace_may_be(running: Box) -> None:
    """At the door: kubectl shows the field, and nothing is stored."""
    before = running.get(CLAIM, SYSTEM)["metadata"]["generation"]
    for field, value, said in (
        ("name", "kube-system", "a system namespace is no claim's"),
        ("access", [{"role": "admin", "kind": "Group", "name": "system:authenticated"}], "get no access by a claim"),
        ("access", [{"role": "cluster-admin", "kind": "User", "name": "eve"}], "Unsupported value"),
        ("access", [{"role": "view", "kind": "User", "name": "eve", "namespace": "dev"}], "named with its namespace"),
    ):
        claim = example()
        claim["spec"]["namespaces"][0][field] = value
        refused = running.command.run("apply", "-f", "-", stdin=json.dumps(claim))
        assert refused.returncode != 0
        assert said in refused.stderr, refused.stderr
    assert running.get(CLAIM, SYSTEM)["metadata"]["generation"] == before


def test_a_removal_is_held_and_confirmed(running: Box) -> None:
    """It names what is in the namespace; once confirmed the namespace is left to itself, and nothing in it is lost."""
    claim = example()
    running.apply(claim | {"spec": claim["spec"] | {"namespaces": [*claim["spec"]["namespaces"], {"name": "shop"}]}})
    until(lambda: running.get("namespace/shop", "shop"), "the namespace is there")
    until(lambda: deployed(running) == "Deployed", "both are deployed")
    running.apply(volume_claim("data-0", "shop"))
    running.apply(claim)
    message = running.wait_reason(CLAIM, SYSTEM, "ConfirmationRequired")
    assert message.startswith("removing shop (volume claims data-0) waits for a confirmation")
    assert "name: shop" in running.voltran.file(VALUES)
    done = running.command.run("confirm", "InfrastructureClaim/platform-system/dev-infrastructure", "--yes")
    assert done.returncode == 0, done.stderr
    running.wait_reason(CLAIM, SYSTEM, "Committed")
    assert "name: shop" not in running.voltran.file(VALUES)
    until(lambda: not objects(running, "networkpolicies", "shop"), "what the chart had made there is gone")
    until(lambda: deployed(running) == "Deployed", "ArgoCD calls nothing out of step")
    assert objects(running, "persistentvolumeclaims", "shop") == {"data-0"}


def test_a_whole_claim_goes_and_its_namespaces_and_neighbours_stay(running: Box) -> None:
    """The services are deployed from the same set before and after."""
    running.kubectl("delete", CLAIM, "-n", SYSTEM, "--wait=false")
    running.wait_reason(CLAIM, SYSTEM, "ConfirmationRequired")
    done = running.command.run("confirm", "InfrastructureClaim/platform-system/dev-infrastructure", "--yes")
    assert done.returncode == 0, done.stderr
    until(lambda: running.get(CLAIM, SYSTEM) is None, "the claim is gone")
    assert VALUES not in running.voltran.tree()
    assert "dev-platform-namespaces" not in objects(running, "applications.argoproj.io", "argocd")
    assert running.get("namespace/dev", "dev") is not None
    assert objects(running, "resourcequotas", "dev") == set()
    assert "dev-platform-postgres" in objects(running, "applications.argoproj.io", "argocd")
    assert "dev-platform-postgres" in objects(running, "statefulsets", "platform-services")
    running.wait_true()
