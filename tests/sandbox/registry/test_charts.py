"""Charts as OCI artifacts: what Helm itself makes of them."""

import io
import tarfile
from pathlib import Path

import helm_python
import pytest

from sandbox.registry.__main__ import EXAMPLES
from sandbox.registry.charts import CONFIG, LAYER, HelmChart
from sandbox.registry.images import load

CHARTS = Path(__file__).parents[3] / "charts"


def test_the_examples_hold_charts() -> None:
    assert set(load(EXAMPLES)) >= {"infraforge/charts/web-service", "infraforge/charts/worker"}


@pytest.mark.parametrize(("versions", "tags"), [((), ["0.1.0"]), (("1.0.0", "1.1.0+build"), ["1.0.0", "1.1.0_build"])])
def test_a_chart_is_what_helm_loads(versions: tuple[str, ...], tags: list[str]) -> None:
    """With its library inside, under the version that the tag says."""
    repository = HelmChart(repository="charts/web-service", folder="web-service", versions=versions).build(CHARTS)
    assert list(repository.tags) == tags
    for tag, version in zip(tags, versions or ("0.1.0",), strict=True):
        manifest = repository.manifest(tag)
        assert manifest is not None
        (archive,) = (
            blob for blob in repository.blobs.values() if blob.media_type == LAYER and _version(blob.data) == version
        )
        with helm_python.Chart.load_archive(archive.data) as chart:
            assert (chart.name, chart.version) == ("web-service", version)
            values = {"image": {"repository": "ghcr.io/x/y", "tag": "1"}}
            assert "web-service/templates/deployment.yaml" in chart.render(values, name="shop")
    assert {blob.media_type for blob in repository.blobs.values()} == {CONFIG, LAYER}


def test_the_same_folder_gives_the_same_digest() -> None:
    chart = HelmChart(repository="charts/worker", folder="worker")
    assert chart.build(CHARTS) == chart.build(CHARTS)


def test_a_folder_without_a_chart_is_named() -> None:
    with pytest.raises(ValueError, match=r"nonesuch holds no Chart\.yaml"):
        HelmChart(repository="charts/x", folder="nonesuch").build(CHARTS)


def _version(archive: bytes) -> str:
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as packed:
        file = packed.extractfile("web-service/Chart.yaml")
        assert file is not None
        return next(line.split()[1] for line in file.read().decode().splitlines() if line.startswith("version:"))
