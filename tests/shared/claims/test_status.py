"""A status can always be written, and is read whoever wrote it."""

from typing import Any

from shared.claims import (
    ApplicationRow,
    ApplicationStatus,
    BootstrapStatus,
    ClaimStatus,
    Commit,
    Condition,
    PlatformStatus,
    parse,
)
from shared.claims.status import MAX_MESSAGE
from tests.shared.claims.admission import faults
from tests.shared.claims.examples import APPLICATION, BOOTSTRAP, PLATFORM


def test_what_is_not_known_is_not_written() -> None:
    row = ApplicationRow(name="shop", state="Committed", commit="c0ffee")
    status = ApplicationStatus(observedGeneration=2, applications=[row], commit=Commit(sha="c0ffee"))

    expected = {
        "observedGeneration": 2,
        "conditions": [],
        "commit": {"sha": "c0ffee"},
        "history": [],
        "applications": [{"name": "shop", "state": "Committed", "commit": "c0ffee"}],
    }
    assert expected == status.model_dump(exclude_none=True)


def test_a_message_is_shortened_to_fit_the_schema() -> None:
    condition = Condition(type="Ready", status="False", reason="Failed", message="x" * (MAX_MESSAGE + 1))

    assert condition.message == "x" * (MAX_MESSAGE - 1) + "…"
    assert (
        faults(APPLICATION | {"status": ApplicationStatus(conditions=[condition]).model_dump(exclude_none=True)}) == []
    )


def test_a_status_of_another_version_is_read() -> None:
    """Unknown fields are ignored, absent ones have their defaults."""
    status = {"conditions": [{"type": "Ready", "status": "True", "severity": "x"}], "phase": "Bootstrapped", "new": 1}

    claim = parse("BootstrapClaim", BOOTSTRAP | {"status": status})

    assert BootstrapStatus(phase="Bootstrapped", conditions=[Condition(type="Ready", status="True")]) == claim.status


def test_full_statuses_fit_their_schemas() -> None:
    """Everything a status can say is known to the schema and accepted by it."""
    condition = {
        "type": "Ready",
        "status": "Unknown",
        "reason": "R",
        "message": "m",
        "lastTransitionTime": "2025-01-01T00:00:00Z",
        "observedGeneration": 1,
    }
    common = {
        "observedGeneration": 1,
        "checksum": "c",
        "conditions": [condition],
        "commit": {"sha": "0" * 40, "url": "http://g/c"},
        "confirmation": "remove-1-0",
        "history": [
            {"time": "2025-01-01T00:00:00Z", "reason": "Drifted", "message": "m", "commit": "0" * 40}
            | {"author": "A <a@b>", "restored": "0" * 40}
        ],
    }
    row = {
        "name": "a",
        "state": "Held",
        "reason": "R",
        "message": "m",
        "path": "p",
        "checksum": "c",
        "commit": "0" * 40,
    }
    repository = {"name": "voltran", "url": "http://g/o/voltran", "commit": "0" * 40}
    cluster = {"type": "prod", "environments": ["prod"], "destination": {"name": "in-cluster"}}
    bootstrap = common | {
        "phase": "Bootstrapped",
        "repositories": [repository],
        "charts": {"revision": "r"},
        "platformCharts": {"revision": "r"},
        "rootApps": ["prod-apps"],
        "clusters": [cluster],
        "webhook": "http://w",
        "orphanedEnvironments": ["prod/old"],
    }
    applications = [row | {"image": "a:b", "digest": "sha256:0"}]
    full: list[tuple[dict[str, Any], type[ClaimStatus], dict[str, Any]]] = [
        (BOOTSTRAP, BootstrapStatus, bootstrap),
        (APPLICATION, ApplicationStatus, common | {"applications": applications, "imagesResolvedFor": "x"}),
        (PLATFORM, PlatformStatus, common | {"services": [row]}),
    ]

    for claim, model, status in full:
        assert status == model.model_validate(status).model_dump(exclude_none=True)
        assert set(status) == set(model.model_fields)
        assert faults(claim | {"status": status}) == []
