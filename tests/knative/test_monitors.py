"""The option ServiceMonitor: the Prometheus operator takes what is rendered, and finds the Services that it names."""

import copy
from typing import Any

import pytest

from shared.helm import RenderFailed
from tests.knative import monitors
from tests.knative.rendering import ALL, METRICS, Object, render

WITH = [name for name, values in ALL.items() if values.get("metrics", {}).get("serviceMonitor", {}).get("enabled")]


def _monitors(values: Any) -> list[Object]:
    return [one for one in render(values) if one["kind"] == "ServiceMonitor"]


def _monitor() -> Object:
    (found,) = _monitors(METRICS)
    return copy.deepcopy(found)


@pytest.mark.parametrize("option", WITH)
def test_the_operator_takes_it(option: str) -> None:
    """By the Prometheus operator's own definition, unknown fields refused."""
    found = _monitors(ALL[option])

    assert len(found) == 1
    assert monitors.faults(found[0]) == []


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        (("spec", "endpoints", 0, "intervall"), "30s", "a misspelt field is dropped without a word"),
        (("spec", "endpoints", 0, "interval"), "30", "a time has a unit"),
        (("spec", "endpoints", 0, "interval"), "30s1m", "and the longer unit first"),
        (("spec", "endpoints", 0, "port"), 8080, "a port by its name: a number is targetPort"),
        (("spec", "selector"), {"app": "infraforge"}, "labels are in matchLabels"),
        (("spec", "namespaceSelector"), ["platform-system"], "names are in matchNames"),
        (("apiVersion",), "monitoring.coreos.com/v1alpha1", "a version that does not exist"),
    ],
)
def test_a_mistake_is_noticed(path: tuple[str | int, ...], value: Any, reason: str) -> None:
    monitor = _monitor()
    place: Any = monitor
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value

    assert monitors.faults(monitor) != [], reason


def test_it_finds_the_services() -> None:
    """All of those that have the port, and the label that names the job."""
    spec = _monitor()["spec"]
    (endpoint,) = spec["endpoints"]
    found = [
        one
        for one in render(METRICS)
        if (one["apiVersion"], one["kind"]) == ("v1", "Service")
        and spec["selector"]["matchLabels"].items() <= one["metadata"]["labels"].items()
    ]

    assert len(found) == 4
    for service in found:
        assert [port["name"] for port in service["spec"]["ports"]] == [endpoint["port"]]
        assert spec["jobLabel"] in service["metadata"]["labels"]


@pytest.mark.parametrize("interval", ["15s", "1m", "1m30s", "500ms", "1h"])
def test_an_interval_of_the_operators_is_taken(interval: str) -> None:
    (found,) = _monitors({"metrics": {"serviceMonitor": {"enabled": True, "interval": interval}}})

    assert found["spec"]["endpoints"][0]["interval"] == interval
    assert monitors.faults(found) == []


@pytest.mark.parametrize(
    ("interval", "reason"),
    [
        ("", "Prometheus' own interval would count, which nobody asked for"),
        ("30", "no unit"),
        ("30s1m", "the longer unit comes first"),
        ("1m1m", "a unit twice"),
        ("1.5m", "a fraction"),
        ("m", "no number"),
    ],
)
def test_an_interval_that_it_refuses_is_refused_by_the_chart(interval: str, reason: str) -> None:
    """Before anything is installed, and by the field's name."""
    with pytest.raises(RenderFailed, match="at '/metrics/serviceMonitor/interval'"):
        render({"metrics": {"serviceMonitor": {"enabled": True, "interval": interval}}})
        pytest.fail(reason)
