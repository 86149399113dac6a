"""An application uses its environment's database: what it is told, what it may read, and who made the password."""

import base64
from typing import Any

import pytest

from tests.e2e import claims
from tests.e2e.box import Box
from tests.e2e.repository import run_git
from tests.e2e.waiting import until

SECRET = "qa-platform-postgres-auth"
SERVICES: list[dict[str, Any]] = [
    {"name": "postgres", "values": {"auth": {"database": "shop", "username": "owner"}}},
    {"name": "redis"},
]
CLAIM, PLATFORM = "applicationclaim/qa-apps", "platformclaim/qa-platform"
FOLDER = "environments/nonprod/qa/applications/shop"


def applications(*bindings: str, **row: Any) -> dict[str, Any]:
    """The environment's applications: one that is bound, and a neighbour."""
    bound = claims.application("shop") | {"bindings": list(bindings)} | row
    return claims.applications("qa-apps", "qa", [bound, claims.application("other")], namespace="qa")


def services(*rows: dict[str, Any]) -> dict[str, Any]:
    """The environment's PlatformClaim."""
    spec = {"clusterType": "nonprod", "environment": "qa", "services": list(rows)}
    return claims.claim("PlatformClaim", "platform-services", "qa-platform", spec)


def namespace(name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def password(box: Box, where: str) -> str | None:
    found = box.get(f"secret/{SECRET}", where)
    return base64.b64decode(found["data"]["password"]).decode() if found else None


def row(box: Box, name: str = "shop") -> dict[str, Any]:
    rows = box.get(CLAIM, "qa")["status"]["applications"]
    return next(one for one in rows if one["name"] == name)


@pytest.fixture(scope="module")
def bound(running: Box) -> Box:
    """A sandbox in which an application was bound to a service before there was a PlatformClaim."""
    running.apply(namespace("qa"), namespace("platform-services"), applications("postgres"))
    running.wait_reason(CLAIM, "qa", "BindingUnknown")
    running.apply(services(*SERVICES))
    running.wait_reason(CLAIM, "qa", "Committed")  # nothing pings here: the platform function's reply has woken it
    return running


def test_its_values_say_where_the_service_is(bound: Box) -> None:
    text = bound.voltran.file(f"{FOLDER}/values.yaml")
    assert "host: qa-platform-postgres.platform-services.svc" in text
    assert f"secretName: {SECRET}" in text
    assert "bindings" not in bound.voltran.file(f"{FOLDER.removesuffix('shop')}other/values.yaml")


def test_the_password_is_beside_the_service_and_beside_the_application(bound: Box) -> None:
    """32 letters and digits, in no file of any commit, nor in what the functions say."""
    made = password(bound, "platform-services")
    assert made is not None
    assert len(made) == 32
    assert made.isalnum()
    assert password(bound, "qa") == made
    said = bound.kubectl("get", "infraforge,events,applications.argoproj.io", "-A", "-o", "yaml")
    said += "".join(file.read_text(errors="replace") for file in (bound.command.data_dir / "logs").iterdir())
    said += run_git("-C", str(bound.voltran.path), "log", "-p", "--all", "--text").stdout
    assert made not in said
    assert base64.b64encode(made.encode()).decode() not in said


def test_its_deployment_uses_it(bound: Box) -> None:
    """As the API server has it: variables, the Secret, and the way through the NetworkPolicy."""
    deployment = until(lambda: bound.get("deployment/qa-shop", "qa"), "ArgoCD deploys it")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    variables = {one["name"]: one.get("value") or one["valueFrom"]["secretKeyRef"] for one in container["env"]}
    assert variables == {
        "POSTGRES_HOST": "qa-platform-postgres.platform-services.svc",
        "POSTGRES_PORT": "5432",
        "POSTGRES_DATABASE": "shop",
        "POSTGRES_USERNAME": "owner",
        "POSTGRES_PASSWORD": {"name": SECRET, "key": "password"},
    }
    policy = until(lambda: bound.get("networkpolicy/qa-shop", "qa"), "ArgoCD deploys it")
    ways = [one for one in policy["spec"]["egress"] if one.get("ports") == [{"protocol": "TCP", "port": 5432}]]
    selected = {"app.kubernetes.io/instance": "qa-platform-postgres"}
    assert ways[0]["to"][0]["podSelector"]["matchLabels"] == selected
    service = until(lambda: bound.get("service/qa-platform-postgres", "platform-services"), "ArgoCD deploys it")
    assert 5432 in [port["port"] for port in service["spec"]["ports"]]


def test_a_second_look_makes_no_second_password(bound: Box) -> None:
    """Nor a commit: by the processes that made it, and by those that come after them."""

    def state() -> list[Any]:
        secrets = [bound.get(f"secret/{SECRET}", where) for where in ("platform-services", "qa")]
        return [bound.voltran.head(), *(one["metadata"]["resourceVersion"] for one in secrets)]

    before = state()
    bound.ping()
    bound.end("platform", "application")
    bound.up()
    bound.ping()
    assert state() == before


def test_a_service_that_is_not_there(bound: Box) -> None:
    """It is named together with those that are there; the neighbour goes on."""
    changed = applications("postgres", "mongo")
    changed["spec"]["applications"][1]["values"] = {"replicas": 2}
    bound.apply(changed)
    message = bound.wait_reason(CLAIM, "qa", "BindingUnknown")
    assert message == (
        'shop: spec.applications[0].bindings[1]: environment "qa" of cluster type "nonprod" has no service "mongo"; '
        "it has: postgres, redis"
    )
    assert row(bound)["state"] == "Held"
    assert row(bound, "other")["state"] == "Committed"
    bound.apply(services(*SERVICES, {"name": "mongo", "chart": {"name": "redis"}}))
    bound.wait_reason(CLAIM, "qa", "Committed")
    assert "qa-platform-mongo-auth" in bound.voltran.file(f"{FOLDER}/values.yaml")


def test_another_user_reaches_the_application(bound: Box) -> None:
    """One commit for the service, one for who uses it."""
    bound.apply(applications("postgres"), services(*SERVICES))
    bound.wait_reason(
        PLATFORM, "platform-services", "ConfirmationRequired"
    )  # of the service that goes: it is not asked for
    auth = {"auth": {"database": "shop", "username": "other"}}
    bound.apply(services({"name": "postgres", "values": auth}, SERVICES[1]))
    until(lambda: "username: other" in bound.voltran.file(f"{FOLDER}/values.yaml"), "the application is told")


def test_the_password_survives_the_claim(bound: Box) -> None:
    """And is the service's again when the claim is."""
    made = password(bound, "platform-services")
    bound.kubectl("delete", PLATFORM, "-n", "platform-services", "--wait=false")
    bound.wait_reason(PLATFORM, "platform-services", "ConfirmationRequired")
    done = bound.command.run("confirm", "PlatformClaim/platform-services/qa-platform", "--yes")
    assert done.returncode == 0, done.stderr
    until(lambda: bound.get(PLATFORM, "platform-services") is None, "the claim goes")
    assert password(bound, "platform-services") == made
    bound.apply(services(*SERVICES))
    bound.wait_reason(PLATFORM, "platform-services", "Committed")
    assert password(bound, "platform-services") == made
