"""The sandbox's own installation of the chart: applied once, again when it changed, and without what went."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sandbox.supervisor import chart, release
from sandbox.supervisor.release import Cluster
from tests.e2e.box import SELDOM, Box
from tests.e2e.command import Infraforge, up_arguments
from tests.e2e.waiting import until

SYSTEM = "platform-system"
PING, EXTRA = "pingsource/infraforge-resync", "configmap/extra"


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """A sandbox of this file's own."""
    if up_arguments():
        pytest.skip("looks at what the sandbox installed into its own cluster")
    made = Box(Infraforge(tmp_path_factory.mktemp("own")), options=SELDOM)
    try:
        yield made.up()
    finally:
        made.down()


@pytest.fixture
def cluster(box: Box) -> Iterator[Cluster]:
    """Its API server."""
    with closing(Cluster(Path(box.described["kubeconfig"]))) as made:
        yield made


def rendering(digest: str, *further: dict[str, Any]) -> chart.Rendering:
    """A version of the chart that is one PingSource, and perhaps more."""
    found = chart.render({})
    ping = next(one for one in found.objects if one["kind"] == "PingSource")
    return replace(found, objects=(ping, *further), digest=digest)


def test_up_again_applies_nothing(box: Box) -> None:
    """Not even after a stop: it is the very same chart."""
    before = box.get(PING, SYSTEM)["metadata"]["resourceVersion"]
    box.command.run("down")
    box.up()
    assert box.get(PING, SYSTEM)["metadata"]["resourceVersion"] == before


def test_what_a_new_version_lacks_goes_and_definitions_stay(box: Box, cluster: Cluster) -> None:
    """As `helm upgrade` would have it; what was never installed is nobody's to take away."""
    extra = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "extra", "namespace": SYSTEM}, "data": {}}
    box.kubectl("create", "configmap", "theirs", "-n", SYSTEM)
    release.install(cluster, rendering("one", extra), "")
    assert box.get(EXTRA, SYSTEM) is not None
    until(lambda: box.get("trigger/infraforge-applicationclaim", SYSTEM) is None, "the triggers of before are gone")
    until(lambda: box.get("ksvc/infraforge-application", SYSTEM) is None, "so are the functions")
    assert box.get("crd/applicationclaims.platform.infraforge.io", "default") is not None
    release.install(cluster, rendering("two"), "")
    assert box.get(EXTRA, SYSTEM) is None
    assert box.get("configmap/theirs", SYSTEM) is not None
    assert box.get(PING, SYSTEM) is not None


def test_a_version_that_came_back_runs_again(box: Box) -> None:
    """With new processes for the new Knative Services."""
    box.up()
    assert box.get("ksvc/infraforge-application", SYSTEM)["status"]["conditions"][0]["status"] == "True"
    assert {one["state"] for one in box.described["components"]} == {"ready"}
