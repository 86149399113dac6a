"""`infraforge why`, with a real API-server stand-in that has claims and nothing else."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from cli import exits
from cli.why.command import NOT_WELL
from tests.cli.api import Api, application, environment
from tests.cli.conftest import Infraforge

PLATFORM = {
    "gitea": {"url": "http://gitea", "organization": "platform"},
    "clusters": [{"type": "nonprod", "environments": ["dev"]}],
}
READY = {"type": "Ready", "status": "True", "reason": "Committed", "message": "all of it"}
SHA = "ab" * 20


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """With a platform that is there."""
    served = Api.start(tmp_path_factory.mktemp("apiserver"))
    served.create("BootstrapClaim", "platform-system", "platform", PLATFORM)
    clusters = [{"type": "nonprod", "environments": ["dev"]}]
    status = {"observedGeneration": 1, "conditions": [READY], "clusters": clusters}
    served.set_status("BootstrapClaim", "platform-system", "platform", status)
    yield served
    served.running.stop()


@pytest.fixture
def claim(api: Api) -> Iterator[str]:
    """A claim with two applications that no function has seen."""
    spec = environment() | {"applications": [application("shop"), application("cart")]}
    api.create("ApplicationClaim", "dev", "apps", spec)
    yield "appclaim/dev/apps"
    api.delete("ApplicationClaim", "dev", "apps")


def tell(api: Api, *rows: dict[str, Any], ready: bool = True) -> None:
    reason = {"status": "True" if ready else "False", "reason": "TagNotFound", "message": "held"}
    status = {"observedGeneration": 1, "conditions": [READY | reason], "applications": list(rows)}
    api.set_status("ApplicationClaim", "dev", "apps", status | {"commit": {"sha": SHA, "url": "http://gitea/c"}})


def row(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "state": "Committed", "commit": SHA} | more


def test_nobody_has_looked_at_it(api: Api, claim: str, infraforge: Infraforge) -> None:
    done = api.run(infraforge, "why", claim)
    assert done.returncode == NOT_WELL, done.stderr
    assert "✔ claim        ApplicationClaim/dev/apps  generation 1, last changed by" in done.stdout
    assert "no function has ever looked at it" in done.stdout
    assert "look closer: kubectl get apiserversources.sources.knative.dev" in done.stdout
    assert f"--kubeconfig {api.running.kubeconfig}" in done.stdout, "what is shown can be pasted"


def test_all_is_well_as_far_as_it_can_be_seen(api: Api, claim: str, infraforge: Infraforge) -> None:
    tell(api, row("shop"), row("cart"))
    done = api.run(infraforge, "why", claim)
    assert (done.returncode, "All is well, as far as it can be seen from here." in done.stdout) == (exits.OK, True)
    assert "? ArgoCD" in done.stdout
    found = api.json(infraforge, "why", claim)
    assert (found["well"], found["first"]) == (True, None)
    assert [link["step"] for link in found["links"]] == ["claim", "event", "platform", "valid", "commit", "argocd"]
    assert [one["name"] for one in found["rows"]] == ["shop", "cart"]


def test_one_of_two(api: Api, claim: str, infraforge: Infraforge) -> None:
    tell(api, row("shop"), row("cart", state="Held", reason="TagNotFound", message="no tag v9"), ready=False)
    done = api.run(infraforge, "why", claim, "-o", "json")
    first = json.loads(done.stdout)["first"]
    assert (done.returncode, first["subject"], first["message"]) == (NOT_WELL, "cart", "TagNotFound: no tag v9")
    assert api.run(infraforge, "why", claim, "shop").returncode == exits.OK
    assert api.run(infraforge, "why", claim, "dev-cart").returncode == NOT_WELL, "by ArgoCD's name too"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["appclaim/dev/apps", "docs"], "has no docs among its applications: it has shop, cart"),
        (["appclaim/dev/none"], "there is no ApplicationClaim dev/none"),
        (["bootclaim/platform-system/platform", "docs"], "has no docs among its rows: it has none"),
    ],
    ids=str,
)
@pytest.mark.usefixtures("claim")
def test_what_there_is_not(api: Api, infraforge: Infraforge, arguments: list[str], message: str) -> None:
    done = api.run(infraforge, "why", *arguments)
    assert (done.returncode, message in done.stderr) == (exits.FAILED, True), done.stderr


@pytest.mark.parametrize("arguments", [["appclaim/dev/apps"], ["apps"], ["appclaim/dev/apps", "--no-such"]], ids=str)
def test_what_is_no_answer_is_one_code(infraforge: Infraforge, arguments: list[str]) -> None:
    """No sandbox, or wrong usage: 2 means that something is not well."""
    done = infraforge("why", *arguments)
    assert (done.returncode, bool(done.stderr)) == (exits.FAILED, True)
