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


def test_the_example_platform_runs(running: Box) -> None:
    for claim, namespace in (
        ("appclaim/dev-apps", "dev"),
        ("appclaim/prod-apps", "prod"),
        ("platformclaim/dev-platform", "platform-services"),
        ("platformclaim/prod-platform", "platform-services"),
        ("bootstrapclaim/platform-bootstrap", "platform-system"),
    ):
        wait_deployed(running, claim, namespace)
    assert images(running, "dev")["dev-user-service"].startswith("ghcr.io/infraforge/user-service")
    assert "dev-platform-postgres" in names(running, "statefulsets", "platform-services")


def test_an_edited_tag_runs(running: Box) -> None:
    """And its neighbours stay deployed at the revision that they were deployed at."""
    claim = next(one for one in claims.examples() if one["metadata"]["name"] == "dev-apps")
    edited = next(one for one in claim["spec"]["applications"] if one["name"] == "ecommerce-platform")
    edited["image"]["tag"] = "v1.2.2"
    before = row(running, "appclaim/dev-apps", "dev", "user-service")["deployed"]
    running.apply(claim)
    until(lambda: images(running, "dev")["dev-ecommerce-platform"].endswith(":v1.2.2"), "the new image")
    wait_deployed(running, "appclaim/dev-apps", "dev")
    assert row(running, "appclaim/dev-apps", "dev", "user-service")["deployed"] == before
    mine = row(running, "appclaim/dev-apps", "dev", "ecommerce-platform")
    assert mine["deployed"]["commit"] == mine["commit"] == running.voltran.head()


def qa(*rows: dict[str, Any]) -> dict[str, Any]:
    return claims.applications("qa-apps", "qa", rows, namespace="qa")


def web(name: str, chart: str = "web-service", **values: Any) -> dict[str, Any]:
    return claims.application(name, **(values or WEB)) | {"chart": {"name": chart}}


def test_charts_are_mapped(running: Box) -> None:
    """A chart that is called otherwise, two applications of one chart, and one of another."""
    running.apply(qa(web("shop"), web("blog"), web("jobs", "worker")))
    wait_deployed(running, "appclaim/qa-apps", "qa")
    assert {"qa-shop", "qa-blog", "qa-jobs"} <= names(running, "deployments", "qa")
    assert {"qa-shop", "qa-blog"} <= names(running, "services", "qa")


def test_a_name_that_is_another_charts_is_no_snare(running: Box) -> None:
    """The set that is there gives a new folder the chart of its name, whose Deployment would stay in the way."""
    running.apply(qa(web("shop"), web("blog"), web("jobs", "worker"), web("order-service")))
    wait_deployed(running, "appclaim/qa-apps", "qa")
    application = running.get("applications.argoproj.io/qa-order-service", "argocd")
    assert [one["sources"][0]["path"] for one in application["status"]["history"]] == ["web-service"]


def test_an_application_that_is_dropped_is_gone_with_its_workload(running: Box) -> None:
    running.apply(qa(web("shop"), web("jobs", "worker")))
    until(lambda: "qa-blog" not in names(running, "applications", "argocd"), "the Application is gone")
    until(lambda: "qa-blog" not in names(running, "deployments", "qa"), "its Deployment is gone")
    wait_deployed(running, "appclaim/qa-apps", "qa")
    assert "qa-shop" in names(running, "deployments", "qa")


def test_what_is_not_well_says_so_in_argocds_words(running: Box) -> None:
    """An Application that a person breaks, and then repairs."""
    running.apply(qa(web("shop"), web("jobs", "worker")))
    wait_deployed(running, "appclaim/qa-apps", "qa")
    application = "application/qa-shop"
    broken = '[{"op": "replace", "path": "/spec/sources/0/path", "value": "nonesuch"}]'
    running.kubectl("patch", "deployment/qa-jobs", "-n", "qa", "--type=merge", '-p={"spec": {"replicas": 7}}')
    until(
        lambda: '"replicas": 7' not in running.kubectl("get", "deployment/qa-jobs", "-n", "qa", "-o", "json"),
        "self-heal",
    )
    running.kubectl("patch", application, "-n", "argocd", "--type=json", f"-p={broken}")
    until(
        lambda: "nonesuch" not in running.kubectl("get", application, "-n", "argocd", "-o", "json"),
        "the set puts it back",
    )
    wait_deployed(running, "appclaim/qa-apps", "qa")


def test_values_that_break_a_chart_hold_their_application(running: Box) -> None:
    """Its neighbour goes on; what runs stays as it is."""
    before = images(running, "qa")["qa-shop"]
    bad = web("shop", replicas=5000)
    bad["image"]["tag"] = "latest"
    good = web("jobs", "worker", replicas=2)
    running.apply(qa(bad, good))
    message = running.wait_reason("appclaim/qa-apps", "qa", "RenderFailed")
    assert "applications[0].values.replicas: 5000 is above" in message
    until(
        lambda: '"replicas": 2' in running.kubectl("get", "deployment/qa-jobs", "-n", "qa", "-o", "json"),
        "two replicas",
    )
    assert images(running, "qa")["qa-shop"] == before
    assert row(running, "appclaim/qa-apps", "qa", "shop")["state"] == "Held"


def test_a_deleted_claim_takes_its_workloads_along(running: Box) -> None:
    running.apply(qa(web("shop"), web("jobs", "worker")))
    wait_deployed(running, "appclaim/qa-apps", "qa")
    running.kubectl("delete", "appclaim/qa-apps", "-n", "qa", "--wait=false")
    running.wait_reason("appclaim/qa-apps", "qa", "ConfirmationRequired")
    assert "qa-shop" in names(running, "deployments", "qa"), "nothing goes unasked"
    running.command.run("confirm", "ApplicationClaim/qa/qa-apps", "--yes")
    until(lambda: running.get("appclaim/qa-apps", "qa") is None, "the claim is gone")
    assert names(running, "deployments", "qa") == set()
    assert not {one for one in names(running, "applications", "argocd") if one.startswith("qa-")}
    assert "qa-apps" not in names(running, "applicationsets", "argocd")
    assert "dev-user-service" in names(running, "deployments", "dev")


def test_a_thousand_events_that_change_nothing(running: Box) -> None:
    """ArgoCD writes its objects all the time: that costs no status, no Git and no annotation."""
    application = "application/dev-user-service"
    running.wait_quiet()
    before = running.versions(), running.voltran.requests()
    told = yaml.safe_load(running.kubectl("get", application, "-n", "argocd", "-o", "json"))
    running.tell(told, times=1000)
    assert (running.versions(), running.voltran.requests()) == before
    now = yaml.safe_load(running.kubectl("get", application, "-n", "argocd", "-o", "json"))
    assert now["metadata"]["resourceVersion"] == told["metadata"]["resourceVersion"]
