"""Objects are held against Kubernetes' schemas as the package that brings them does it."""

from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]  # publishes no type information
import pytest

from tests.charts.kubernetes import VERSIONS, faults


def account(**fields: Any) -> dict[str, Any]:
    """A ServiceAccount that every version takes, changed."""
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "shop"}, **fields}


def binding(**subject: Any) -> dict[str, Any]:
    """A RoleBinding for `subject`: of a group with a domain, and with definitions below definitions."""
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"}
    version = "rbac.authorization.k8s.io/v1"
    return {
        "apiVersion": version,
        "kind": "RoleBinding",
        "metadata": {"name": "a"},
        "roleRef": role,
        "subjects": [subject],
    }


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (account(), None),
        (binding(kind="User", name="ada"), None),
        (account(token="x"), ": Additional properties are not allowed ('token' was unexpected)"),
        (account(automountServiceAccountToken="yes"), "automountServiceAccountToken: 'yes' is not of type"),
        (account(secrets=[{"key": "x"}]), "secrets.0: Additional properties are not allowed ('key' was unexpected)"),
        (binding(kind="User"), "subjects.0: 'name' is a required property"),
    ],
)
def test_a_fault_is_found_in_every_version(document: dict[str, Any], message: str | None) -> None:
    """And the package's own function, which is slow, finds the same."""
    found = faults(document)

    assert len(found) == (len(VERSIONS) if message else 0)
    for version, fault in zip(VERSIONS, found, strict=False):
        assert fault.startswith(f"{version} {message}")
    for version in VERSIONS:
        try:
            kubernetes_validate.validate(document, version, strict=True)
        except kubernetes_validate.ValidationError:
            assert message
        else:
            assert message is None


def test_a_kind_that_kubernetes_does_not_know() -> None:
    """It is not passed over."""
    with pytest.raises(FileNotFoundError):
        faults(account(kind="ServiceAcount"))
