"""What each account may do, rule by rule, and that nobody may do more."""

from collections.abc import Iterator

import pytest

from shared.argocd import credential_name
from tests.knative.rendering import ALL, NAMESPACE, OPTIONS, Object, render

EVERYWHERE = ""
ARGOCD = "argocd"
Right = tuple[str, str, str, str, str]
"""Namespace (or everywhere), group, resource, name (or any), verb."""

GROUP = "platform.infraforge.io"
CLAIMS = ("applicationclaims", "bootstrapclaims", "infrastructureclaims", "platformclaims")


def rights(namespace: str, group: str, resources: str, verbs: str, names: str = "*") -> set[Right]:
    """The product of what is listed, blank-separated."""
    return {
        (namespace, group, resource, name, verb)
        for resource in resources.split()
        for name in names.split()
        for verb in verbs.split()
    }


def claims(own: str, read: str) -> set[Right]:
    """What a function does with the claims that it converges, and with those it only looks at."""
    status = " ".join(f"{one}/status" for one in own.split())
    return (
        rights(EVERYWHERE, GROUP, own, "get list patch")
        | rights(EVERYWHERE, GROUP, status, "patch")
        | rights(EVERYWHERE, GROUP, read, "list")
        | rights(EVERYWHERE, "", "events", "create")
    )


DEPLOYS = rights(ARGOCD, "argoproj.io", "applications applicationsets", "get list patch delete")
EXPECTED: dict[str, set[Right]] = {
    "infraforge-bootstrap": claims("bootstrapclaims infrastructureclaims", "applicationclaims platformclaims")
    | rights(EVERYWHERE, "", "persistentvolumeclaims", "list")
    | DEPLOYS
    | rights(ARGOCD, "argoproj.io", "applications", "create")
    | rights(ARGOCD, "argoproj.io", "appprojects", "create patch")
    | rights(ARGOCD, "", "secrets", "create patch", "infraforge-platform-repositories"),
    "infraforge-application": claims("applicationclaims", "platformclaims")
    | rights(EVERYWHERE, "", "secrets", "get list create patch")
    | rights(NAMESPACE, GROUP, "bootstrapclaims", "list")
    | DEPLOYS,
    "infraforge-platform": claims("platformclaims", "applicationclaims infrastructureclaims")
    | rights(EVERYWHERE, "", "persistentvolumeclaims", "list")
    | rights(EVERYWHERE, "", "secrets", "create")
    | rights(NAMESPACE, GROUP, "bootstrapclaims", "list")
    | DEPLOYS,
    "infraforge-deadletters": rights(EVERYWHERE, GROUP, " ".join(CLAIMS), "get")
    | rights(EVERYWHERE, GROUP, " ".join(f"{one}/status" for one in CLAIMS), "patch")
    | rights(EVERYWHERE, "", "events", "create")
    | rights(NAMESPACE, GROUP, "deadletters", "get list create patch delete"),
    "infraforge-source": rights(EVERYWHERE, GROUP, " ".join(CLAIMS), "get list watch")
    | rights(ARGOCD, "argoproj.io", "applications applicationsets", "get list watch")
    | rights(NAMESPACE, GROUP, "deadletters", "get list watch"),
    "infraforge-setup": rights(NAMESPACE, "", "secrets", "create")
    | rights(NAMESPACE, "", "secrets", "get patch", "infraforge-gitea infraforge-argocd infraforge-webhook"),
    "infraforge-test": rights(
        NAMESPACE, GROUP, "applicationclaims infrastructureclaims platformclaims", "get create delete"
    ),
}


@pytest.mark.parametrize("account", EXPECTED)
def test_an_account_may_do_exactly_this(account: str) -> None:
    assert granted(render(), account) == EXPECTED[account]


def test_there_is_no_other_account() -> None:
    accounts = {one["metadata"]["name"] for one in render() if one["kind"] == "ServiceAccount"}

    assert accounts == set(EXPECTED)


@pytest.mark.parametrize("option", ALL)
def test_no_rule_is_open(option: str) -> None:
    """No `*`, nothing about roles, and no subject but our own accounts."""
    objects = render(ALL[option])
    accounts = {one["metadata"]["name"] for one in objects if one["kind"] == "ServiceAccount"}
    for one in objects:
        for rule in one.get("rules") or [] if one["kind"] in {"Role", "ClusterRole"} else []:
            said = [*rule["apiGroups"], *rule["resources"], *rule["verbs"]]
            assert [word for word in said if "*" in word] == [], one["metadata"]["name"]
            assert "rbac.authorization.k8s.io" not in rule["apiGroups"]
            assert not {"bind", "escalate", "impersonate"} & set(rule["verbs"])
        for subject in one.get("subjects", []):
            assert (subject["kind"], subject["namespace"]) == ("ServiceAccount", NAMESPACE)
            assert subject["name"] in accounts


def test_any_organization_is_any_secret_of_argocds() -> None:
    """The wider rule is there for whoever cannot say the names."""
    wide = granted(render(OPTIONS["any-organization"]), "infraforge-bootstrap")

    assert wide - EXPECTED["infraforge-bootstrap"] == rights(ARGOCD, "", "secrets", "create patch")


def test_the_credential_is_called_as_the_function_calls_it() -> None:
    """Whatever an organization is called in Gitea: the role is for the very name that the function writes."""
    named = ["Acme", "acme_shop.eu"]
    held = granted(render({"rbac": {"organizations": named}}), "infraforge-bootstrap")

    wanted = " ".join(credential_name(one) for one in named)
    assert rights(ARGOCD, "", "secrets", "create patch", wanted) <= held


def test_without_a_token_for_argocd_no_secret_of_argocds_is_written() -> None:
    narrow = granted(render(OPTIONS["own-credentials"]), "infraforge-bootstrap")

    assert EXPECTED["infraforge-bootstrap"] - narrow == rights(
        ARGOCD, "", "secrets", "create patch", "infraforge-platform-repositories"
    )


def test_setup_touches_only_the_secrets_that_it_makes() -> None:
    held = granted(render(OPTIONS["some-credentials"]), "infraforge-setup")

    assert held == rights(NAMESPACE, "", "secrets", "create") | rights(
        NAMESPACE, "", "secrets", "get patch", "infraforge-gitea infraforge-webhook"
    )


def test_a_test_elsewhere_has_its_rights_there() -> None:
    held = granted(render(OPTIONS["tested-elsewhere"]), "infraforge-test")

    assert held == rights(NAMESPACE, GROUP, "infrastructureclaims", "get create delete") | rights(
        "sandbox", GROUP, "applicationclaims platformclaims", "get create delete"
    )


@pytest.mark.parametrize(
    ("role", "to", "resources", "verbs"),
    [
        ("view", {"view", "edit", "admin"}, set(CLAIMS), {"get", "list", "watch"}),
        (
            "edit",
            {"edit", "admin"},
            {"applicationclaims", "platformclaims"},
            {"create", "update", "patch", "delete", "deletecollection"},
        ),
        (
            "admin",
            {"admin"},
            {"bootstrapclaims", "infrastructureclaims"},
            {"create", "update", "patch", "delete", "deletecollection"},
        ),
        ("letters", {"admin"}, {"deadletters"}, {"get", "list", "watch", "patch", "delete", "deletecollection"}),
        ("confirm", {"admin"}, set(CLAIMS), {"confirm"}),
    ],
)
def test_people_get_it_by_kubernetes_own_roles(role: str, to: set[str], resources: set[str], verbs: set[str]) -> None:
    (found,) = [
        one for one in render() if one["kind"] == "ClusterRole" and one["metadata"]["name"] == f"infraforge-{role}"
    ]
    prefix = "rbac.authorization.k8s.io/aggregate-to-"
    labels = {name.removeprefix(prefix) for name in found["metadata"]["labels"] if name.startswith(prefix)}
    (rule,) = found["rules"]

    assert (labels, set(rule["resources"]), set(rule["verbs"])) == (to, resources, verbs)
    assert rule["apiGroups"] == [GROUP]


def test_without_aggregation_people_get_it_by_bindings_alone() -> None:
    """The roles are there, since the policy names one of them, and nobody has them by Kubernetes' own."""
    roles = [
        one["metadata"]
        for one in render({"rbac": {"aggregate": False}})
        if one["kind"] == "ClusterRole" and one["metadata"]["labels"]["app.kubernetes.io/component"] == "people"
    ]

    assert {one["name"] for one in roles} == {
        f"infraforge-{name}" for name in ("view", "edit", "admin", "letters", "confirm")
    }
    assert not [label for one in roles for label in one["labels"] if label.startswith("rbac.authorization.k8s.io/")]


def granted(objects: list[Object], account: str) -> set[Right]:
    """All that the bindings of an account come to."""
    found: set[Right] = set()
    for binding in objects:
        if any(subject["name"] == account for subject in binding.get("subjects", [])):
            namespace = binding["metadata"].get("namespace", EVERYWHERE)
            (role,) = [
                one
                for one in objects
                if (one["kind"], one["metadata"]["name"]) == (binding["roleRef"]["kind"], binding["roleRef"]["name"])
                and one["metadata"].get("namespace", EVERYWHERE) == namespace
            ]
            found |= set(_of(role, namespace))
    return found


def _of(role: Object, namespace: str) -> Iterator[Right]:
    for rule in role["rules"]:
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                for name in rule.get("resourceNames", ["*"]):
                    for verb in rule["verbs"]:
                        yield namespace, group, resource, name, verb
