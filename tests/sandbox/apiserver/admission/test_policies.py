"""ValidatingAdmissionPolicies: what they are about, what they say, and how a refusal is worded."""

from typing import Any

import httpx
import pytest
import yaml

from tests.sandbox.apiserver.access.conftest import CLAIMS, MERGE, Account
from tests.sandbox.apiserver.admission.conftest import BINDINGS, MAPS, POLICIES, Enforce
from tests.sandbox.apiserver.conftest import RECORDINGS

Json = dict[str, Any]
NEVER = {"expression": "false"}
HAS_LABEL = {"key": "a", "operator": "Exists"}
CREATE = MAPS | {"operations": ["CREATE"]}


def post(client: httpx.Client, namespace: str, name: str = "one", **body: Any) -> httpx.Response:
    """Create a ConfigMap."""
    metadata = {"name": name} | body.pop("metadata", {})
    return client.post(f"/api/v1/namespaces/{namespace}/configmaps", json={"metadata": metadata} | body)


def test_a_refusal(client: httpx.Client, namespace: str, enforce: Enforce) -> None:
    """Code, reason, message and cause are those of the real server."""
    enforce({"expression": "object.metadata.name != 'one'", "message": "not that name"})

    answer = post(client, namespace)

    text = f"ValidatingAdmissionPolicy '{namespace}' with binding '{namespace}-all' denied request: not that name"
    assert answer.json() == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": f'configmaps "one" is forbidden: {text}',
        "reason": "Invalid",
        "details": {"name": "one", "kind": "configmaps", "causes": [{"message": text}]},
        "code": 422,
    }
    assert post(client, namespace, "two").status_code == 201


@pytest.mark.parametrize(("reason", "code"), [("Forbidden", 403), ("RequestEntityTooLarge", 413), ("Invalid", 422)])
def test_reasons(client: httpx.Client, namespace: str, enforce: Enforce, reason: str, code: int) -> None:
    """Each reason has its status."""
    enforce(NEVER | {"reason": reason})
    answer = post(client, namespace)

    assert (answer.status_code, answer.json()["reason"]) == (code, reason)
    assert answer.json()["message"].endswith("denied request: failed expression: false")


EXPRESSIONS: list[tuple[str, str, bool]] = [
    ("the object", "object.data.a == 'b'", True),
    ("a field that may be missing", "!has(object.metadata.labels) || 'x' in object.metadata.labels", True),
    ("the stored object of a creation", "oldObject == null", True),
    ("the request", "request.operation == 'CREATE' && request.resource.resource == 'configmaps'", True),
    ("its name", "request.name == 'one' && request.kind.kind == 'ConfigMap' && request.subResource == ''", True),
    ("who asks", "request.userInfo.username == 'kubernetes-admin'", True),
    ("their groups", "request.userInfo.groups.exists(group, group == 'system:masters')", True),
    ("a dry run", "!request.dryRun", True),
    ("the namespace", "namespaceObject.metadata.labels['kubernetes.io/metadata.name'] == request.namespace", True),
    ("whether they may", "authorizer.group('').resource('secrets').namespace('dev').check('get').allowed()", True),
    ("whether they may ask this", "authorizer.requestResource.check('create').allowed()", True),
    ("a path", "authorizer.path('/healthz').check('get').allowed()", True),
    (
        "what an account may",
        "authorizer.serviceAccount('dev', 'x').group('').resource('secrets').check('get').allowed()",
        False,
    ),
    ("why not", "authorizer.serviceAccount('dev', 'x').group('').resource('pods').check('get').reason() == ''", True),
    ("no truth", "object.metadata.name", False),
    ("a variable", "variables.count == 1 && variables.double == 2", True),
    ("a variable that fails, unread", "true || variables.broken == 1", True),
]


@pytest.mark.parametrize(("expression", "passes"), [case[1:] for case in EXPRESSIONS], ids=[c[0] for c in EXPRESSIONS])
def test_expressions(client: httpx.Client, namespace: str, enforce: Enforce, expression: str, passes: bool) -> None:
    """Everything that an expression may look at."""
    variables = [
        {"name": "count", "expression": "size(object.data)"},
        {"name": "double", "expression": "variables.count * 2"},
        {"name": "broken", "expression": "object.spec.none"},
    ]
    enforce({"expression": expression}, variables=variables)

    answer = post(client, namespace, data={"a": "b"})

    assert answer.status_code == (201 if passes else 422), answer.text


FAULTS: list[tuple[str, str, str]] = [
    ("a field that is missing", "object.spec.size > 1", "no such key: spec"),
    (
        "a variable that fails",
        "variables.broken == 1",
        'composited variable "broken" fails to evaluate: no such key: spec',
    ),
]


@pytest.mark.parametrize(("expression", "text"), [case[1:] for case in FAULTS], ids=[case[0] for case in FAULTS])
def test_errors_deny(client: httpx.Client, namespace: str, enforce: Enforce, expression: str, text: str) -> None:
    """An expression that ends in an error refuses the request and says which error."""
    enforce({"expression": expression}, variables=[{"name": "broken", "expression": "object.spec.none"}])

    message = post(client, namespace).json()["message"]

    assert message.endswith(f"denied request: expression '{expression}' resulted in error: {text}")


def test_errors_may_be_ignored(client: httpx.Client, namespace: str, enforce: Enforce) -> None:
    """`failurePolicy: Ignore` takes an error for a yes; a no stays a no."""
    enforce(
        {"expression": "object.spec.size > 1"}, {"expression": "object.metadata.name != 'no'"}, failurePolicy="Ignore"
    )

    assert post(client, namespace, "yes").status_code == 201
    assert post(client, namespace, "no").status_code == 422


MATCHES: list[tuple[str, Json, bool]] = [
    ("the operation", {"rules": [CREATE]}, True),
    ("another operation", {"rules": [MAPS | {"operations": ["DELETE"]}]}, False),
    ("any operation", {"rules": [MAPS | {"operations": ["*"]}]}, True),
    ("another resource", {"rules": [MAPS | {"resources": ["secrets"]}]}, False),
    ("any resource", {"rules": [MAPS | {"resources": ["*"]}]}, True),
    ("a subresource", {"rules": [MAPS | {"resources": ["configmaps/status"]}]}, False),
    ("the resource and all below", {"rules": [MAPS | {"resources": ["configmaps/*"]}]}, True),
    ("another group", {"rules": [MAPS | {"apiGroups": ["apps"]}]}, False),
    ("another version", {"rules": [MAPS | {"apiVersions": ["v2"]}], "match": {"matchPolicy": "Exact"}}, False),
    ("inside namespaces", {"rules": [MAPS | {"scope": "Namespaced"}]}, True),
    ("outside namespaces", {"rules": [MAPS | {"scope": "Cluster"}]}, False),
    ("the name", {"rules": [MAPS | {"resourceNames": ["one"]}]}, True),
    ("another name", {"rules": [MAPS | {"resourceNames": ["two"]}]}, False),
    ("what is excluded", {"match": {"excludeResourceRules": [MAPS | {"resourceNames": ["one"]}]}}, False),
    ("the labels", {"match": {"objectSelector": {"matchLabels": {"a": "b"}}}}, True),
    ("other labels", {"match": {"objectSelector": {"matchLabels": {"a": "c"}}}}, False),
    (
        "labels by expression",
        {"match": {"objectSelector": {"matchExpressions": [{"key": "a", "operator": "Exists"}]}}},
        True,
    ),
    ("other namespaces", {"match": {"namespaceSelector": {"matchLabels": {"team": "x"}}}}, False),
    ("a condition", {"matchConditions": [{"name": "mine", "expression": "request.name == 'one'"}]}, True),
    ("a condition that fails", {"matchConditions": [{"name": "mine", "expression": "request.name == 'two'"}]}, False),
    (
        "a failing condition beside an error",
        {"matchConditions": [{"name": "a", "expression": "object.x.y"}, {"name": "b", "expression": "false"}]},
        False,
    ),
]


@pytest.mark.parametrize(("policy", "concerned"), [case[1:] for case in MATCHES], ids=[case[0] for case in MATCHES])
def test_what_a_policy_is_about(
    client: httpx.Client, namespace: str, enforce: Enforce, policy: Json, concerned: bool
) -> None:
    """Rules, selectors and conditions choose the requests."""
    enforce(NEVER, **policy)

    answer = post(client, namespace, metadata={"labels": {"a": "b"}})

    assert answer.status_code == (422 if concerned else 201), answer.text


def test_updates_and_deletions(client: httpx.Client, namespace: str, enforce: Enforce) -> None:
    """An update has the new version, a deletion the old one; a status is another resource."""
    claim = yaml_claim(namespace)
    path = f"{CLAIMS}/namespaces/{namespace}/applicationclaims"
    client.post(path, json=claim).raise_for_status()
    rule = {"apiGroups": ["platform.infraforge.io"], "apiVersions": ["v1alpha1"], "resources": ["applicationclaims"]}
    enforce(
        {"expression": "request.operation != 'UPDATE' || !has(object.metadata.labels)"},
        {"expression": "request.operation != 'DELETE' || (object == null && has(oldObject.metadata.annotations))"},
        rules=[rule | {"operations": ["UPDATE", "DELETE"]}],
    )
    one = f"{path}/{claim['metadata']['name']}"

    labelled = client.patch(one, json={"metadata": {"labels": {"a": "b"}}}, headers=MERGE)
    status = client.patch(f"{one}/status", json={"status": {"observedGeneration": 1}}, headers=MERGE)
    early = client.delete(one)
    client.patch(one, json={"metadata": {"annotations": {"a": "b"}}}, headers=MERGE).raise_for_status()
    late = client.delete(one)

    assert [labelled.status_code, status.status_code, early.status_code, late.status_code] == [422, 200, 422, 200]


def yaml_claim(namespace: str) -> Json:
    """Return the recorded claim for a namespace."""
    claim: Json = yaml.safe_load((RECORDINGS / "claim.yaml").read_text())
    claim["metadata"]["namespace"] = namespace
    return claim


def test_messages(client: httpx.Client, namespace: str, enforce: Enforce) -> None:
    """A messageExpression speaks; where it cannot, the message does."""
    enforce(
        {"expression": "false", "messageExpression": "'no ' + object.data.a", "message": "plain"},
        matchConditions=[{"name": "maps", "expression": "true"}],
    )

    assert post(client, namespace, data={"a": "b"}).json()["message"].endswith("denied request: no b")
    assert post(client, namespace).json()["message"].endswith("denied request: plain")


def test_warnings(client: httpx.Client, namespace: str, enforce: Enforce) -> None:
    """A binding that warns lets the request through and says so in a header."""
    enforce(NEVER | {"message": "hm"}, actions=("Warn", "Audit"))
    answer = post(client, namespace)

    assert answer.status_code == 201
    text = f"Validation failed for ValidatingAdmissionPolicy '{namespace}' with binding '{namespace}-all': hm"
    assert answer.headers["Warning"] == f'299 - "{text}"'


def test_dry_runs_are_judged(client: httpx.Client, namespace: str, enforce: Enforce) -> None:
    """A dry run shows what the policy would say."""
    enforce({"expression": "!request.dryRun"})
    path = f"/api/v1/namespaces/{namespace}/configmaps"

    assert client.post(f"{path}?dryRun=All", json={"metadata": {"name": "x"}}).status_code == 422
    assert client.post(path, json={"metadata": {"name": "x"}}).status_code == 201


def test_who_may_confirm(client: httpx.Client, namespace: str, enforce: Enforce, account: Account) -> None:
    """A virtual verb, asked of RBAC, decides who may change an annotation."""
    claim, path = yaml_claim(namespace), f"{CLAIMS}/namespaces/{namespace}/applicationclaims"
    client.post(path, json=claim).raise_for_status()
    rule = {"apiGroups": ["platform.infraforge.io"], "apiVersions": ["*"], "resources": ["*"], "operations": ["UPDATE"]}
    annotation = "'platform.infraforge.io/confirm-removal'"
    enforce(
        {
            "expression": "variables.old == variables.new || authorizer.requestResource.check('confirm').allowed()",
            "message": "only who may confirm may confirm",
            "reason": "Forbidden",
        },
        rules=[rule],
        variables=[
            {
                "name": name,
                "expression": f"has({value}.metadata.annotations) && {annotation} in {value}.metadata.annotations ? "
                f"{value}.metadata.annotations[{annotation}] : ''",
            }
            for name, value in (("old", "oldObject"), ("new", "object"))
        ],
    )
    grants = {"apiGroups": ["platform.infraforge.io"], "resources": ["applicationclaims"]}
    editor = account("editor", [grants | {"verbs": ["patch"]}])
    owner = account("owner", [grants | {"verbs": ["patch", "confirm"]}])
    one = f"{path}/{claim['metadata']['name']}"
    confirm = {"metadata": {"annotations": {"platform.infraforge.io/confirm-removal": "x"}}}
    other = {"metadata": {"annotations": {"note": "x"}}}

    refused = editor.patch(one, json=confirm, headers=MERGE)
    allowed = [editor.patch(one, json=other, headers=MERGE), owner.patch(one, json=confirm, headers=MERGE)]

    assert (refused.status_code, refused.json()["reason"]) == (403, "Forbidden")
    assert refused.json()["message"].endswith("denied request: only who may confirm may confirm")
    assert [answer.status_code for answer in allowed] == [200, 200]


def test_a_policy_without_a_binding(client: httpx.Client, namespace: str, enforce: Enforce) -> None:
    """It says nothing, from the moment that its binding is gone."""
    enforce(NEVER)
    assert post(client, namespace).status_code == 422
    client.delete(f"{BINDINGS}/{namespace}-all")
    assert post(client, namespace).status_code == 201


def test_defaults_and_status(client: httpx.Client, namespace: str, enforce: Enforce) -> None:
    """What is left out is filled in, and the expressions are reported as looked at."""
    enforce(NEVER)
    found = client.get(f"{POLICIES}/{namespace}").json()

    assert found["spec"]["failurePolicy"] == "Fail"
    assert found["spec"]["matchConstraints"]["matchPolicy"] == "Equivalent"
    assert found["spec"]["matchConstraints"]["resourceRules"][0]["scope"] == "*"
    assert found["status"] == {"observedGeneration": 1, "typeChecking": {}}


BAD: list[tuple[str, Json, str, str]] = [
    ("no expression", {"validations": [{"expression": " "}]}, "spec.validations[0].expression", "Required value"),
    ("no CEL", {"validations": [{"expression": "object."}]}, "spec.validations[0].expression", "compilation failed"),
    (
        "an unknown function",
        {"validations": [{"expression": "guess(object)"}]},
        "spec.validations[0].expression",
        "undeclared reference to 'guess'",
    ),
    (
        "an unknown name",
        {"validations": [{"expression": "thing.name == 'x'"}]},
        "spec.validations[0].expression",
        "undeclared reference to 'thing'",
    ),
    (
        "a field that no request has",
        {"validations": [{"expression": "request.user == 'x'"}]},
        "spec.validations[0].expression",
        "undefined field 'user'",
    ),
    (
        "a field that no user has",
        {"validations": [{"expression": "request.userInfo.name == 'x'"}]},
        "spec.validations[0].expression",
        "undefined field 'name'",
    ),
    (
        "a field that no resource has",
        {"validations": [{"expression": "request.resource.name == 'x'"}]},
        "spec.validations[0].expression",
        "undefined field 'name'",
    ),
    (
        "a library that Kubernetes does not have",
        {"validations": [{"expression": "math.abs(object.x) == 1"}]},
        "spec.validations[0].expression",
        "undeclared reference to 'abs'",
    ),
    (
        "a variable that comes later",
        {"variables": [{"name": "a", "expression": "variables.b"}, {"name": "b", "expression": "1"}]},
        "spec.variables[0].expression",
        "compilation failed",
    ),
    (
        "an authorizer in a message",
        {"validations": [{"expression": "true", "messageExpression": "authorizer.path('/').check('get').reason()"}]},
        "spec.validations[0].messageExpression",
        "compilation failed",
    ),
    ("parameters", {"paramKind": {"apiVersion": "v1", "kind": "ConfigMap"}}, "spec.paramKind", "is not covered"),
    ("no rule", {"matchConstraints": {}}, "spec.matchConstraints.resourceRules", "Required value"),
    ("nothing to say", {"validations": []}, "spec.validations", "must contain at least one item"),
    ("another failure policy", {"failurePolicy": "Maybe"}, "spec.failurePolicy", 'supported values: "Fail", "Ignore"'),
    (
        "another reason",
        {"validations": [{"expression": "true", "reason": "Teapot"}]},
        "spec.validations[0].reason",
        "Unsupported value",
    ),
]


@pytest.mark.parametrize(("spec", "field", "text"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_policies_that_are_refused(client: httpx.Client, namespace: str, spec: Json, field: str, text: str) -> None:
    """A policy that could not be enforced is not stored."""
    good = {"matchConstraints": {"resourceRules": [MAPS]}, "validations": [NEVER]}
    answer = client.post(POLICIES, json={"metadata": {"name": namespace}, "spec": good | spec})

    assert answer.status_code == 422, answer.text
    causes = {cause["field"]: cause["message"] for cause in answer.json()["details"]["causes"]}
    assert text in causes[field]


def test_bindings_that_are_refused(client: httpx.Client, namespace: str) -> None:
    """A binding names its policy and its actions."""
    for spec, text in (
        ({"policyName": "x", "validationActions": []}, "at least one validation action is required"),
        ({"policyName": "x", "validationActions": ["Deny", "Warn"]}, "must not contain both Deny and Warn"),
        ({"policyName": "x", "validationActions": ["Shrug"]}, "Unsupported value"),
        ({"validationActions": ["Deny"]}, "spec.policyName: Required value"),
    ):
        answer = client.post(BINDINGS, json={"metadata": {"name": namespace}, "spec": spec})
        assert answer.status_code == 422
        assert text in answer.json()["message"]
