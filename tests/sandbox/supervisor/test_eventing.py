"""Which event goes to which function."""

import pytest

from sandbox.source.config import SourcesConfig
from sandbox.supervisor.components import FUNCTIONS
from sandbox.supervisor.eventing import API_VERSION, KINDS, sources, triggers

URLS = {name: f"http://{name}.test" for name in FUNCTIONS}


def receivers(**attributes: str) -> set[str]:
    """The subscribers whose trigger lets an event with these attributes pass."""
    return {
        trigger["subscriber"]["uri"]
        for trigger in triggers(URLS)["triggers"]
        if all(attributes.get(name) == value for name, value in trigger["filter"]["attributes"].items())
    }


@pytest.mark.parametrize("change", ["add", "update", "delete"])
@pytest.mark.parametrize(("kind", "function"), KINDS.items())
def test_a_claims_event_goes_to_the_function_of_its_kind(function: str, kind: str, change: str) -> None:
    assert receivers(type=f"dev.knative.apiserver.resource.{change}", kind=kind) == {URLS[function]}


def test_a_ping_goes_to_every_function() -> None:
    assert receivers(type="dev.knative.sources.ping") == set(URLS.values())


def test_the_platforms_readiness_goes_to_those_who_wait_for_it() -> None:
    """The bootstrap function among them: its claims of namespaces wait as the others do."""
    assert receivers(type="io.infraforge.platform.bootstrapped") == set(URLS.values())


def test_changed_services_are_told_to_those_who_bind_to_them() -> None:
    assert receivers(type="io.infraforge.platform.services") == {URLS["application"]}


@pytest.mark.parametrize("delivery", ["push", "delete", "repository"])
def test_what_gitea_told_goes_to_every_function(delivery: str) -> None:
    """Each looks for what a stranger's push touched of its own claims."""
    assert receivers(type=f"io.infraforge.gitea.{delivery}") == set(URLS.values())


def test_other_events_go_nowhere() -> None:
    assert receivers(type="dev.knative.apiserver.resource.add", kind="Secret") == set()


def test_trigger_names_are_unique() -> None:
    names = [trigger["name"] for trigger in triggers(URLS)["triggers"]]
    assert len(names) == len(set(names))


def test_the_sources_watch_every_kind_of_claim_everywhere_and_what_argocd_is_given() -> None:
    """What ArgoCD has besides, of other teams, is never told to anybody."""
    configuration = sources(30)
    claims, argocd = configuration["apiServerSources"]
    assert claims["namespaces"] == []
    assert claims["resources"] == [{"apiVersion": API_VERSION, "kind": kind} for kind in KINDS]
    assert argocd["namespaces"] == ["argocd"]
    assert [one["kind"] for one in argocd["resources"]] == ["Application", "ApplicationSet"]
    parsed = SourcesConfig.model_validate(configuration).api_server_sources[1]
    assert {str(one.selector) for one in parsed.resources} == {"app.kubernetes.io/part-of=infraforge"}
    assert [ping["every"] for ping in configuration["pingSources"]] == [30]


@pytest.mark.parametrize("change", ["add", "update", "delete"])
@pytest.mark.parametrize("kind", ["Application", "ApplicationSet"])
def test_what_argocd_does_is_told_to_every_function(kind: str, change: str) -> None:
    """Which claim it is about, only a function can tell."""
    event = {"type": f"dev.knative.apiserver.resource.{change}", "kind": kind, "apiversion": "argoproj.io/v1alpha1"}
    assert receivers(**event) == set(URLS.values())
