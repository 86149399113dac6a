"""A right that is taken away: the claim that needs it says so, and goes on when it is given back."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from tests.e2e import claims
from tests.e2e.box import SELDOM, Box
from tests.e2e.command import Infraforge, up_arguments

SYSTEM, ARGOCD = "platform-system", "argocd"


@dataclass(frozen=True)
class Case:
    role: str
    namespace: str | None
    resource: str
    verb: str
    claim: dict[str, Any]
    """What cannot be done without it."""
    refused: str
    """The reason of Ready meanwhile."""
    reason: str
    """Of Ready when it can."""
    why: str


def services(name: str, environment: str) -> dict[str, Any]:
    spec = {"clusterType": "nonprod", "environment": environment, "services": [{"name": "postgres", "values": {}}]}
    return claims.claim("PlatformClaim", "platform-services", name, spec)


CASES = [
    Case(
        *("infraforge-platform", None, "secrets", "create"),
        services("qa-platform", "qa"),
        *("PasswordRefused", "Committed", "the password beside the service"),
    ),
    Case(
        *("infraforge-application", SYSTEM, "bootstrapclaims", "list"),
        claims.applications("qa-apps", "qa", [claims.application("shop")], namespace="qa"),
        *("Forbidden", "Committed", "whether there is such an environment"),
    ),
    Case(
        *("infraforge-bootstrap", ARGOCD, "appprojects", "patch"),
        claims.bootstrap(nonprod=["dev", "qa", "sandbox", "fresh"], prod=["prod", "stage"]),
        *("Forbidden", "Bootstrapped", "what an environment's Applications may do"),
    ),
]


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """A sandbox with a platform and nobody on it."""
    if up_arguments():
        pytest.skip("changes the roles of the sandbox's own cluster")
    made = Box(Infraforge(tmp_path_factory.mktemp("missing")), options=SELDOM)
    try:
        made.up()
        made.apply(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "qa"}},
            claims.bootstrap(nonprod=["dev", "qa", "sandbox"], prod=["prod", "stage"]),
        )
        made.wait_reason("bootstrapclaim/platform-bootstrap", SYSTEM, "Bootstrapped")
        yield made
    finally:
        made.down()


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.role}-{case.verb}-{case.resource}")
def test_the_claim_says_what_is_refused(box: Box, case: Case) -> None:
    """In the API server's own words, which name the account, the verb and the resource."""
    metadata = case.claim["metadata"]
    name = f"{case.claim['kind'].lower()}/{metadata['name']}"
    with _without(box, case):
        box.apply(case.claim)
        message = box.wait_reason(name, metadata["namespace"], case.refused)
        assert f'User "system:serviceaccount:{SYSTEM}:{case.role}" cannot' in message, case.why
        assert f'cannot {case.verb} resource "{case.resource}"' in message
    box.ping([case.role.removeprefix("infraforge-")])
    box.wait_reason(name, metadata["namespace"], case.reason)


@contextmanager
def _without(box: Box, case: Case) -> Iterator[None]:
    """The role of a case without its verb, for the time of the block."""
    where = ("-n", case.namespace) if case.namespace else ()
    role = f"{'role' if case.namespace else 'clusterrole'}/{case.role}"
    before = json.loads(box.kubectl("get", role, *where, "-o", "json"))["rules"]
    less = [
        rule
        | {"verbs": [verb for verb in rule["verbs"] if verb != case.verb or case.resource not in rule["resources"]]}
        for rule in before
    ]
    rules = [rule for rule in less if rule["verbs"]]  # a rule without a verb is refused
    assert rules != before, "it was there"
    _write(box, role, where, rules)
    try:
        yield
    finally:
        _write(box, role, where, before)


def _write(box: Box, role: str, where: tuple[str, ...], rules: list[Any]) -> None:
    box.kubectl("patch", role, *where, "--type=merge", "-p", json.dumps({"rules": rules}))
