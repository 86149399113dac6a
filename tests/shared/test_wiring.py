"""What every function is made of, without a request to anybody."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from functions.application import main as application
from functions.application.settings import ApplicationSettings
from functions.bootstrap import main as bootstrap
from functions.bootstrap.settings import BootstrapSettings
from functions.platform import main as platform
from functions.platform.settings import PlatformSettings
from shared.errors import KubeUnavailable, PermanentError
from shared.events import BOOTSTRAPPED, PING, ClaimRef, Delivery, DeploymentRef, Event
from shared.kinds import PLATFORM
from shared.removal import Limits
from shared.settings import Settings
from shared.steps import READ
from shared.wiring import Wiring
from tests.shared.kube.server import Answers, kubeconfig, serving

CHANGED = "dev.knative.apiserver.resource.update"
NOBODY = "http://127.0.0.1:9"


def given(folder: Path, **changes: Any) -> dict[str, Any]:
    """Settings under which nobody can be reached."""
    basic = {"gitea_token": SecretStr("t"), "gitea_endpoint": NOBODY, "cache_dir": folder / "cache"}
    return basic | {"kubeconfig": kubeconfig(folder, NOBODY)} | changes


def test_a_repository_has_one_writer_in_a_process(tmp_path: Path) -> None:
    """Its lock and its cache are shared by every request; organizations do not share them."""
    wiring = Wiring(Settings(**given(tmp_path)))
    assert wiring.repository("o", "voltran") is wiring.repository("o", "voltran")
    assert wiring.repository("o", "voltran") is not wiring.repository("o", "charts")
    assert wiring.repository("o", "voltran") is not wiring.repository("p", "voltran")


@pytest.mark.parametrize("organization", ["../o", "a/b", "", "a b"])
def test_an_organization_that_would_leave_the_cache(tmp_path: Path, organization: str) -> None:
    """The claim's schema and model refuse it before; this is the last door."""
    with pytest.raises(ValueError, match="checked where a claim is read"):
        Wiring(Settings(**given(tmp_path))).repository(organization, "voltran")


def test_what_git_holds_names_no_endpoint(tmp_path: Path) -> None:
    layout = Wiring(Settings(**given(tmp_path, argocd_namespace="gitops"))).layout()
    assert layout.repository("o", "r") == "http://gitea-http.gitea.svc:3000/o/r.git"
    assert layout.argocd_namespace == "gitops"


def test_the_settings_are_its_bounds(tmp_path: Path) -> None:
    wiring = Wiring(Settings(**given(tmp_path, max_waiting=3, body_limit=4096, removal_limit=2, removal_share=0.25)))
    endpoint = wiring.endpoint()
    assert (endpoint.max_waiting, endpoint.body_limit) == (3, 4096)
    assert wiring.limits() == Limits(2, 0.25)


def test_each_function_is_built_without_a_request(tmp_path: Path) -> None:
    """Nobody is there to answer one."""
    settings = given(tmp_path)
    built = [
        application.build(ApplicationSettings(**settings)),
        bootstrap.build(BootstrapSettings(**settings)),
        platform.build(PlatformSettings(**settings)),
    ]
    for endpoint in built:
        assert set(endpoint.pings) == {"kubernetes", "gitea"}
    assert [set(endpoint.routes) for endpoint in built] == [set(), {("POST", "/webhooks/gitea")}, set()]


def test_an_image_without_charts_says_so(tmp_path: Path) -> None:
    (tmp_path / "charts").mkdir()
    with pytest.raises(PermanentError, match="holds no Helm charts: the image is built wrong"):
        bootstrap.build(BootstrapSettings(**given(tmp_path, charts_dir=tmp_path / "charts")))


class Listening:
    """What a function is made of for a kind, as far as a wake-up asks for it: it notes that it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def survey(self, _: Event) -> None:
        self.asked.append("survey")

    def snapshot(self) -> None:
        self.asked.append("snapshot")

    def concerned(self, _: DeploymentRef) -> None:
        self.asked.append("concerned")


REACTIONS = [
    (Event("e", PING), ["survey", "snapshot"], "a resync looks for what no event told of, in Git and in ArgoCD"),
    (Event("e", BOOTSTRAPPED), ["survey", "snapshot"], "and so does the word that there is a platform"),
    (
        Event(
            "e", "dev.knative.apiserver.resource.update", deployment=DeploymentRef("Application", "a", "nonprod", None)
        ),
        ["concerned"],
        "an object of ArgoCD's concerns some claims",
    ),
    (
        Event("e", "io.infraforge.gitea.push", delivery=Delivery("o/voltran")),
        ["survey"],
        "a push says nothing of ArgoCD",
    ),
]


@pytest.mark.parametrize(("event", "asked", "reason"), REACTIONS, ids=[case[2] for case in REACTIONS])
def test_who_hears_an_event(tmp_path: Path, event: Event, asked: list[str], reason: str) -> None:
    handler: Any = Listening()
    react = Wiring(Settings(**given(tmp_path))).reactor(PLATFORM, handler, handler)
    assert react(event) is None
    assert handler.asked == asked, reason


def test_an_event_is_traced_to_a_collector(tmp_path: Path) -> None:
    """OTLP over HTTP, at the address that the settings name, under the function's name."""
    answers = Answers()
    answers.give(200, b"")
    with serving(answers) as url:
        wiring = Wiring(PlatformSettings(**given(tmp_path, traces_endpoint=url)))
        with wiring.tracing.event(PING, "7", ""):
            pass
        wiring.tracing.close()
    (asked,) = answers.asked
    assert (asked.method, asked.path) == ("POST", "/v1/traces")
    assert b"infraforge-platform" in asked.raw


def test_the_steps_of_a_claim_are_in_its_span(tmp_path: Path) -> None:
    """As far as it came: nobody answers for the Kubernetes API here."""
    answers = Answers()
    answers.give(200, b"")
    handler: Any = Listening()
    with serving(answers) as url:
        wiring = Wiring(PlatformSettings(**given(tmp_path, traces_endpoint=url)))
        with pytest.raises(KubeUnavailable):
            wiring.reactor(PLATFORM, handler)(Event("e", CHANGED, ClaimRef("PlatformClaim", "dev", "p")))
        wiring.tracing.close()
    (asked,) = answers.asked
    assert b"converge PlatformClaim" in asked.raw
    assert READ.encode() in asked.raw
