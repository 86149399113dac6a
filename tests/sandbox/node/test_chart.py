"""Every container that the chart installs can be run here, with every option."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.argocd.api import Kind
from sandbox.node.api import ACCOUNT, CONFIG_MAP, SECRET
from sandbox.node.container import PACKAGES, process_of
from sandbox.node.images import is_ours
from sandbox.node.mounts import Mounts
from sandbox.node.pod import Pod
from tests.knative.rendering import ALL, render
from tests.sandbox.node.objects import FakeObjects

Json = dict[str, Any]
KEYS = ("token", "secret", "username", "password", ".dockerconfigjson")
FUNCTIONS = ["infraforge-application", "infraforge-bootstrap", "infraforge-deadletters", "infraforge-platform"]


class Everything(FakeObjects):
    """A cluster with every Secret, ConfigMap and account that anybody asks for."""

    def get(self, kind: Kind, namespace: str, name: str) -> Json | None:
        if kind == SECRET:
            return {"data": dict.fromkeys(KEYS, "eA==")}
        if kind == CONFIG_MAP:
            return {"data": {"ca.crt": "x"}}
        return {"metadata": {"name": name, "uid": "1"}} if kind == ACCOUNT else None


def pods(objects: list[Json]) -> Iterator[Pod]:
    """What of the chart runs containers."""
    for one in objects:
        metadata = one["metadata"]
        if one["apiVersion"] == "serving.knative.dev/v1":
            assert is_ours(metadata, one["spec"]["template"]["spec"]), metadata["name"]
            yield Pod.of_service(one)
        elif one["kind"] in ("Job", "Pod"):
            spec = one["spec"]["template"]["spec"] if one["kind"] == "Job" else one["spec"]
            assert is_ours(metadata, spec), metadata["name"]
            yield Pod(metadata["namespace"], metadata["name"], spec)


@pytest.mark.parametrize("option", ALL)
def test_every_container_can_be_run(option: str, tmp_path: Path) -> None:
    """Its program is of this code base, and no variable leads to a place that only an image has."""
    found = list(pods(render(ALL[option])))
    for pod in found:
        mounts = Mounts(pod, tmp_path / pod.name, api := Everything())
        mounts.refresh()
        [container] = pod.spec["containers"]
        process = process_of(container, pod=pod, mounts=mounts, api=api, port=8080)
        stated = {one["name"] for one in container.get("env", ())}
        elsewhere = {
            name: process.environment[name] for name in stated if process.environment[name].startswith("/var/")
        }
        assert elsewhere == {}, pod.name
        program = process.arguments[process.arguments.index("-m") + 1 :]
        source = program[2] if program[0] == "functions_framework" else f"{program[0].replace('.', '/')}.py"
        assert (PACKAGES / source).is_file(), pod.name

    assert sorted(pod.name for pod in found if pod.name in FUNCTIONS) == FUNCTIONS
