"""skaffold.yaml, the Dockerfile and the chart name the same three images."""

import copy
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import yaml

from shared.helm import Engine
from tests.packaging.dockerfile import IMAGES, ROOT, entry_point, read

CONFIG = yaml.safe_load((ROOT / "skaffold.yaml").read_text())
VALUES = yaml.safe_load((ROOT / "knative" / "values.yaml").read_text())
STAGES = read((ROOT / "Dockerfile").read_text())[1]
PROFILES = [profile["name"] for profile in CONFIG["profiles"]]
REPOSITORY = "registry.example.org:5000/team/infraforge"
DIGESTS = {image: f"sha256:{number:064x}" for number, image in enumerate(IMAGES, start=1)}


def test_artifacts_are_the_targets_of_the_dockerfile() -> None:
    artifacts = CONFIG["build"]["artifacts"]
    assert [one["image"] for one in artifacts] == list(IMAGES)
    assert [one["docker"] for one in artifacts] == [{"dockerfile": "Dockerfile", "target": name} for name in IMAGES]
    assert set(IMAGES) <= set(STAGES)


@pytest.mark.parametrize("profile", PROFILES)
def test_profile_pushes_so_that_there_are_digests(profile: str) -> None:
    patched = _patched(profile)
    assert patched["build"]["local"] == {"useBuildkit": True, "push": True}
    assert patched["deploy"]["helm"]["releases"][0]["chartPath"] == "knative"


def test_kind_profile_is_for_the_cluster_that_up_makes() -> None:
    kind = _patched("kind")
    assert kind["deploy"]["kubeContext"] == "kind-infraforge"
    assert "cluster=${INFRAFORGE_KIND_CLUSTER:-infraforge}" in (ROOT / "infrastructure/kind/lib.sh").read_text()


def test_every_value_that_skaffold_sets_is_one_of_the_chart() -> None:
    for key in _release()["setValueTemplates"]:
        at = VALUES
        for part in key.split("."):
            assert part in at, f"{key} is no value of the chart"
            at = at[part]


def test_release_goes_where_claims_look_for_it() -> None:
    release = _release()
    assert (release["namespace"], release["createNamespace"], release["wait"]) == ("platform-system", True, True)
    assert VALUES["namespace"]["create"] is False, "both Helm and the chart would make it"


def test_chart_runs_what_skaffold_built() -> None:
    """With the values that skaffold sets, every container has an image of this build, by digest."""
    containers = list(_containers(_rendered()))

    assert {one["image"] for one in containers} == {f"{REPOSITORY}/{name}@{DIGESTS[name]}" for name in IMAGES}
    for container in containers:
        image = container["image"].rpartition("/")[2].partition("@")[0]
        assert _runs(image, container.get("command")) in _can_run(image)


def test_skaffold_reads_its_configuration() -> None:
    """By the real command: it refuses a field that it does not know."""
    skaffold = shutil.which("skaffold")
    if skaffold is None:
        pytest.skip("skaffold is not on PATH")
    for profile in PROFILES:
        command = [skaffold, "diagnose", "--yaml-only", "--profile", profile, "--filename", ROOT / "skaffold.yaml"]
        run = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
        assert run.returncode == 0, run.stderr
        read_back = yaml.safe_load(run.stdout)
        assert [one["image"] for one in read_back["build"]["artifacts"]] == list(IMAGES)


def _release() -> dict[str, Any]:
    (release,) = CONFIG["deploy"]["helm"]["releases"]
    found: dict[str, Any] = release
    return found


def _patched(profile: str) -> dict[str, Any]:
    """The configuration with a profile's `add` patches, as JSON Patch (RFC 6902) has them."""
    (patches,) = [one["patches"] for one in CONFIG["profiles"] if one["name"] == profile]
    config: dict[str, Any] = copy.deepcopy(CONFIG)
    for patch in patches:
        assert patch["op"] == "add"
        *path, last = patch["path"].lstrip("/").split("/")
        at: Any = config
        for part in path:
            at = at[int(part) if part.isdigit() else part]
        assert last not in at
        at[last] = patch["value"]
    return config


def _rendered() -> list[dict[str, Any]]:
    """The chart's objects with skaffold's values; the templates are simple enough to be filled in here."""
    filled = {"{{ dir .IMAGE_REPO_bootstrap }}": REPOSITORY}
    filled |= {f"{{{{ .IMAGE_DIGEST_{name} }}}}": digest for name, digest in DIGESTS.items()}
    values: dict[str, Any] = {}
    for key, template in _release()["setValueTemplates"].items():
        *path, last = key.split(".")
        at = values
        for part in path:
            at = at.setdefault(part, {})
        at[last] = filled[template]
    chart = {
        str(path.relative_to(ROOT / "knative")): path.read_bytes()
        for path in (ROOT / "knative").rglob("*")
        if path.is_file()
    }
    engine = Engine.load()
    assert engine is not None
    text = engine.render(chart, release="infraforge", namespace="platform-system", values=values)
    return [document for document in yaml.safe_load_all(text) if document]


def _containers(objects: list[dict[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for one in objects:
        template = one.get("spec", {}).get("template", {}).get("spec", {})
        spec = one["spec"] if one["kind"] == "Pod" else template
        yield from spec.get("containers", [])
        yield from spec.get("initContainers", [])


def _can_run(image: str) -> set[str]:
    """The modules of `image` that are entry points: a function's main file, or a module to be run by its name."""
    return {
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for function in IMAGES[image]
        for path in (ROOT / "functions" / function).rglob("*.py")
    }


def _runs(image: str, command: list[str] | None) -> str:
    words = command or entry_point(STAGES, image)
    if "--source" in words:
        return words[words.index("--source") + 1].removesuffix(".py").replace("/", ".")
    return words[words.index("-m") + 1]
