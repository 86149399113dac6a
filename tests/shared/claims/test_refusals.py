"""Every rule about claims: what an API server says, and what the model says about a claim from elsewhere."""

from typing import Any

import pytest

from shared.claims import parse
from shared.errors import InvalidClaim
from tests.shared.claims.admission import faults
from tests.shared.claims.application_refusals import APPLICATIONS
from tests.shared.claims.examples import APPLICATION, BOOTSTRAP, PLATFORM, changed
from tests.shared.claims.platform_refusals import BOOTSTRAPS, SERVICES
from tests.shared.claims.refusals import Refusal, app

REFUSALS = [*APPLICATIONS, *SERVICES, *BOOTSTRAPS]


@pytest.mark.parametrize("case", REFUSALS, ids=lambda case: case.reason)
def test_refused_by_the_schema(case: Refusal) -> None:
    """A rule that an API server can hold is held by the schema already."""
    expected = [] if case.schema is None else [case.schema]

    assert expected == faults(changed(case.claim, case.path, case.value))


@pytest.mark.parametrize("case", REFUSALS, ids=lambda case: case.reason)
def test_refused_by_the_model(case: Refusal) -> None:
    """Every rule is held by the model, whose message names the field and the mend and quotes no secret."""
    with pytest.raises(InvalidClaim) as refusal:
        parse(case.claim["kind"], changed(case.claim, case.path, case.value))

    assert case.model == str(refusal.value)
    assert "s3cret" not in str(refusal.value)


IMMUTABLE = [
    (APPLICATION, "spec.environment", "qa", "spec.environment: environment is immutable"),
    (APPLICATION, "spec.clusterType", "prod", "spec.clusterType: clusterType is immutable"),
    (PLATFORM, "spec.environment", "qa", "spec.environment: environment is immutable"),
    (PLATFORM, "spec.clusterType", "prod", "spec.clusterType: clusterType is immutable"),
    (BOOTSTRAP, "spec.gitea.url", "https://elsewhere", "spec.gitea: gitea is immutable"),
    (BOOTSTRAP, "spec.gitea.organization", "elsewhere", "spec.gitea: gitea is immutable"),
]


@pytest.mark.parametrize(("claim", "path", "value", "expected"), IMMUTABLE)
def test_immutable(claim: dict[str, Any], path: str, value: str, expected: str) -> None:
    """What names the place in Git stays as it was created; everything else may change."""
    assert [expected] == faults(changed(claim, path, value), old=claim)
    assert faults(claim, old=claim) == []


def test_the_sizes_that_must_fit() -> None:
    """500 environments in each of two types, and 100 applications in a claim."""
    clusters = [{"type": one, "environments": [f"{one}{n}" for n in range(500)]} for one in ("a", "b")]
    large = [
        changed(BOOTSTRAP, "spec.clusters", clusters),
        changed(APPLICATION, "spec.applications", [app(f"a{n}") for n in range(100)]),
    ]

    for claim in large:
        assert faults(claim) == []
        assert claim == parse(claim["kind"], claim).model_dump(exclude_unset=True)
