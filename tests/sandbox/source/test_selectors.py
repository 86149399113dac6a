"""A source that watches only the objects with certain labels: what ArgoCD was given by us, and nothing else of its."""

import asyncio
from typing import Any

import pytest

from sandbox.source.config import Selector
from tests.sandbox.source.api import Api
from tests.sandbox.source.running import source

ARGOCD: dict[str, Any] = {
    "apiServerSources": [
        {
            "name": "argocd",
            "namespaces": ["argocd"],
            "resources": [
                {
                    "apiVersion": "argoproj.io/v1alpha1",
                    "kind": "ApplicationSet",
                    "selector": {"matchLabels": {"app.kubernetes.io/part-of": "infraforge"}},
                }
            ],
        }
    ]
}


@pytest.mark.parametrize(
    ("selector", "text"),
    [
        ({}, ""),
        ({"matchLabels": {"b": "2", "a": "1"}}, "a=1,b=2"),
        ({"matchExpressions": [{"key": "a", "operator": "In", "values": ["x", "y"]}]}, "a in (x,y)"),
        ({"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["x"]}]}, "a notin (x)"),
        ({"matchExpressions": [{"key": "a", "operator": "Exists"}, {"key": "b", "operator": "DoesNotExist"}]}, "a,!b"),
        ({"matchLabels": {"c": "d"}, "matchExpressions": [{"key": "a", "operator": "Exists"}]}, "c=d,a"),
    ],
)
def test_a_selector_as_a_query(selector: dict[str, Any], text: str) -> None:
    """The form that list and watch requests take."""
    assert str(Selector.model_validate(selector)) == text


def test_a_selecting_source_asks_and_tells_as_recorded() -> None:
    """List and watch carry the selector; the event has the form of every other one."""
    about = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "ApplicationSet",
        "metadata": {"name": "dev-apps", "namespace": "argocd", "resourceVersion": "42"},
    }

    async def run() -> None:
        api = Api("41")
        async with source(api, config=ARGOCD) as (sink, _):
            await api.until_watched(1)
            for change in ("ADDED", "MODIFIED", "DELETED"):
                api.say(change, about)
            arrivals = await sink.until("/", 3)
        assert {asked.path for asked in api.asked} == {"/apis/argoproj.io/v1alpha1/namespaces/argocd/applicationsets"}
        assert [asked.query["labelSelector"] for asked in api.asked] == ["app.kubernetes.io/part-of=infraforge"] * 2
        types = [arrival.headers["Ce-Type"] for arrival in arrivals]
        assert types == [f"dev.knative.apiserver.resource.{change}" for change in ("add", "update", "delete")]
        headers = arrivals[0].headers
        assert headers["Ce-Subject"] == "/apis/argoproj.io/v1alpha1/namespaces/argocd/applicationsets/dev-apps"
        names = ("Ce-Kind", "Ce-Name", "Ce-Namespace", "Ce-Apiversion")
        assert [headers[name] for name in names] == ["ApplicationSet", "dev-apps", "argocd", "argoproj.io/v1alpha1"]

    asyncio.run(run())
