"""What is pushed of a chart is whole: the library that it names is in it."""

from pathlib import Path

import pytest

from functions.bootstrap.charts import read, self_contained
from shared.charts import revision
from shared.errors import PermanentError
from tests.charts.examples import APPLICATION_CHARTS, ROOT

LIBRARY = "apiVersion: v2\nname: library\nversion: 1.0.0\ntype: library\n"
DEPENDENCY = "dependencies: [{name: library, version: 1.0.0, repository: 'file://../library'}]\n"


def chart(directory: Path, name: str, manifest: str = "", /, **files: str) -> Path:
    """A chart's folder; `files` are templates by name."""
    folder = directory / name
    (folder / "templates").mkdir(parents=True)
    (folder / "Chart.yaml").write_text(manifest or f"apiVersion: v2\nname: {name}\nversion: 0.1.0\n{DEPENDENCY}")
    for file, text in files.items():
        (folder / "templates" / f"{file}.yaml").write_text(text)
    return folder


def test_the_library_is_in_every_chart_and_no_chart() -> None:
    charts = read(ROOT / "charts")

    assert {folder.name for folder in APPLICATION_CHARTS} == charts.keys()
    for files in charts.values():
        vendored = {path.removeprefix("charts/library/"): text for path, text in files.items() if "charts/" in path}
        assert vendored == self_contained(ROOT / "charts" / "library")


def test_the_revision_follows_the_library(tmp_path: Path) -> None:
    """A chart is another one when only its library changes."""
    chart(tmp_path, "library", LIBRARY, deployment="one")
    chart(tmp_path, "web", service="x")
    before = revision(read(tmp_path))
    again = revision(read(tmp_path))
    (tmp_path / "library" / "templates" / "deployment.yaml").write_text("two")

    assert before == again
    assert before != revision(read(tmp_path))


def test_a_library_may_have_a_library(tmp_path: Path) -> None:
    chart(tmp_path, "names", "apiVersion: v2\nname: names\nversion: 2.0.0\ntype: library\n", name="n")
    chart(
        tmp_path,
        "library",
        LIBRARY + "dependencies: [{name: names, version: 2.0.0, repository: 'file://../names'}]\n",
    )
    chart(tmp_path, "web")

    assert read(tmp_path)["web"]["charts/library/charts/names/templates/name.yaml"] == b"n"


def test_a_chart_from_elsewhere_is_left_to_its_archive(tmp_path: Path) -> None:
    """Only folders beside a chart are put into it."""
    folder = chart(
        tmp_path,
        "web",
        "apiVersion: v2\nname: web\nversion: 0.1.0\n"
        "dependencies: [{name: redis, version: 1.0.0, repository: 'oci://registry.example.com/charts'}]\n",
    )

    assert self_contained(folder).keys() == {"Chart.yaml"}


@pytest.mark.parametrize(
    ("library", "manifest", "message"),
    [
        # A misspelt folder would be noticed by ArgoCD only.
        (None, "", "web/Chart.yaml depends on library in file://../library, where no chart is"),
        # Helm refuses another version than the one that is asked for, in the cluster.
        (
            LIBRARY.replace("1.0.0", "1.1.0"),
            "",
            "web/Chart.yaml depends on library 1.0.0, and file://../library is lib",
        ),
        (LIBRARY.replace("name: library", "name: other"), "", "and file://../library is other 1.0.0"),
        (LIBRARY, "- a list\n", "web/Chart.yaml is no map"),
        (LIBRARY, "name: [\n", "web/Chart.yaml is no YAML"),
    ],
)
def test_an_image_with_charts_that_do_not_fit_does_not_start(
    tmp_path: Path, library: str | None, manifest: str, message: str
) -> None:
    if library:
        chart(tmp_path, "library", library)
    chart(tmp_path, "web", manifest)

    with pytest.raises(PermanentError) as refusal:
        read(tmp_path)

    assert message in str(refusal.value)
    assert str(refusal.value).endswith(": the image is built wrong")
    assert refusal.value.reason == "ChartsMissing"
