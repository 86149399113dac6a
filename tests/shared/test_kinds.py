"""The kinds as the API serves them."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from shared.attempt import Kind
from shared.kinds import APPLICATION, BOOTSTRAP, PLATFORM

CRDS = Path(__file__).parents[2] / "knative" / "crds"


@pytest.mark.parametrize("kind", [BOOTSTRAP, APPLICATION, PLATFORM], ids=lambda kind: kind.name)
def test_a_kind_is_where_its_crd_says(kind: Kind[Any]) -> None:
    """Group, version and plural of the committed CRD; its steps are conditions that a status lists in order."""
    documents = [yaml.safe_load(file.read_text()) for file in CRDS.rglob("*.yaml")]
    (spec,) = [one["spec"] for one in documents if one and one["spec"]["names"]["kind"] == kind.name]
    assert kind.resource.plural == spec["names"]["plural"]
    assert kind.resource.api_version in {f"{spec['group']}/{version['name']}" for version in spec["versions"]}
    assert kind.steps[0] == "Valid"
    assert kind.steps[-1] == "Deployed"
