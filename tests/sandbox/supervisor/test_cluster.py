"""The definitions that the sandbox's cluster starts with."""

from pathlib import Path

import pytest
import yaml

from sandbox.supervisor.cluster import argocd_definitions, definitions, knative_definitions, write_definitions
from sandbox.supervisor.services import KINDS
from shared.claims import KINDS as CLAIMS

REAL = Path(__file__).resolve().parents[4] / "shared" / "schemas" / "argocd"


def test_our_kinds_are_those_that_events_are_sent_for() -> None:
    """And the letters for those that were given up."""
    assert {one["spec"]["names"]["kind"] for one in definitions()} == {*CLAIMS, "DeadLetter"}


@pytest.mark.parametrize(("ours", "why"), [(False, "the chart brings ours"), (True, "on demand")])
def test_what_the_api_server_starts_with(tmp_path: Path, *, ours: bool, why: str) -> None:
    (tmp_path / "crds").mkdir()
    (tmp_path / "crds" / "of-an-earlier-version.yaml").write_text("{}")
    write_definitions(tmp_path / "crds", ours=ours)
    written = [yaml.safe_load(file.read_text()) for file in (tmp_path / "crds").iterdir()]
    expected = [*(definitions() if ours else ()), *argocd_definitions(), *knative_definitions()]
    assert sorted(one["metadata"]["name"] for one in written) == sorted(one["metadata"]["name"] for one in expected), (
        why
    )


def test_knatives_kinds_are_those_that_are_read() -> None:
    served = {(one["spec"]["group"], one["spec"]["names"]["plural"]) for one in knative_definitions()}
    assert {(one.group, one.plural) for one in KINDS} <= served


@pytest.mark.parametrize("kind", ["application", "applicationset", "appproject"])
def test_argocds_kinds_are_served_as_argocd_serves_them(kind: str) -> None:
    """Names, columns and subresources; the schema itself is open on purpose."""
    file = REAL / f"{kind}-crd.yaml"
    if not file.exists():
        pytest.skip(f"{REAL} holds ArgoCD's own definitions and is not here")
    real = yaml.safe_load(file.read_text())
    (ours,) = (one for one in argocd_definitions() if one["metadata"]["name"] == real["metadata"]["name"])
    assert ours["spec"]["names"] == real["spec"]["names"]
    (version,), (real_version,) = ours["spec"]["versions"], real["spec"]["versions"]
    schema, real_schema = (one.pop("schema")["openAPIV3Schema"] for one in (version, real_version))
    assert version == real_version
    assert set(schema["properties"]) == set(real_schema["properties"])
    assert {*schema["required"], "metadata"} == set(real_schema["required"]), "Kubernetes itself requires metadata"
