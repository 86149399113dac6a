"""The charts that a set in Git gives to its rows: what went in comes out, and nothing of a stranger's does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.argocd import Chart, application_set, source_of
from shared.canonical import yaml_bytes
from shared.recorded_set import MAX_BYTES, chart_of, gives
from tests.shared.test_argocd import CHARTS, ENVIRONMENT, LAYOUT, workloads

labels = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,8}[a-z0-9])?", fullmatch=True)
in_gitea = st.builds(Chart, labels, st.sampled_from(["c-1", "main", "embedded-0123456789ab"]))
in_registry = st.builds(Chart, labels, st.sampled_from(["1.2.3", "0.1.0-rc.1+b"]), st.just("ghcr.io/acme/charts"))


def content(charts: dict[str, Chart]) -> bytes:
    return yaml_bytes(application_set(ENVIRONMENT, workloads(charts), LAYOUT), sort_keys=False)


def test_every_example_comes_back() -> None:
    found = {row: chart_of(content(CHARTS), row) for row in CHARTS}

    assert found == CHARTS


@given(st.dictionaries(labels, in_gitea | in_registry, max_size=6))
def test_whatever_went_in_comes_out(charts: dict[str, Chart]) -> None:
    written = content(charts)

    assert {row: chart_of(written, row) for row in charts} == charts


@given(st.dictionaries(labels, in_gitea | in_registry, max_size=4), st.dictionaries(labels, in_gitea, max_size=4))
def test_a_set_gives_what_it_was_made_for(charts: dict[str, Chart], other: dict[str, Chart]) -> None:
    ours = workloads(charts)
    document = application_set(ENVIRONMENT, ours, LAYOUT)
    assert all(gives(document, row, source_of(ENVIRONMENT, ours, row, LAYOUT)) for row in charts)
    for row in other:
        source = source_of(ENVIRONMENT, workloads(other), row, LAYOUT)
        assert gives(document, row, source) == (source == source_of(ENVIRONMENT, ours, row, LAYOUT))


def test_a_row_that_the_set_does_not_mention_has_the_chart_of_its_name() -> None:
    """As ArgoCD reads it: the template holds for whatever folder there is."""
    assert chart_of(content({"shop": Chart("order-service", "c-1")}), "other") == Chart("other", "c-1")


@pytest.mark.parametrize(
    "written",
    [
        pytest.param(None, id="no set"),
        pytest.param(b"", id="an empty file"),
        pytest.param(b"- a", id="a list"),
        pytest.param(b"a: [", id="no YAML"),
        pytest.param(b"[" * 100_000, id="deep"),
        pytest.param(b"spec: {}", id="no template"),
        pytest.param(b"spec: {template: {spec: {sources: []}}}", id="no source"),
        pytest.param(b"spec: {template: {spec: {sources: [{path: 1, targetRevision: a}]}}}", id="a number"),
        pytest.param(b"spec: {template: {spec: {sources: [{path: '{{ .x }}', targetRevision: a}]}}}", id="a template"),
        pytest.param(b"spec: {template: {spec: {sources: [{path: a, targetRevision: '{{ .x }}'}]}}}", id="in both"),
        pytest.param(b"spec: {template: {spec: {sources: [{path: ../a, targetRevision: a}]}}}", id="a way out"),
        pytest.param(content(CHARTS) + b"#" * MAX_BYTES, id="too large"),
        pytest.param(content({}).replace(b"{{ .path.basename }}", b"{{ .path.path }}"), id="another template"),
        pytest.param(
            b'spec: {templatePatch: "{{- if eq .path.basename \\"shop\\" }}\\nno JSON\\n"}', id="another patch"
        ),
    ],
)
def test_what_is_not_ours_is_not_taken_over(written: bytes | None) -> None:
    assert chart_of(written, "shop") is None
