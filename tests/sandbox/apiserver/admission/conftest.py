"""Policies of a test's own, which concern its namespace only."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

# Fixtures are found by name.
from tests.sandbox.apiserver.access.conftest import account

__all__ = ["account"]

Json = dict[str, Any]
POLICIES = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies"
BINDINGS = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings"
MAPS: Json = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["configmaps"]}
Enforce = Callable[..., None]


@pytest.fixture
def enforce(client: httpx.Client, namespace: str) -> Iterator[Enforce]:
    """Make a policy for ConfigMaps (or `rules`) of the test's namespace, and bind it."""

    def made(
        *validations: Json, rules: list[Json] | None = None, actions: tuple[str, ...] = ("Deny",), **more: Any
    ) -> None:
        constraints = {"resourceRules": rules or [MAPS]} | more.pop("match", {})
        spec = {"matchConstraints": constraints, "validations": list(validations)} | more
        answer = client.post(POLICIES, json={"metadata": {"name": namespace}, "spec": spec})
        assert answer.status_code == 201, answer.text
        selector = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
        binding = {"policyName": namespace, "validationActions": actions}
        binding |= {"matchResources": {"namespaceSelector": selector}}
        answer = client.post(BINDINGS, json={"metadata": {"name": f"{namespace}-all"}, "spec": binding})
        assert answer.status_code == 201, answer.text

    yield made
    client.delete(f"{BINDINGS}/{namespace}-all")
    client.delete(f"{POLICIES}/{namespace}")
