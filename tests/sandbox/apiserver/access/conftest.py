"""Service accounts of a test's own, with a client that signs in as one of them."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from tests.sandbox.apiserver.conftest import Running

Json = dict[str, Any]
ROLES = "/apis/rbac.authorization.k8s.io/v1"
CLAIMS = "/apis/platform.infraforge.io/v1alpha1"
MERGE = {"Content-Type": "application/merge-patch+json"}
Account = Callable[..., httpx.Client]


def token_of(client: httpx.Client, namespace: str, name: str, **spec: Any) -> Json:
    """Ask for a token of a service account and return the answered TokenRequest."""
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
    answer = client.post(path, json={"spec": spec})
    assert answer.status_code == 201, answer.text
    found: Json = answer.json()
    return found


def grant(client: httpx.Client, namespace: str, account: str, rules: list[Json], *, name: str = "granted") -> None:
    """Give a service account of the namespace a Role there."""
    role = {"metadata": {"name": name}, "rules": rules}
    binding = {
        "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": namespace}],
    }
    client.post(f"{ROLES}/namespaces/{namespace}/roles", json=role).raise_for_status()
    client.post(f"{ROLES}/namespaces/{namespace}/rolebindings", json=binding).raise_for_status()


@pytest.fixture
def account(server: Running, client: httpx.Client, namespace: str) -> Iterator[Account]:
    """Make a service account in the test's namespace, with a Role of these rules, and return its HTTP client."""
    with ExitStack() as opened:

        def made(name: str = "worker", rules: list[Json] | None = None) -> httpx.Client:
            path = f"/api/v1/namespaces/{namespace}/serviceaccounts"
            client.post(path, json={"metadata": {"name": name}}).raise_for_status()
            if rules is not None:
                grant(client, namespace, name, rules, name=f"{name}-role")
            token = token_of(client, namespace, name)["status"]["token"]
            return opened.enter_context(server.client(token=token))

        yield made
