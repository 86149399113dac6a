"""What an InfrastructureClaim may not say: by the schema where it can hold it, and by the model always."""

from typing import Any

import pytest

from shared.claims import InfrastructureClaim, parse
from shared.claims.names import MAX_NAMESPACES
from shared.claims.quantities import amount
from shared.errors import InvalidClaim
from tests.shared.claims.admission import faults
from tests.shared.claims.examples import INFRASTRUCTURE, changed

N0 = "spec.namespaces[0]"
SYSTEM = "is a system namespace, and no claim's: choose another name"
NO_QUANTITY = "is not a quantity: use digits and a unit, such as 500m, 4 or 8Gi"
NO_KEY = "is no key: use letters, digits, '-', '_' and '.', with a domain and '/' before"
TAKEN = "is set by the platform, and by nobody else: remove it"
NO_QUOTA = "is nothing that Kubernetes has a quota of: use requests.cpu, limits.memory, pods, count/jobs.batch …"
ACCESS = {"role": "view", "kind": "Group", "name": "developers"}


def claim(field: str, value: object) -> dict[str, Any]:
    """The example with one namespace that says this alone."""
    return changed(INFRASTRUCTURE, "spec.namespaces", [{"name": "shop", field: value}])


REFUSALS: list[tuple[str, object, str | None, str, str]] = [
    ("name", "kube-system", f"{N0}.name: a system namespace is no claim's", f'{N0}.name: "kube-system" {SYSTEM}',
     "the cluster's own"),
    ("name", "knative-serving", f"{N0}.name: a system namespace is no claim's",
     f'{N0}.name: "knative-serving" {SYSTEM}', "the platform stands on it"),
    ("name", "default", f"{N0}.name: a system namespace is no claim's", f'{N0}.name: "default" {SYSTEM}',
     "everybody's, and so nobody's"),
    ("name", "platform-system", f"{N0}.name: a system namespace is no claim's",
     f'{N0}.name: "platform-system" {SYSTEM}', "where the platform's operators write"),
    ("name", "Shop", f"{N0}.name: pattern",
     f'{N0}.name: "Shop" is not a DNS-1123 label: use lower case letters, digits and \'-\'', "a DNS name"),
    ("labels", {"team": "a b"}, f"{N0}.labels.team: pattern",
     f"{N0}.labels.team: is not a label's value: use letters, digits, '-', '_' and '.', not at its ends",
     "as Kubernetes"),
    ("labels", {"te am": "a"}, None, f"{N0}.labels.te am: {NO_KEY}", "a schema cannot say what a key is"),
    ("labels", {"a/b/c": "a"}, None, f"{N0}.labels.a/b/c: {NO_KEY}", "one slash"),
    ("labels", {"-/c": "a"}, None, f"{N0}.labels.-/c: {NO_KEY}", "a domain before it"),
    ("labels", {"app.kubernetes.io/instance": "x"}, None, f"{N0}.labels.app.kubernetes.io/instance: {TAKEN}",
     "the chart's own: ArgoCD would lose the object"),
    ("labels", {"kubernetes.io/metadata.name": "x"}, None, f"{N0}.labels.kubernetes.io/metadata.name: {TAKEN}",
     "the API server's own: network policies trust it"),
    ("labels", {"pod-security.kubernetes.io/enforce": "privileged"}, None,
     f"{N0}.labels.pod-security.kubernetes.io/enforce: must be restricted or baseline", "root on the node"),
    ("annotations", {"argocd.argoproj.io/sync-options": "Prune=true"}, None,
     f"{N0}.annotations.argocd.argoproj.io/sync-options: {TAKEN}", "it would let ArgoCD delete the namespace"),
    ("annotations", {"example.com/owner": 3}, f"{N0}.annotations.example.com/owner: type",
     f"{N0}.annotations.example.com/owner: must be a string: put it in quotes", "text"),
    ("quota", {"pods": "many"}, f"{N0}.quota.pods: pattern", f"{N0}.quota.pods: {NO_QUANTITY}", "a number"),
    ("quota", {"pods": True}, None, f"{N0}.quota.pods: must be a quantity: a whole number, or text such as 500m or 8Gi",
     "not a switch"),
    ("quota", {"pods": "1" * 33}, f"{N0}.quota.pods: maxLength", f"{N0}.quota.pods: is longer than 32 characters",
     "bounded"),
    ("quota", {"pods": "1.5"}, None, f"{N0}.quota.pods: is counted: use a whole number", "half a pod"),
    ("quota", {"count/jobs.batch": "1500m"}, None, f"{N0}.quota.count/jobs.batch: is counted: use a whole number",
     "half a job"),
    ("quota", {"cpus": "4"}, None, f"{N0}.quota.cpus: {NO_QUOTA}", "Kubernetes would refuse the ResourceQuota"),
    ("limits", {"default": {"disk": "1Gi"}}, None,
     f"{N0}.limits.default.disk: is not a field here: remove it or correct its spelling", "a container has no disk"),
    ("limits", {"default": {"cpu": "500m"}, "max": {"cpu": "0.4"}}, None,
     f"{N0}.limits.max.cpu: 0.4 is less than the 500m of default: raise it", "Kubernetes would refuse the LimitRange"),
    ("limits", {"min": {"memory": "1Gi"}, "defaultRequest": {"memory": "1000M"}}, None,
     f"{N0}.limits.defaultRequest.memory: 1000M is less than the 1Gi of min: raise it", "in different units"),
    ("networkPolicy", {"enabled": "yes"}, f"{N0}.networkPolicy.enabled: type",
     f"{N0}.networkPolicy.enabled: must be true or false", "a switch"),
    ("networkPolicy", {"from": ["*"]}, f"{N0}.networkPolicy.from[0]: pattern",
     f'{N0}.networkPolicy.from[0]: "*" is not a DNS-1123 label: use lower case letters, digits and \'-\'', "a name"),
    ("access", [ACCESS | {"role": "cluster-admin"}], f"{N0}.access[0].role: enum",
     f"{N0}.access[0].role: must be 'view', 'edit' or 'admin'", "no other role"),
    ("access", [ACCESS | {"name": "system:masters"}],
     f"{N0}.access[0]: the cluster's own users and groups get no access by a claim",
     f"{N0}.access[0].name: is one of the cluster's own users and groups, which get no access by a claim: remove it",
     "everybody, or those who may do everything"),
    ("access", [ACCESS | {"name": "a b"}], f"{N0}.access[0].name: pattern",
     f"{N0}.access[0].name: is not a name: use no blanks", "one word"),
    ("access", [ACCESS | {"kind": "ServiceAccount"}],
     f"{N0}.access[0]: a ServiceAccount is named with its namespace, and nobody else is",
     f"{N0}.access[0].namespace: is required with kind ServiceAccount", "it lives in one"),
    ("access", [ACCESS | {"kind": "ServiceAccount", "namespace": "ci", "name": "CI"}], None,
     f"{N0}.access[0].name: is no ServiceAccount's: use lower case letters, digits, '-' and '.'", "a DNS name"),
    ("access", [ACCESS | {"namespace": "ci"}],
     f"{N0}.access[0]: a ServiceAccount is named with its namespace, and nobody else is",
     f"{N0}.access[0].namespace: is for kind ServiceAccount only, and kind is Group: remove it", "groups have none"),
    ("access", [ACCESS, ACCESS], None, f"{N0}.access[1]: is the same as item 0: remove one", "the chart refuses it"),
]  # fmt: skip


@pytest.mark.parametrize(("field", "value", "schema", "model", "why"), REFUSALS, ids=[one[3][:70] for one in REFUSALS])
def test_refused(field: str, value: object, schema: str | None, model: str, why: str) -> None:
    """By the API server where a schema can say it, and by the model with the field and the mend."""
    document = claim(field, value)
    if field == "name":
        document["spec"]["namespaces"][0] = {"name": value}
    assert faults(document) == ([schema] if schema else []), why
    with pytest.raises(InvalidClaim) as refusal:
        parse("InfrastructureClaim", document)
    assert str(refusal.value) == model, why


def test_namespaces_are_there_differ_and_are_bounded() -> None:
    """None at all is a claim to delete, which asks before it removes."""
    for namespaces, schema, model in (
        ([], "spec.namespaces: minItems", "spec.namespaces: must not be empty"),
        ([{"name": "a"}, {"name": "a"}], "spec.namespaces[1]: Duplicate",
         'spec.namespaces[1].name: "a" is already the name of item 0: names are unique'),
        ([{"name": f"n{n}"} for n in range(MAX_NAMESPACES + 1)], "spec.namespaces: maxItems",
         "spec.namespaces: has more than 100 items"),
    ):  # fmt: skip
        document = changed(INFRASTRUCTURE, "spec.namespaces", namespaces)
        assert faults(document) == [schema]
        with pytest.raises(InvalidClaim) as refusal:
            parse("InfrastructureClaim", document)
        assert str(refusal.value) == model


def test_an_environment_whose_release_would_be_too_long() -> None:
    """Helm's bound holds for what deploys the namespaces as for every other release."""
    document = changed(INFRASTRUCTURE, "spec.environment", "e" * 34)
    assert faults(document) == ["spec: <environment>-platform-namespaces has at most 53 characters"]
    with pytest.raises(
        InvalidClaim, match="has 54 characters, and at most 53 fit: give the environment a shorter name"
    ):
        parse("InfrastructureClaim", document)
    assert parse("InfrastructureClaim", changed(INFRASTRUCTURE, "spec.environment", "e" * 33))


GOOD: list[tuple[str, object, str]] = [
    ("labels", {"pod-security.kubernetes.io/enforce": "baseline", "team": "", "a.b/c": "x_y.z"},
     "a level that is lower"),
    ("annotations", {"example.com/owner": "ada: 1e3"}, "any text"),
    ("quota", {"requests.cpu": 4, "limits.memory": "8Gi", "requests.nvidia.com/gpu": "1", "pods": 50,
               "gold.storageclass.storage.k8s.io/requests.storage": "1Ti", "hugepages-2Mi": "1Gi",
               "count/deployments.apps": "20"}, "what Kubernetes counts and measures"),
    ("limits", {"min": {"cpu": "10m"}, "defaultRequest": {"cpu": "0.1"}, "default": {"cpu": "100m"},
                "max": {"ephemeral-storage": "1Gi"}}, "the same in different units"),
    ("networkPolicy", {"enabled": False}, "open"),
    ("networkPolicy", {"from": ["a"], "to": ["b"]}, "doors"),
    ("access", [ACCESS, ACCESS | {"role": "edit"}, {"role": "admin", "kind": "User", "name": "ada@example.com"}],
     "one subject with two roles"),
    ("access", [{"role": "admin", "kind": "ServiceAccount", "name": "ci.bot", "namespace": "build"}], "a robot"),
]  # fmt: skip


@pytest.mark.parametrize(("field", "value", "why"), GOOD, ids=[one[2] for one in GOOD])
def test_accepted(field: str, value: object, why: str) -> None:
    """And what goes in comes out."""
    document = claim(field, value)
    assert faults(document) == [], why
    parsed = parse("InfrastructureClaim", document)
    assert isinstance(parsed, InfrastructureClaim)
    assert parsed.model_dump(exclude_unset=True) == document, why


AMOUNTS = [("1", "1000m", "a thousandth"), ("1Ki", "1024", "binary"), ("1k", "1000", "decimal"),
           ("0.5", "500m", "half"), ("1E", "1000P", "the largest"),
           (3, "3", "a number and its text")]  # fmt: skip


@pytest.mark.parametrize(("one", "other", "why"), AMOUNTS, ids=[case[2] for case in AMOUNTS])
def test_amounts(one: int | str, other: str, why: str) -> None:
    """Quantities are compared, whatever unit they are in."""
    assert amount(one) == amount(other), why
