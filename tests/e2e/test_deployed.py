"""The last mile, with the sandbox's ArgoCD: what a claim asks for runs, its status tells, and what it drops is gone."""

from typing import Any

import yaml

from tests.e2e import claims
from tests.e2e.box import Box, condition
from tests.e2e.waiting import until

WEB = {"replicas": 1}


def deployed(box: Box, claim: str, namespace: str) -> tuple[str, str, str]:
    """Status, reason and message of the condition Deployed."""
    document = box.get(claim, namespace)
    return condition(document, "Deployed") if document else ("", "Gone", "")


def wait_deployed(box: Box, claim: str, namespace: str, reason: str = "Deployed") -> str:
    """Wait until Deployed has that reason for the present spec; its message."""
    seen: list[tuple[str, str, str]] = []

    def look() -> bool:
        seen.append(deployed(box, claim, namespace))
        return seen[-1][1] == reason and box.ready(claim, namespace)[0] != ""

    until(look, f"{claim} says {reason}; it said {seen[-3:]}")
    return seen[-1][2]


def images(box: Box, namespace: str) -> dict[str, str]:
    """Deployment → the image that it runs."""
    found = box.kubectl("get", "deployments", "-n", namespace, "-o", "json")
    items = yaml.safe_load(found)["items"]
    return {one["metadata"]["name"]: one["spec"]["template"]["spec"]["containers"][0]["image"] for one in items}


def names(box: Box, kind: str, namespace: str) -> set[str]:
    return {line.partition("/")[2] for line in box.kubectl("get", kind, "-n", namespace, "-o", "name").split()}


def row(box: Box, claim: str, namespace: str, name: str) -> Any:
    rows = box.get(claim, namespace)["status"]["applications"]
    return next(one for one in rows if one["name"] == name)


def test_the_example_platform_runs(box: Box) -> None:
    for claim, namespace in (
        ("appclaim/dev-apps", "dev"),
        ("appclaim/prod-apps", "prod"),
        ("platformclaim/dev-platform", "platform-services"),
        ("platformclaim/prod-platform", "platform-services"),
        ("bootstrapclaim/platform-bootstrap", "platform-system"),
    ):
        wait_deployed(box, claim, namespace)
    assert images(box, "dev")["dev-user-service"].startswith("ghcr.io/infraforge/user-service")
    assert "dev-platform-postgres" in names(box, "statefulsets", "platform-services")


def test_an_edited_tag_runs(box: Box) -> None:
    """And its neighbours stay deployed at the revision that they were deployed at."""
    claim = next(one for one in claims.examples() if one["metadata"]["name"] == "dev-apps")
    edited = next(one for one in claim["spec"]["applications"] if one["name"] == "ecommerce-platform")
    edited["image"]["tag"] = "v1.2.2"
    before = row(box, "appclaim/dev-apps", "dev", "user-service")["deployed"]
    box.apply(claim)
    until(lambda: images(box, "dev")["dev-ecommerce-platform"].endswith(":v1.2.2"), "the new image")
    wait_deployed(box, "appclaim/dev-apps", "dev")
    assert row(box, "appclaim/dev-apps", "dev", "user-service")["deployed"] == before
    mine = row(box, "appclaim/dev-apps", "dev", "ecommerce-platform")
    assert mine["deployed"]["commit"] == mine["commit"] == box.voltran.head()


def qa(*rows: dict[str, Any]) -> dict[str, Any]:
    return claims.applications("qa-apps", "qa", rows, namespace="qa")


def web(name: str, chart: str = "web-service", **values: Any) -> dict[str, Any]:
    return claims.application(name, **(values or WEB)) | {"chart": {"name": chart}}


def test_charts_are_mapped(box: Box) -> None:
    """A chart that is called otherwise, two applications of one chart, and one of another."""
    box.apply(qa(web("shop"), web("blog"), web("jobs", "worker")))
    wait_deployed(box, "appclaim/qa-apps", "qa")
    assert {"qa-shop", "qa-blog", "qa-jobs"} <= names(box, "deployments", "qa")
    assert {"qa-shop", "qa-blog"} <= names(box, "services", "qa")


def test_an_application_that_is_dropped_is_gone_with_its_workload(box: Box) -> None:
    box.apply(qa(web("shop"), web("jobs", "worker")))
    until(lambda: "qa-blog" not in names(box, "applications", "argocd"), "the Application is gone")
    until(lambda: "qa-blog" not in names(box, "deployments", "qa"), "its Deployment is gone")
    wait_deployed(box, "appclaim/qa-apps", "qa")
    assert "qa-shop" in names(box, "deployments", "qa")


def test_what_is_not_well_says_so_in_argocds_words(box: Box) -> None:
    """An Application that a person breaks, and then repairs."""
    box.apply(qa(web("shop"), web("jobs", "worker")))
    wait_deployed(box, "appclaim/qa-apps", "qa")
    application = "application/qa-shop"
    broken = '[{"op": "replace", "path": "/spec/sources/0/path", "value": "nonesuch"}]'
    box.kubectl("patch", "deployment/qa-jobs", "-n", "qa", "--type=merge", '-p={"spec": {"replicas": 7}}')
    until(
        lambda: '"replicas": 7' not in box.kubectl("get", "deployment/qa-jobs", "-n", "qa", "-o", "json"), "self-heal"
    )
    box.kubectl("patch", application, "-n", "argocd", "--type=json", f"-p={broken}")
    until(
        lambda: "nonesuch" not in box.kubectl("get", application, "-n", "argocd", "-o", "json"), "the set puts it back"
    )
    wait_deployed(box, "appclaim/qa-apps", "qa")


def test_values_that_break_a_chart_hold_their_application(box: Box) -> None:
    """Its neighbour goes on; what runs stays as it is."""
    before = images(box, "qa")["qa-shop"]
    bad = web("shop", replicas=5000)
    bad["image"]["tag"] = "v9.9.9"
    good = web("jobs", "worker", replicas=2)
    box.apply(qa(bad, good))
    message = box.wait_reason("appclaim/qa-apps", "qa", "RenderFailed")
    assert "applications[0].values.replicas: 5000 is above" in message
    until(lambda: '"replicas": 2' in box.kubectl("get", "deployment/qa-jobs", "-n", "qa", "-o", "json"), "two replicas")
    assert images(box, "qa")["qa-shop"] == before
    assert row(box, "appclaim/qa-apps", "qa", "shop")["state"] == "Held"


def test_a_deleted_claim_takes_its_workloads_along(box: Box) -> None:
    box.apply(qa(web("shop"), web("jobs", "worker")))
    wait_deployed(box, "appclaim/qa-apps", "qa")
    box.kubectl("delete", "appclaim/qa-apps", "-n", "qa", "--wait=false")
    box.wait_reason("appclaim/qa-apps", "qa", "ConfirmationRequired")
    assert "qa-shop" in names(box, "deployments", "qa"), "nothing goes unasked"
    box.command.run("confirm", "ApplicationClaim/qa/qa-apps", "--yes")
    until(lambda: box.get("appclaim/qa-apps", "qa") is None, "the claim is gone")
    assert names(box, "deployments", "qa") == set()
    assert not {one for one in names(box, "applications", "argocd") if one.startswith("qa-")}
    assert "qa-apps" not in names(box, "applicationsets", "argocd")
    assert "dev-user-service" in names(box, "deployments", "dev")


def test_a_thousand_events_that_change_nothing(box: Box) -> None:
    """ArgoCD writes its objects all the time: that costs no status, no Git and no annotation."""
    application = "application/dev-user-service"
    before = box.versions(), box.voltran.requests()
    told = yaml.safe_load(box.kubectl("get", application, "-n", "argocd", "-o", "json"))
    box.tell(told, times=1000)
    assert (box.versions(), box.voltran.requests()) == before
    now = yaml.safe_load(box.kubectl("get", application, "-n", "argocd", "-o", "json"))
    assert now["metadata"]["resourceVersion"] == told["metadata"]["resourceVersion"]
