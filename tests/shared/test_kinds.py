"""The kinds as the API serves them."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from shared.attempt import Kind
from shared.git import Writer
from shared.kinds import APPLICATION, BOOTSTRAP, INFRASTRUCTURE, PLATFORM
from shared.steps import HOLD, READ, RECORD, RELEASE, RESOLVE

CRDS = Path(__file__).parents[2] / "knative" / "files" / "crds"


@pytest.mark.parametrize("kind", [BOOTSTRAP, INFRASTRUCTURE, APPLICATION, PLATFORM], ids=lambda kind: kind.name)
def test_a_kind_is_where_its_crd_says(kind: Kind[Any]) -> None:
    """Group, version and plural of the committed CRD; a status lists its conditions in the order of the way."""
    documents = [yaml.safe_load(file.read_text()) for file in CRDS.rglob("*.yaml")]
    (spec,) = [one["spec"] for one in documents if one and one["spec"]["names"]["kind"] == kind.name]
    assert kind.resource.plural == spec["names"]["plural"]
    assert kind.resource.api_version in {f"{spec['group']}/{version['name']}" for version in spec["versions"]}
    assert kind.conditions[0] == "Valid"
    assert kind.conditions[-1] == "Deployed"


@pytest.mark.parametrize("kind", [BOOTSTRAP, INFRASTRUCTURE, APPLICATION, PLATFORM], ids=lambda kind: kind.name)
def test_the_order_that_makes_it_safe(kind: Kind[Any]) -> None:
    """The finalizer before the first commit and off last of all; the status when the commit is in Git."""
    work, removal, writer = kind.steps_of_work, kind.steps_of_removal, Writer.STEPS
    assert work.index(HOLD) < work.index(writer[0])
    assert work.index(writer[-1]) < work.index(RECORD)
    assert removal[-1] == RELEASE
    for steps in (work, removal):
        assert steps[0] == READ
        begin = steps.index(writer[0])
        assert steps[begin : begin + len(writer)] == writer, "as the writer has them"
        assert len(set(steps)) == len(steps), "a step is one boundary"


def test_a_step_that_nobody_declared_is_a_fault() -> None:
    """The suite that kills functions takes its list from here: what is not on it would never be tried."""
    told: list[str] = []
    PLATFORM.begin(RELEASE, told.append)
    assert told == [RELEASE], "a step of the removal is one as well"
    with pytest.raises(AssertionError, match="Resolve is not declared as a step of PlatformClaim"):
        PLATFORM.begin(RESOLVE, told.append)
    assert told == [RELEASE]
