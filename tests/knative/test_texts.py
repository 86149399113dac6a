"""What documents, notes and messages tell an operator to type: names and labels that the chart really has."""

import re
from pathlib import Path
from typing import Final

import pytest
import yaml

from tests.knative.rendering import CHART, render

ROOT: Final = CHART.parent
TEXTS: Final = {
    str(path.relative_to(ROOT)): path.read_text()
    for path in (
        ROOT / "README.md",
        CHART / "README.md",
        CHART / "templates" / "NOTES.txt",
        *sorted((ROOT / "docs").glob("*.md")),
        *sorted((ROOT / "functions" / "bootstrap").glob("se*.py")),
    )
}
SELECTED: Final = re.compile(r"-l serving\.knative\.dev/service=(\S+) -c (\S+?)[\s\"]")
SET: Final = re.compile(r"--set (?:\w+=)?([\w.]+)=")
NAMED: Final = re.compile(r"chart's ([a-z]\w+\.\w+)(?: and (\w+\.\w+))?")


def test_logs_are_asked_of_a_container_that_is_there() -> None:
    """Knative keeps the name that a container has: `user-container` is one that has none."""
    names = {
        container["name"]
        for one in render()
        if one["kind"] == "Service" and one["apiVersion"].startswith("serving.")
        for container in one["spec"]["template"]["spec"]["containers"]
    }
    asked = [found for text in TEXTS.values() for found in SELECTED.findall(text)]

    assert len(asked) >= 2
    assert {container for _, container in asked} == names


@pytest.mark.parametrize("name", TEXTS)
def test_a_value_that_is_set_is_one_of_the_charts(name: str) -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    named = [path for pair in NAMED.findall(TEXTS[name]) for path in pair if path]
    for path in [*SET.findall(TEXTS[name]), *named]:
        found = values
        for part in path.split("."):
            assert part in found, f"{name}: {path}"
            found = found[part]


@pytest.mark.parametrize("name", TEXTS)
def test_an_upgrade_takes_the_newer_charts_values(name: str) -> None:
    """With `--reuse-values` a chart has those of the release before: what is new in it is missing."""
    assert not re.findall(r"helm upgrade\b[^`\n]* --reuse-values", TEXTS[name])


@pytest.mark.parametrize("name", TEXTS)
def test_objects_are_called_as_the_chart_calls_them(name: str) -> None:
    """`job/infraforge-setup`, `ksvc/infraforge-…`: by kind and name."""
    kinds = {"job": "Job", "ksvc": "Service", "pod": "Pod", "trigger": "Trigger", "broker": "Broker"}
    there = {(one["kind"], one["metadata"]["name"]) for one in render()}
    named = re.findall(r"\b(job|ksvc|pod|trigger|broker)[/ ](infraforge[-\w]*\w)", TEXTS[name])

    assert {(kinds[kind], object_) for kind, object_ in named} <= there


def test_the_texts_are_read() -> None:
    """Of files that are moved or renamed nothing would be checked."""
    assert len(TEXTS) > len(list(Path(ROOT / "docs").glob("*.md")))
    assert any(SET.search(text) for text in TEXTS.values())


@pytest.mark.parametrize("name", ["README.md", "knative/README.md", "docs/install.md", "knative/templates/NOTES.txt"])
def test_what_is_installed_is_waited_for_before_it_is_tested(name: str) -> None:
    """Helm 3 waits for nothing of Knative's, and a source tells of nothing that was there before it listened."""
    before, tested, _ = TEXTS[name].partition("helm test ")
    assert tested
    waited = re.search(r"kubectl wait --for=condition=Ready (\S+) --all", before)

    assert waited
    assert {"ksvc", "apiserversource", "broker", "trigger"} <= set(waited[1].split(","))


def test_all_name_the_same_versions() -> None:
    """The oldest Knative takes a volume at /tmp (knative/serving#14719, in 1.13): before it, no pod would be made."""
    said = {
        name: re.findall(r"Knative Serving and Eventing \(?(\d+\.\d+) or later", TEXTS[name])
        for name in ("README.md", "knative/README.md", "docs/install.md")
    }

    assert set(map(tuple, said.values())) == {("1.13",)}
