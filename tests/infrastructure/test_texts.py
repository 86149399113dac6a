"""The stacks as texts, read without Terraform: references, pinned versions, documented variables, size."""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.infrastructure import terraform

hcl2 = pytest.importorskip("hcl2", reason="python-hcl2 is not installed: nothing reads HCL")

STACKS = ("cloud", "cluster")
LINES = 360
"""Lines of resources at most, in both stacks: blank lines and comments aside."""

REFERENCE = re.compile(
    r"(?<![\w.\"-])(?:(?P<kind>var|local)\.(?P<name>\w+)"
    r"|(?P<mode>data|ephemeral)\.(?P<source>\w+)\.(?P<label>\w+)"
    r"|(?P<type>(?:aws|helm|kubernetes)_\w+)\.(?P<instance>\w+))"
)


def texts(stack: str) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Each file of a stack, parsed."""
    for path in sorted((terraform.AWS / stack).glob("*.tf")):
        with path.open() as file:
            yield path, hcl2.load(file)


def blocks(stack: str, kind: str) -> dict[str, Any]:
    """The blocks of a kind: a variable by its name, a resource by type and name, each with its body."""
    found: dict[str, Any] = {}
    for _, parsed in texts(stack):
        for block in parsed.get(kind, []):
            for label, inner in block.items():
                if kind in {"resource", "data", "ephemeral"}:
                    found |= {f"{_bare(label)}.{_bare(name)}": body for name, body in inner.items()}
                else:
                    found[_bare(label)] = inner
    return found


def _bare(label: str) -> str:
    return label.strip('"')


def stripped(path: Path) -> str:
    """A file without comments and without the words of strings, but with what strings interpolate."""
    text = re.sub(r"(?m)(^|\s)#.*$", "", path.read_text())
    return re.sub(r'"((?:[^"\\]|\\.)*)"', lambda found: " ".join(re.findall(r"\$\{([^}]*)\}", found[1])), text)


@pytest.mark.parametrize("stack", STACKS)
def test_every_reference_resolves(stack: str) -> None:
    """To a variable, a local value, a data source, an ephemeral value or a resource of the same stack."""
    locals_ = {name for _, parsed in texts(stack) for block in parsed.get("locals", []) for name in block}
    known = {f"var.{name}" for name in blocks(stack, "variable")} | {f"local.{name}" for name in locals_}
    known |= set(blocks(stack, "resource"))
    known |= {f"{mode}.{name}" for mode in ("data", "ephemeral") for name in blocks(stack, mode)}
    used = {
        f"{path.name}: {found[0]}": found[0] for path, _ in texts(stack) for found in REFERENCE.finditer(stripped(path))
    }

    assert len(used) > 20
    assert [place for place, name in used.items() if name not in known] == []


@pytest.mark.parametrize("stack", STACKS)
def test_every_variable_is_used_and_described(stack: str) -> None:
    """And has a type; what is not a mere switch, a tag or a list of texts is validated with a message."""
    body = "\n".join(stripped(path) for path, _ in texts(stack) if path.name != "variables.tf")
    body += (terraform.AWS / stack / "variables.tf").read_text()
    free = {"nat_per_zone", "allow_public_internet", "disposable", "interface_endpoints", "image_repository"}

    for name, variable in blocks(stack, "variable").items():
        assert len(re.findall(rf"\bvar\.{name}\b", body)) >= 1, name
        assert variable["description"].strip('"').endswith((".", ")")), name
        assert "type" in variable, name
        assert "validation" in variable or name in free or name.endswith("_values"), name
        for validation in variable.get("validation", []):
            assert name in validation["error_message"], name


@pytest.mark.parametrize("stack", STACKS)
def test_versions_are_constrained(stack: str) -> None:
    """Terraform's and every provider's; a chart from a registry has one exact version."""
    (settings,) = [parsed["terraform"][0] for path, parsed in texts(stack) if path.name == "versions.tf"]
    (providers,) = settings["required_providers"]

    assert "< 2.0.0" in settings["required_version"]
    assert all(_bare(it["version"]).startswith("~> ") for it in providers.values() if isinstance(it, dict))
    assert {name.split("_")[0] for name in blocks(stack, "resource")} <= set(providers)
    for name, release in _releases(stack).items():
        if not _bare(release["chart"]).startswith("${path.module}"):
            variable = blocks(stack, "variable")[re.findall(r"var\.(\w+)", release["version"])[0]]
            assert re.fullmatch(r"v?\d+\.\d+\.\d+", _bare(variable["default"])), name


def _releases(stack: str) -> Mapping[str, Any]:
    return {name: body for name, body in blocks(stack, "resource").items() if name.startswith("helm_release.")}


def test_versions_are_those_of_a_developers_cluster() -> None:
    """Charts and Knative as infrastructure/kind has them, and the same minor version of Kubernetes."""
    theirs = dict(
        line.split("=", 1)
        for line in (terraform.AWS.parent / "kind" / "versions.env").read_text().splitlines()
        if "=" in line and not line.startswith("#")
    )
    cluster, cloud = (
        {name: _bare(str(it.get("default", ""))) for name, it in blocks(stack, "variable").items()}
        for stack in ("cluster", "cloud")
    )

    assert cluster["gitea_chart_version"] == theirs["GITEA_CHART_VERSION"]
    assert cluster["argocd_chart_version"] == theirs["ARGOCD_CHART_VERSION"]
    assert cluster["knative_version"] == theirs["KNATIVE_SERVING_VERSION"] == theirs["KNATIVE_EVENTING_VERSION"]
    assert cluster["knative_operator_version"].removeprefix("v") == cluster["knative_version"]
    assert f":v{cloud['kubernetes_version']}." in theirs["KIND_NODE_IMAGE"]


def test_the_claims_come_after_the_chart() -> None:
    """Which has their kinds; and the chart after all that it asks for."""
    releases = _releases("cluster")

    assert releases["helm_release.claims"]["depends_on"] == ["${helm_release.infraforge}"]
    assert set(releases["helm_release.infraforge"]["depends_on"]) == {
        "${helm_release.knative}",
        "${helm_release.gitea}",
        "${helm_release.argocd}",
        "${kubernetes_secret_v1.gitea_admin}",
    }


def test_the_cloud_needs_one_provider() -> None:
    """So that all of it can be applied where only that one is at hand."""
    assert {name.split("_")[0] for name in blocks("cloud", "resource")} == {"aws"}


def test_no_policy_allows_everything() -> None:
    """But for the one line without which a key locks everybody out."""
    allowed = [
        line.strip()
        for stack in STACKS
        for path, _ in texts(stack)
        for line in path.read_text().splitlines()
        if re.search(r'actions\s*=.*"([a-z0-9]+:)?\*"', line)
    ]

    assert [line.split("#")[0].strip() for line in allowed] == ['actions   = ["kms:*"]']


def test_resources_are_few(record_property: Callable[[str, object], None]) -> None:
    """Infrastructure only: the lines of resources are counted."""
    counted = {stack: sum(_resource_lines(path) for path, _ in texts(stack)) for stack in STACKS}
    record_property(
        "figure", f"terraform: {counted['cloud']} lines of resources in cloud, {counted['cluster']} in cluster"
    )
    assert sum(counted.values()) <= LINES
    readme = (terraform.AWS / "README.md").read_text()
    for stack, number in counted.items():
        assert re.search(rf"`{stack}/`[^|]*\|[^|]*\| {number} \|", readme), f"README: {number} lines in {stack}"


def _resource_lines(path: Path) -> int:
    found = re.findall(r"^resource .*?^}", path.read_text(), re.M | re.S)
    return sum(1 for block in found for line in block.splitlines() if line.strip() and not line.strip().startswith("#"))
