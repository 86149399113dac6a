"""Helm's engine: what it renders, what it refuses, and that nothing of it is loaded before it is needed."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import yaml

from shared.helm import DependencyMissing, Engine, RenderFailed, documents

CONFIG = b"""\
apiVersion: v1
kind: ConfigMap
metadata: {name: "{{ .Release.Name }}", namespace: "{{ .Release.Namespace }}"}
data: {word: {{ .Values.word | quote }}, install: "{{ .Release.IsInstall }} {{ .Release.Revision }}"}
"""
CHART = {
    "Chart.yaml": b"apiVersion: v2\nname: small\nversion: 1.0.0\n",
    "values.yaml": b"word: default\n",
    "values.schema.json": b'{"type": "object", "properties": {"word": {"type": "string"}}}',
    "templates/config.yaml": CONFIG,
}


def engine() -> Engine:
    found = Engine.load()
    assert found is not None
    return found


def render(chart: dict[str, bytes], values: dict[str, object] | bytes = b"") -> str:
    return engine().render(chart, release="dev-small", namespace="apps", values=values)


def test_a_chart_renders_as_a_first_installation() -> None:
    (found,) = yaml.safe_load_all(render(CHART))

    assert found["metadata"] == {"name": "dev-small", "namespace": "apps"}
    assert found["data"] == {"word": "default", "install": "true 1"}


def test_values_are_the_same_as_bytes_and_as_a_map() -> None:
    assert render(CHART, b"word: other\n") == render(CHART, {"word": "other"})
    assert "other" in render(CHART, {"word": "other"})


def test_numbers_in_bytes_are_read_as_helm_reads_them() -> None:
    """A whole number stays one: Go holds it as a float and prints it without a point."""
    chart = CHART | {"values.schema.json": b"{}"}

    assert 'word: "8080"' in render(chart, b"word: 8080\n")


def test_the_stream_names_the_templates_in_their_order_and_begins_with_definitions() -> None:
    definition = b"apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: a}\n"
    more = {"crds/a.yaml": definition, "templates/a.yaml": CONFIG + b"---\n# nothing here\n---\n" + CONFIG}

    lines = [line for line in render(CHART | more).splitlines() if line.startswith("# Source")]

    assert lines == [
        "# Source: small/crds/a.yaml",
        "# Source: small/templates/a.yaml",
        "# Source: small/templates/a.yaml",
        "# Source: small/templates/config.yaml",
    ]


def test_notes_and_partials_are_no_manifests() -> None:
    more = {"templates/NOTES.txt": b"Thank you", "templates/_words.tpl": b'{{ define "x" }}x{{ end }}'}

    assert render(CHART | more) == render(CHART)


def test_a_folder_in_charts_is_a_dependency() -> None:
    library = {
        "Chart.yaml": CHART["Chart.yaml"] + b"dependencies: [{name: words, version: 0.1.0}]\n",
        "charts/words/Chart.yaml": b"apiVersion: v2\nname: words\nversion: 0.1.0\ntype: library\n",
        "charts/words/templates/_words.tpl": b'{{ define "words.greeting" }}hello{{ end }}',
        "templates/config.yaml": CONFIG.replace(b".Values.word", b'include "words.greeting" .'),
    }

    assert "hello" in render(CHART | library)


def test_ignored_files_are_no_templates() -> None:
    """Helm looks at `.helmignore` in folders, and a folder is what ArgoCD renders."""
    broken = {"templates/draft.yaml": b"{{ fail `a draft` }}"}

    with pytest.raises(RenderFailed, match="a draft"):
        render(CHART | broken)

    assert render(CHART | broken | {".helmignore": b"draft.yaml\n"}) == render(CHART)


@pytest.mark.parametrize(
    ("chart", "values", "message"),
    [
        pytest.param({}, b"word: 1\n", "at '/word': got number, want string", id="the schema refuses it"),
        pytest.param({"templates/a.yaml": b"{{ fail `no` }}"}, b"", "execution error at .*: no", id="a template does"),
        pytest.param({"templates/a.yaml": b"{{ .Values"}, b"", "unclosed action", id="a template is none"),
        pytest.param({"Chart.yaml": b"name: small"}, b"", "chart.metadata.version is required", id="no chart of ours"),
        pytest.param({}, b"a: [", "did not find expected node content", id="values are no YAML"),
        pytest.param({}, b"- a\n", "cannot unmarshal array", id="values are no map"),
        pytest.param({}, b"a: \xff", "codec can't decode", id="values are no text"),
        pytest.param({".helmignore": b"", "../a": b""}, b"", "leads out", id="a path that leads out of the folder"),
    ],
)
def test_what_does_not_render_says_why(chart: dict[str, bytes], values: bytes, message: str) -> None:
    with pytest.raises(RenderFailed, match=message):
        render(CHART | chart, values)


def test_a_dependency_that_is_not_there_is_missed() -> None:
    """As ArgoCD does, which then builds it: to Helm's engine alone it would be a template that nobody defined."""
    declared = {"Chart.yaml": CHART["Chart.yaml"] + b"dependencies: [{name: words, version: 0.1.0}]\n"}

    with pytest.raises(DependencyMissing, match="missing in charts/ directory: words"):
        render(CHART | declared)


def test_a_library_is_not_installable() -> None:
    with pytest.raises(RenderFailed, match="library charts are not installable"):
        render(CHART | {"Chart.yaml": CHART["Chart.yaml"] + b"type: library\n"})


def test_a_dependency_that_one_release_switches_off_is_there_for_the_next() -> None:
    """A rendering takes what is switched off out of the chart that was loaded, so no loaded chart renders twice."""
    more = {
        "Chart.yaml": CHART["Chart.yaml"] + b"dependencies: [{name: sub, version: 0.1.0, condition: sub.enabled}]\n",
        "charts/sub/Chart.yaml": b"apiVersion: v2\nname: sub\nversion: 0.1.0\n",
        "charts/sub/templates/sub.yaml": CONFIG,
    }
    without, shared = render(CHART), engine()

    for enabled in (False, True, False):
        values = {"sub": {"enabled": enabled}}
        found = shared.render(CHART | more, release="dev-small", namespace="apps", values=values)
        assert ("charts/sub/templates" in found) == enabled
        assert enabled or found == without


def test_threads_share_an_engine() -> None:
    shared = engine()

    def one(number: int) -> str:
        return shared.render(CHART, release="dev-small", namespace="apps", values={"word": f"w{number}"})

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(one, range(40)))

    assert all(f'"w{number}"' in text for number, text in enumerate(found))


def test_a_document_is_read_as_go_reads_it() -> None:
    assert engine().read("a: 0o17\nb: yes\nc: =\n") == {"a": 15, "b": True, "c": "="}
    with pytest.raises(RenderFailed):
        engine().read("a: b: c")


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        ("", []),
        ("# only a comment\n\n---\n---\n", []),
        ("a: 1\n---\nb: 2\n", ["a: 1", "b: 2"]),
        ("---\na: |\n  x --- y\n", ["a: |\n  x --- y"]),
    ],
)
def test_documents(stream: str, expected: list[str]) -> None:
    assert list(documents(stream)) == expected


def test_nothing_is_loaded_before_the_first_rendering() -> None:
    """A server that forks after it imported us must not hold Go's runtime yet."""
    script = "import sys; from shared.helm import Engine; Engine.load(); print('helm_python' in sys.modules)"

    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert said.stdout == "False\n"
