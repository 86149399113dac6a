"""The CRDs are what a real API server accepts, complete, bounded, and the same as the committed files."""

import io
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from shared.claims import KINDS, crd
from tests.shared.claims.admission import SCHEMAS, nodes

COMMITTED = Path(__file__).parents[3] / "knative" / "files" / "crds"
MANIFESTS = {manifest["spec"]["names"]["kind"]: manifest for manifest in crd.manifests()}
LEVELS = [
    pytest.param(path, node, id=f"{kind}{path}") for kind, schema in SCHEMAS.items() for path, node in nodes(schema)
]

# What k8s.io/apiextensions-apiserver 0.37 estimated: cost of one call, with the bounds as they are here.
COSTS = {
    "self == oldSelf": 28,  # of a label; of gitea, an object, it is 2
    "!self.startsWith('platform-')": 3,
    "self != 'namespaces'": 2,
    "!has(self.image)": 2,
    "has(self.server) != has(self.name)": 3,
    "has(self.source) && self.source == 'oci' ? has(self.repository) && has(self.version)"
    " : !has(self.repository) && !has(self.version)": 8,
    "self.applications.all(a, size(self.environment) + 1 + size(a.name) <= 53)": 12 * 200 + 3,
    "!(self.startsWith('kube-') || self.startsWith('knative-')"
    " || self in ['argocd', 'default', 'gitea', 'platform-system'])": 20,  # by hand: no server was at hand
    "!self.name.startsWith('system:')": 4,
    "(self.kind == 'ServiceAccount') == has(self.__namespace__)": 6,
    "size(self.environment) + 20 <= 53": 5,
    "self.services.all(s, size(self.environment) + 10 + size(s.name) <= 53)": 12 * 100 + 3,
}
COST_LIMIT = 10_000_000


def test_committed_files_are_those_of_the_models() -> None:
    """Mend with `python -m shared.claims.crd --write knative/files/crds`."""
    assert crd.files() == {path.name: path.read_bytes() for path in COMMITTED.iterdir()}


def test_every_kind_has_its_definition() -> None:
    assert {*KINDS, "DeadLetter"} == set(MANIFESTS)


@pytest.mark.parametrize("kind", MANIFESTS)
def test_definition_is_valid_kubernetes(kind: str) -> None:
    """Against Kubernetes' own schema of a CustomResourceDefinition, where an unknown field is an error."""
    kubernetes_validate.validate(MANIFESTS[kind], kubernetes_validate.latest_version(), strict=True)


@pytest.mark.parametrize("kind", MANIFESTS)
def test_names(kind: str) -> None:
    """As `kubectl` takes them, and as Knative's source guesses the plural."""
    names = MANIFESTS[kind]["spec"]["names"]

    assert f"{names['plural']}.platform.infraforge.io" == MANIFESTS[kind]["metadata"]["name"]
    assert (f"{kind.lower()}s", f"{kind}List", ["infraforge"] if kind in KINDS else None) == (
        names["plural"],
        names["listKind"],
        names.get("categories"),
    ), "`kubectl get infraforge` is for those who write claims, and must not ask for what only operators may see"


def test_short_names() -> None:
    assert {kind: manifest["spec"]["names"]["shortNames"] for kind, manifest in MANIFESTS.items()} == {
        "ApplicationClaim": ["appclaim"],
        "BootstrapClaim": ["bootclaim"],
        "DeadLetter": ["dl"],
        "InfrastructureClaim": ["infraclaim"],
        "PlatformClaim": ["platclaim"],
    }


@pytest.mark.parametrize(
    ("kind", "narrow"),
    [
        ("ApplicationClaim", ["Ready", "Deployed", "Environment", "Commit", "Age"]),
        ("BootstrapClaim", ["Phase", "Ready", "Organization", "Commit", "Age"]),
        ("InfrastructureClaim", ["Ready", "Deployed", "Environment", "Commit", "Age"]),
        ("PlatformClaim", ["Ready", "Deployed", "Environment", "Commit", "Age"]),
    ],
)
def test_columns(kind: str, narrow: list[str]) -> None:
    """Without `-o wide`; the reason is for the wide table."""
    version = MANIFESTS[kind]["spec"]["versions"][0]
    columns = version["additionalPrinterColumns"]

    assert narrow == [column["name"] for column in columns if not column.get("priority")]
    assert "Reason" in [column["name"] for column in columns if column.get("priority")]
    assert version["subresources"] == {"status": {}}


def test_a_dead_letter_is_no_claim() -> None:
    """It has no status subresource: one write takes the annotation off and says why."""
    version = MANIFESTS["DeadLetter"]["spec"]["versions"][0]
    narrow = [column["name"] for column in version["additionalPrinterColumns"] if not column.get("priority")]

    assert narrow == ["Type", "Object", "Answer", "Replay", "Age"]
    assert "subresources" not in version


@pytest.mark.parametrize(("path", "node"), LEVELS)
def test_every_level_is_structural_and_bounded(path: str, node: dict[str, Any]) -> None:
    """One type each, a description for every field, a bound for whatever can grow, nothing that is not structural."""
    forbidden = {
        "$ref",
        "$defs",
        "anyOf",
        "oneOf",
        "allOf",
        "not",
        "title",
        "const",
        "uniqueItems",
    }
    assert not forbidden & set(node)
    if path == ".metadata":
        assert node == {"type": "object"}, "an API server forbids every word about metadata"
        return
    assert path.endswith(("[]", "{}")) or node["description"]
    if node.get("x-kubernetes-int-or-string"):
        assert "type" not in node, "an API server allows none beside it"
        assert node["maxLength"] > 0
        return
    match node["type"]:
        case "object" if "additionalProperties" in node:
            assert node["maxProperties"] > 0
            assert "properties" not in node
        case "object":
            assert "properties" in node or node["x-kubernetes-preserve-unknown-fields"]
            assert set(node.get("required", ())) <= set(node["properties"]) if "properties" in node else True
        case "array":
            assert node["maxItems"] > 0
            _assert_list_type(node)
        case "string":
            assert "enum" in node or node["maxLength"] > 0
        case "integer":
            assert node["format"] == "int64"
        case "boolean":
            pass
        case other:
            pytest.fail(f"{path} is a {other}")
    if "default" in node:
        assert node["type"] == "boolean" or node["default"] in node["enum"]


def _assert_list_type(node: dict[str, Any]) -> None:
    """A map list's keys are required scalars of its items (an API server insists)."""
    items = node["items"]
    if node["x-kubernetes-list-type"] == "atomic":
        return  # one writer replaces it whole: nothing tells its items apart
    if items["type"] == "object":
        assert node["x-kubernetes-list-type"] == "map"
        assert set(node["x-kubernetes-list-map-keys"]) <= set(items["required"])
    else:
        assert node["x-kubernetes-list-type"] == "set"


@pytest.mark.parametrize("kind", SCHEMAS)
def test_rules_stay_far_below_the_cost_limit(kind: str) -> None:
    """A rule's cost is that of one call times the bounds of the lists around it. A new one has to be measured first."""
    for cost, calls in _estimates(SCHEMAS[kind], 1):
        assert cost * calls < COST_LIMIT / 100


def _estimates(node: dict[str, Any], calls: int) -> list[tuple[int, int]]:
    own = [(COSTS[rule["rule"]], calls) for rule in node.get("x-kubernetes-validations", ())]
    for child in node.get("properties", {}).values():
        own += _estimates(child, calls)
    if "additionalProperties" in node:
        own += _estimates(node["additionalProperties"], calls * node["maxProperties"])
    return own + (_estimates(node["items"], calls * node["maxItems"]) if "items" in node else [])


def test_two_calls_give_two_copies() -> None:
    """Whoever changes a manifest changes nobody else's."""
    crd.manifests()[0]["spec"]["names"]["shortNames"].append("x")
    crd.manifests()[0]["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"].clear()

    assert MANIFESTS["ApplicationClaim"] == crd.manifests()[0]


def test_printed_for_kubectl() -> None:
    """All of them, as one stream of documents; the same in another process with another hash seed."""
    printed = io.StringIO()
    with redirect_stdout(printed):
        crd.main([])

    command = [sys.executable, "-m", "shared.claims.crd"]
    other = subprocess.run(
        command, check=True, capture_output=True, cwd=COMMITTED.parents[1], env={"PYTHONHASHSEED": "7"}
    )
    assert crd.manifests() == list(yaml.safe_load_all(printed.getvalue()))
    assert printed.getvalue() == other.stdout.decode()


def test_written_one_file_a_kind(tmp_path: Path) -> None:
    crd.main(["--write", str(tmp_path / "new")])

    assert crd.files() == {path.name: path.read_bytes() for path in (tmp_path / "new").iterdir()}
