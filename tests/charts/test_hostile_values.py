"""Whatever string stands in the values, the manifest is YAML, and the string in it is the same."""

import functools
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.canonical import yaml_bytes
from tests.charts.engine import documents, render
from tests.charts.examples import APPLICATION_CHARTS

TRAPS = [
    *("1e3", "on", "null", "~", " x ", "a: b", "- x", "#", "{{ .Values }}", "'", '"', "\\", "a\nb: c\n---\n"),
    *("\x00", "\x07", "\x7f", "\x85", "\u2028", "\ufeff", "é", "😀", "$(HOME)", "%s", "$1", "=", "<<"),
]

texts = st.sampled_from(TRAPS) | st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)

NOT_FOR_TO_YAML = re.compile("[\x7f-\x9f\ufeff\ufffe\uffff]")
"""Helm's toYaml goes through JSON read as YAML, where these are no text."""

# Values that hold the text in every place that takes any string. The schemas take names only where names belong, so
# that an API server has nothing left to refuse.
ANYWHERE: dict[str, Any] = {
    "args": ["TEXT"],
    "podAnnotations": {"example.com/note": "TEXT"},
    "serviceAccount": {"annotations": {"example.com/note": "TEXT"}},
    "bindings": {"postgres": {"host": "db", "port": 5432, "database": "TEXT", "username": "TEXT"}},
    "env": {"NOTE": "TEXT"},
}
INGRESS: dict[str, Any] = {"enabled": True, "host": "a.example.com", "annotations": {"example.com/note": "TEXT"}}
BLOCKS: dict[str, Any] = {"livenessProbe": {"exec": {"command": ["TEXT"]}}}
"""What is copied into a manifest as it is, by Helm's toYaml."""


def filled(template: Any, text: str) -> Any:
    """`template` with `text` in every place marked TEXT."""
    if isinstance(template, dict):
        return {filled(key, text): filled(value, text) for key, value in template.items()}
    if isinstance(template, list):
        return [filled(item, text) for item in template]
    return text if template == "TEXT" else template


def strings(document: Any) -> list[str]:
    """Every key and value of `document` that is a string."""
    if isinstance(document, dict):
        return [found for pair in document.items() for item in pair for found in strings(item)]
    if isinstance(document, list):
        return [found for item in document for found in strings(item)]
    return [document] if isinstance(document, str) else []


every_chart = pytest.mark.parametrize("chart", APPLICATION_CHARTS, ids=lambda chart: chart.name)


@every_chart
@given(texts)
@settings(deadline=None, max_examples=40)
def test_any_string_comes_through(chart: Path, text: str) -> None:
    """Where a harmless word stands, so does any string: nothing is lost, split or read as something else."""
    assert _comes_through(chart, text)


@every_chart
def test_every_trap_comes_through(chart: Path) -> None:
    """Those that have caught somebody, each of them every time."""
    assert [text for text in TRAPS if not _comes_through(chart, text)] == []


def _comes_through(chart: Path, text: str) -> bool:
    blocks = not NOT_FOR_TO_YAML.search(text)
    harmless, hostile = (_strings(chart, found, blocks=blocks) for found in ("w0rd", text))
    same_place = harmless.count("w0rd") == hostile.count(text) - harmless.count(text)
    return len(harmless) == len(hostile) and same_place


@functools.lru_cache(maxsize=64)
def _strings(chart: Path, text: str, *, blocks: bool) -> list[str]:
    """Every string of the manifests of `chart` with `text` wherever any string may stand, in `BLOCKS` if told so."""
    values = ANYWHERE | (BLOCKS if blocks else {}) | {"ingress": INGRESS}
    known = {name: value for name, value in values.items() if name in _names(chart)}
    values_yaml = yaml_bytes(filled(known, text), sort_keys=True)
    rendered = render(chart, values_yaml, release="dev-some-release", namespace="dev")
    return strings(documents(*rendered.values()))


@functools.cache
def _names(chart: Path) -> frozenset[str]:
    """The values that `chart` knows."""
    return frozenset(yaml.safe_load((chart / "values.yaml").read_text()))
