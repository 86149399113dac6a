"""The example dashboard and alerts ask for metrics that there are, by labels that they have."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import yaml

from functions.deadletters.store import outcomes
from shared.telemetry import Metrics

DOCS = Path(__file__).resolve().parents[2] / "docs"
FAMILY = re.compile(r"\binfraforge_[a-z_]+")
SELECTED = re.compile(r"(infraforge_[a-z_]+)\{([^}]*)\}")


def expressions() -> Iterator[str]:
    for panel in json.loads((DOCS / "dashboard.json").read_text())["panels"]:
        for target in panel["targets"]:
            yield target["expr"]
    for group in yaml.safe_load((DOCS / "alerts.yaml").read_text())["spec"]["groups"]:
        for rule in group["rules"]:
            yield rule["expr"]


def samples() -> dict[str, set[str]]:
    """The names of all samples, with the labels of their own."""
    metrics = Metrics()
    with metrics.measure(), metrics.look("PlatformClaim"):
        metrics.census("PlatformClaim", {})
    outcomes(metrics)
    return {sample.name: set(sample.labels) for family in metrics.registry.collect() for sample in family.samples}


def test_every_metric_that_is_asked_for_exists() -> None:
    known = samples()
    asked = {name for expression in expressions() for name in FAMILY.findall(expression)}
    assert asked <= known.keys()
    assert len(asked) > 5


def test_every_label_that_is_asked_for_exists() -> None:
    known = samples()
    for expression in expressions():
        for name, selectors in SELECTED.findall(expression):
            assert {one.partition("=")[0].rstrip("!") for one in selectors.split(",")} <= known[name]


def test_the_first_dead_letter_is_an_increase() -> None:
    """Prometheus sees none in a series that begins with a 1: each outcome that the alert asks for begins with a 0."""
    metrics = Metrics()
    outcomes(metrics)
    begun = {
        sample.labels["outcome"]: sample.value
        for family in metrics.registry.collect()
        for sample in family.samples
        if sample.name == "infraforge_dead_letters_total"
    }
    asked = re.findall(r'outcome=~"([^"]+)"', " ".join(one for one in expressions() if "dead_letters" in one))

    assert asked
    assert all(begun[outcome] == 0 for outcome in asked[0].split("|"))


def test_a_full_pod_is_one_that_knative_can_fill() -> None:
    """Knative lets no more than containerConcurrency in: an alert above that would never be one."""
    values = yaml.safe_load((DOCS.parent / "knative" / "values.yaml").read_text())["functions"]
    (limit,) = (int(found) for one in expressions() for found in re.findall(r"in_flight\) > (\d+)", one))

    assert limit < min(one["containerConcurrency"] for one in values.values() if isinstance(one, dict))
