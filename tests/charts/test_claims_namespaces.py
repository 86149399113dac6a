"""An InfrastructureClaim and the chart `namespaces` agree: what the claim's schema takes, the chart renders."""

from pathlib import Path
from typing import Any

import helm_python
import pytest
import yaml
from pydantic import ValidationError

from functions.bootstrap.namespaces import values
from shared.claims import Namespace
from tests.charts import platform
from tests.charts.kubernetes import faults
from tests.charts.platform import NAMESPACES

EXAMPLE: dict[str, Any] = yaml.safe_load(
    (Path(__file__).parents[2] / "deployments" / "dev" / "dev-infrastructure-claim.yaml").read_text()
)

QUANTITIES: tuple[str | float, ...] = (
    *("0", "1", "100m", "0.5", "1.5Gi", "2k", "1M", "1Ei", "1000000", 0, 4, 1_000_000, 2**53, 0.5),
    *("", "-1", "1e3", "1E3", "1 Gi", "1gi", ".5", "5.", "+1", "100u", "1Ki2", "٣", -1, 1e21, True, "n"),
)
KEYS = (
    *(
        "team",
        "example.com/team",
        "a" * 63,
        "a" * 64,
        f"{'b' * 63}.com/a",
        f"example.com/{'a' * 63}",
        "Team",
        "a.b_c-d",
    ),
    *("", "a b", "-a", "/a", "a/", "a/b/c", "Example.com/a", "kubernetes.io/metadata.name", "helm.sh/chart"),
    *("app.kubernetes.io/name", "argocd.argoproj.io/x", "platform.infraforge.io/x", "pod-security.kubernetes.io/warn"),
    *("meta.helm.sh/release-name", "helm.sh/resource-policy", "pod-security.kubernetes.io/enforce-version"),
)
VALUES = ("", "a", "a" * 63, "a" * 64, "A.b_c-1", "a b", "-a", "privileged", "baseline", "1e3", "on", "é", "a\nb")
TEXTS = ("", "a", "a\nb: c\n---", '"', "{{ .Values }}", "\x07", "\u2028", "x" * 5000, "1e3")
NAMES = ("dev", "a" * 63, "a" * 64, "Dev", "1", "a.b", "-a", "kube-x", "default", "argocd", "gitea", "knative-x", "")
SUBJECTS = (
    *("ada", "ada@example.com", "a b", "system:masters", "oidc:devs", 'a"b', "a'b", "{{x}}", "é", "a\nb", "a" * 253),
    *("a" * 254, "\x85", "a\u2028b", "System:x", ":", "#", "- a", "\ufeff"),
)

FIELDS: dict[str, list[dict[str, Any]]] = {
    "name": [{"name": name} for name in NAMES],
    "quota": [{"quota": {"pods": quantity}} for quantity in QUANTITIES],
    "quota's names": [{"quota": {name: 1}} for name in ("requests.cpu", "count/jobs.batch", "Pods", "a b", "", *KEYS)],
    "limits": [{"limits": {"max": {"memory": quantity}}} for quantity in QUANTITIES],
    "limits' names": [{"limits": {"default": {name: 1}}} for name in ("cpu", "memory", "ephemeral-storage", "gpu", "")],
    "labels": [{"labels": {key: "a"}} for key in KEYS],
    "labels' values": [{"labels": {"team": value}} for value in VALUES],
    "levels": [
        {"labels": {f"pod-security.kubernetes.io/{mode}": value}} for mode in ("enforce", "warn") for value in VALUES
    ],
    "annotations": [{"annotations": {key: "a"}} for key in KEYS],
    "annotations' values": [{"annotations": {"note": text}} for text in TEXTS],
    "peers": [{"networkPolicy": {way: [name]}} for way in ("from", "to") for name in NAMES],
    "network": [{"networkPolicy": {"enabled": enabled}} for enabled in (True, False, None)] + [{"networkPolicy": {}}],
    "people": [
        {"access": [{"role": "view", "kind": kind, "name": name}]} for kind in ("User", "Group") for name in SUBJECTS
    ],
    "accounts": [
        {"access": [{"role": "edit", "kind": "ServiceAccount", "name": name, "namespace": "build"}]}
        for name in (*NAMES, *SUBJECTS)
    ],
    "roles": [
        {"access": [{"role": role, "kind": "User", "name": "a"}]} for role in ("view", "edit", "admin", "cluster-admin")
    ],
}
"""Field → namespaces with some value of it, good ones and bad ones."""


def rendered(row: dict[str, Any]) -> list[dict[str, Any]] | None:
    """The objects of a claim's namespace; None for one that the claim's schema refuses. Raises Helm's errors."""
    try:
        namespace = Namespace.model_validate({"name": "shop", **row})
    except ValidationError:
        return None
    return platform.objects(NAMESPACES, values([namespace]).decode())


@pytest.mark.parametrize("field", FIELDS)
def test_what_a_claim_may_say_renders(field: str) -> None:
    """A claim that was accepted and does not render would be told so much later, by somebody else's words."""
    torn, taken = [], 0
    for row in FIELDS[field]:
        try:
            objects = rendered(row)
        except helm_python.HelmError as error:
            torn.append((row, str(error).splitlines()[-1]))
            continue
        taken += objects is not None
        torn += [(row, fault) for one in objects or () for fault in faults(one)]

    assert torn == []
    assert 0 < taken < len(FIELDS[field]) or field in {"network", "annotations' values"}


def test_the_example_renders() -> None:
    """Names, quotas and people as its author wrote them."""
    spaces = [Namespace.model_validate(one) for one in EXAMPLE["spec"]["namespaces"]]
    objects = platform.objects(NAMESPACES, values(spaces).decode())

    assert [fault for one in objects for fault in faults(one)] == []
    (quota,) = platform.of_kind(objects, "ResourceQuota")
    assert quota["spec"]["hard"] == {"requests.cpu": "8", "requests.memory": "16Gi", "pods": "100"}
    assert {one["roleRef"]["name"] for one in platform.of_kind(objects, "RoleBinding")} == {"edit", "view"}
