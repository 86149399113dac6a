"""Both kubectls against the server, with their own validation and without a flag that would help it."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
import yaml

from tests.sandbox.apiserver.conftest import RECORDINGS, Running

CLAIM = RECORDINGS / "claim.yaml"
Kubectl = Callable[..., str]


def installed(which: str) -> str | None:
    """Return the path of the machine's kubectl, or of the wheel's beside this Python."""
    wheel = Path(sys.executable).with_name("kubectl")
    if which == "wheel":
        return str(wheel) if wheel.exists() else None
    path = os.pathsep.join(p for p in os.get_exec_path() if Path(p) != wheel.parent)
    return shutil.which("kubectl", path=path)


@pytest.fixture(params=["machine", "wheel"])
def kubectl(request: pytest.FixtureRequest, server: Running, namespace: str, tmp_path: Path) -> Iterator[Kubectl]:
    """Run kubectl in a namespace of the test's own; `fails=True` expects a failure. Returns stdout and stderr."""
    program = installed(request.param)
    if program is None:
        pytest.skip(f"no kubectl: {request.param}")

    def run(*arguments: str, fails: bool = False, stdin: str | None = None, editor: str = "false") -> str:
        command = [program, "--kubeconfig", str(server.kubeconfig), "--cache-dir", str(tmp_path / "cache")]
        result = subprocess.run(
            [*command, "--namespace", namespace, *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            env=os.environ | {"KUBE_EDITOR": editor},
            check=False,
        )
        assert (result.returncode != 0) is fails, result.stdout + result.stderr
        return result.stdout + result.stderr

    yield run


@pytest.fixture
def claim(namespace: str) -> str:
    """The recorded claim in the test's namespace, as text."""
    value = yaml.safe_load(CLAIM.read_text())
    value["metadata"]["namespace"] = namespace
    return str(yaml.safe_dump(value))


def test_apply_get_delete(kubectl: Kubectl, claim: str, namespace: str) -> None:
    """The everyday round: apply, apply again, look, change, delete."""
    assert "created" in kubectl("apply", "-f", "-", stdin=claim)
    # "configured", though nothing changes: the defaults inside the list make kubectl send a patch.
    before = kubectl("get", "appclaim", "dev-apps", "-o", "jsonpath={.metadata.resourceVersion}")
    kubectl("apply", "-f", "-", stdin=claim)
    assert before == kubectl("get", "appclaim", "dev-apps", "-o", "jsonpath={.metadata.resourceVersion}")
    assert "configured" in kubectl("apply", "-f", "-", stdin=claim.replace("v1.2.3", "v1.2.4"))

    table = kubectl("get", "applicationclaims").splitlines()
    assert table[0].split() == ["NAME", "READY", "ENVIRONMENT", "AGE"]
    assert table[1].split()[:2] == ["dev-apps", "dev"]
    everywhere = kubectl("get", "infraforge", "-A")
    assert namespace in everywhere
    shown = yaml.safe_load(kubectl("get", "appclaim", "dev-apps", "-o", "yaml"))
    assert shown["spec"]["applications"][0]["image"]["tag"] == "v1.2.4"
    assert shown["spec"]["applications"][1]["image"]["tag"] == "latest", "defaulted"

    assert "deleted" in kubectl("delete", "appclaim", "dev-apps")
    assert "NotFound" in kubectl("get", "appclaim", "dev-apps", fails=True)


def test_apply_server_side(kubectl: Kubectl, claim: str) -> None:
    """Two managers of one field conflict until one forces it."""
    assert "serverside-applied" in kubectl("apply", "--server-side", "-f", "-", stdin=claim)
    changed = claim.replace("v1.2.3", "v9")
    refused = kubectl("apply", "--server-side", "--field-manager", "other", "-f", "-", stdin=changed, fails=True)
    assert '.spec.applications[name="ecommerce-platform"].image.tag' in refused
    taken = ("apply", "--server-side", "--field-manager", "other", "--force-conflicts", "-f", "-")
    assert "serverside-applied" in kubectl(*taken, stdin=changed)


def test_client_side_then_server_side(kubectl: Kubectl, claim: str) -> None:
    """`kubectl apply --server-side` takes over what `kubectl apply` wrote."""
    kubectl("apply", "-f", "-", stdin=claim)
    assert "serverside-applied" in kubectl("apply", "--server-side", "-f", "-", stdin=claim.replace("v1.2.3", "v2"))


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("clusterType: nonprod", "clusterType: moon", "spec.clusterType: Unsupported value"),
        ("  environment: dev", "  environmen: dev", 'unknown field "spec.environmen"'),
        ("name: user-service", "name: ecommerce-platform", "spec.applications[1]: Duplicate value"),
        ("name: user-service", "name: User_Service", "should match '^[a-z0-9]"),
    ],
    ids=["enum", "misspelt", "duplicate", "pattern"],
)
def test_apply_invalid(kubectl: Kubectl, claim: str, old: str, new: str, says: str) -> None:
    """What the schema refuses is refused with the field's name."""
    assert says in kubectl("apply", "-f", "-", stdin=claim.replace(old, new), fails=True)


def test_apply_immutable(kubectl: Kubectl, claim: str) -> None:
    """A transition rule (CEL with oldSelf) refuses the change of an immutable field."""
    kubectl("apply", "-f", "-", stdin=claim)
    changed = claim.replace("environment: dev", "environment: qa")
    assert "spec.environment: Invalid value: environment is immutable" in kubectl(
        "apply", "-f", "-", stdin=changed, fails=True
    )


def test_diff(kubectl: Kubectl, claim: str) -> None:
    """`kubectl diff` asks for a dry run and shows what would change."""
    kubectl("apply", "-f", "-", stdin=claim)
    shown = kubectl("diff", "-f", "-", stdin=claim.replace("v1.2.3", "v7"), fails=True)
    assert "+        tag: v7" in shown or "+      tag: v7" in shown
    assert "v1.2.3" in kubectl("get", "appclaim", "dev-apps", "-o", "yaml")


def test_edit(kubectl: Kubectl, claim: str) -> None:
    """`kubectl edit` sends what the editor made of the object."""
    kubectl("apply", "-f", "-", stdin=claim)
    kubectl("edit", "appclaim", "dev-apps", editor="sed -i s/v1.2.3/v3/")
    assert "v3" in kubectl("get", "appclaim", "dev-apps", "-o", "jsonpath={.spec.applications[0].image.tag}")


def test_patch_label_annotate_select(kubectl: Kubectl, claim: str) -> None:
    """Merge and JSON patches, labels and annotations, and both kinds of selectors."""
    kubectl("apply", "-f", "-", stdin=claim)
    kubectl("patch", "appclaim", "dev-apps", "--type", "merge", "-p", '{"spec":{"clusterType":"prod"}}')
    replicas = '[{"op":"add","path":"/spec/applications/0/replicas","value":4}]'
    kubectl("patch", "appclaim", "dev-apps", "--type", "json", "-p", replicas)
    kubectl("label", "appclaim", "dev-apps", "team=shop")
    kubectl("annotate", "appclaim", "dev-apps", "note=x")
    value = json.loads(kubectl("get", "appclaim", "dev-apps", "-o", "json"))
    assert value["spec"]["clusterType"] == "prod"
    assert value["spec"]["applications"][0]["replicas"] == 4
    assert value["metadata"]["annotations"]["note"] == "x"
    assert "dev-apps" in kubectl("get", "appclaim", "-l", "team in (shop)")
    assert "No resources found" in kubectl("get", "appclaim", "-l", "team=none")
    assert "dev-apps" in kubectl("get", "appclaim", "--field-selector", "metadata.name=dev-apps")


def test_let_go_of_a_finalizer(kubectl: Kubectl, claim: str) -> None:
    """A claim that a finalizer holds is annotated, then released by hand, as operators do."""
    held = yaml.safe_load(claim)
    held["metadata"]["finalizers"] = ["platform.infraforge.io/cleanup"]
    kubectl("apply", "-f", "-", stdin=yaml.safe_dump(held))
    kubectl("delete", "appclaim", "dev-apps", "--wait=false", "--cascade=orphan")
    kubectl("annotate", "appclaim", "dev-apps", "platform.infraforge.io/confirm-removal=remove-1-0badcafe")
    kubectl("annotate", "appclaim", "dev-apps", "platform.infraforge.io/confirm-removal-")
    assert kubectl("get", "appclaim", "dev-apps", "-o", "jsonpath={.metadata.finalizers[*]}")
    kubectl("patch", "appclaim", "dev-apps", "--type=merge", "-p", '{"metadata":{"finalizers":null}}')
    assert "NotFound" in kubectl("get", "appclaim", "dev-apps", fails=True)


def test_volume_claims(kubectl: Kubectl) -> None:
    """Applied, listed by label with the usual columns, and deleted."""
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "8Gi"}}}
    head = {"apiVersion": "v1", "kind": "PersistentVolumeClaim"}
    claim = head | {"metadata": {"name": "data-0", "labels": {"app": "postgres"}}, "spec": spec}
    assert "created" in kubectl("apply", "-f", "-", stdin=yaml.safe_dump(claim))
    assert "unchanged" in kubectl("apply", "-f", "-", stdin=yaml.safe_dump(claim))
    shown = kubectl("get", "pvc", "-l", "app=postgres")
    assert "STATUS" in shown
    assert "Pending" in shown
    assert "deleted" in kubectl("delete", "pvc", "data-0")


def test_wait(kubectl: Kubectl, claim: str) -> None:
    """`kubectl wait` sees the condition that a status patch sets, and times out on another."""
    kubectl("apply", "-f", "-", stdin=claim)
    status = {"status": {"observedGeneration": 1, "conditions": [{"type": "Ready", "status": "True"}]}}
    patch = ("patch", "appclaim", "dev-apps", "--subresource", "status", "--type", "merge", "-p", json.dumps(status))
    kubectl(*patch)
    assert "condition met" in kubectl("wait", "--for=condition=Ready", "appclaim/dev-apps", "--timeout=10s")
    assert "timed out" in kubectl("wait", "--for=condition=Other", "appclaim/dev-apps", "--timeout=1s", fails=True)


def test_describe_explain_api_resources(kubectl: Kubectl, claim: str) -> None:
    """What kubectl reads of discovery and OpenAPI."""
    kubectl("apply", "-f", "-", stdin=claim)
    assert "Cluster Type:    nonprod" in kubectl("describe", "appclaim", "dev-apps")
    assert "applications\t<[]Object> -required-" in kubectl("explain", "appclaim.spec")
    assert "maxLength" not in kubectl("explain", "appclaim.spec.applications.image.tag")
    row = next(line for line in kubectl("api-resources").splitlines() if line.startswith("applicationclaims"))
    assert row.split() == [
        "applicationclaims",
        "appclaim",
        "platform.infraforge.io/v1alpha1",
        "true",
        "ApplicationClaim",
    ]


def test_watch(kubectl: Kubectl, claim: str) -> None:
    """`kubectl get -w` goes on from its list; here it is ended by its own time limit."""
    kubectl("apply", "-f", "-", stdin=claim)
    shown = kubectl("get", "appclaim", "-w", "--request-timeout=1s")
    assert "dev-apps" in shown


def test_core_kinds(kubectl: Kubectl) -> None:
    """What kubectl creates of built-in kinds (in protobuf) comes back, is patched (strategically) and goes."""
    kubectl("create", "configmap", "settings", "--from-literal=a=b")
    kubectl("create", "secret", "generic", "login", "--from-literal=user=bob")
    kubectl("create", "serviceaccount", "bob")
    assert kubectl("get", "configmap", "settings", "-o", "jsonpath={.data.a}") == "b"
    assert kubectl("get", "secret", "login", "-o", "jsonpath={.data.user}") == "Ym9i"
    kubectl("label", "secret", "login", "team=shop")
    assert "login" in kubectl("get", "secrets", "-l", "team=shop")
    assert "user:  3 bytes" in kubectl("describe", "secret", "login")
    assert "yes" in kubectl("auth", "can-i", "create", "secrets")
    kubectl("delete", "configmap,secret,serviceaccount", "--all")
    assert "No resources found" in kubectl("get", "configmap,secret,serviceaccount")


def test_rights(kubectl: Kubectl, namespace: str) -> None:
    """Roles and bindings are created (in protobuf), asked about, and used with an account's own token."""
    kubectl("create", "serviceaccount", "bob")
    kubectl("create", "role", "reader", "--verb=get,list", "--resource=configmaps")
    kubectl("create", "rolebinding", "bob", "--role=reader", f"--serviceaccount={namespace}:bob")
    bob = f"system:serviceaccount:{namespace}:bob"
    token = kubectl("create", "token", "bob", "--duration=20m").strip()

    assert kubectl("auth", "can-i", "list", "configmaps", "--as", bob) == "yes\n"
    assert kubectl("auth", "can-i", "list", "secrets", "--as", bob, fails=True).endswith("no\n")
    assert "[get list]" in kubectl("auth", "can-i", "--list", "--as", bob)
    assert bob in kubectl("auth", "whoami", "--as", bob)
    assert token.count(".") == 2
    assert "Role/reader" in kubectl("get", "rolebinding", "bob")
    assert "forbidden" in kubectl("get", "secrets", "--as", bob, fails=True)
    assert "No resources found" in kubectl("get", "configmaps", "--as", bob)


def test_pods_and_policies(kubectl: Kubectl, namespace: str) -> None:
    """What kubectl shows of pods, and what it says when a policy refuses."""
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "one"}}
    kubectl("apply", "-f", "-", stdin=yaml.safe_dump(pod | {"spec": {"containers": [{"name": "a", "image": "x:1"}]}}))
    assert kubectl("get", "pods").splitlines()[1].split()[:4] == ["one", "0/1", "Pending", "0"]
    assert "Image:        x:1" in kubectl("describe", "pod", "one")
    kubectl("delete", "pod", "one")
    head = {"apiVersion": "admissionregistration.k8s.io/v1"}
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"]}
    refusal = {"expression": "false", "message": "not today"}
    policy = head | {"kind": "ValidatingAdmissionPolicy", "metadata": {"name": namespace}}
    policy |= {"spec": {"matchConstraints": {"resourceRules": [rule]}, "validations": [refusal]}}
    here = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}}
    binding = head | {"kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": namespace}}
    binding |= {"spec": {"policyName": namespace, "validationActions": ["Deny"], "matchResources": here}}
    kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all([policy, binding]))
    try:
        assert "denied request: not today" in kubectl("create", "configmap", "x", fails=True)
        assert kubectl("get", "validatingadmissionpolicies", namespace).splitlines()[1].split()[1:3] == ["1", "<unset>"]
    finally:
        kubectl("delete", "validatingadmissionpolicy,validatingadmissionpolicybinding", namespace)


def test_namespace_takes_its_content(kubectl: Kubectl, namespace: str, client: httpx.Client) -> None:
    """Deleting a namespace deletes what is in it, and kubectl sees the end."""
    kubectl("create", "configmap", "settings", "--from-literal=a=b")
    assert "deleted" in kubectl("delete", "namespace", namespace)
    assert client.get(f"/api/v1/namespaces/{namespace}/configmaps/settings").status_code == 404


def test_crd_at_run_time(kubectl: Kubectl, tmp_path: Path) -> None:
    """A CRD applied now is served now, and gone when it is deleted."""
    crd = yaml.safe_load((RECORDINGS / "crd.yaml").read_text())
    crd["metadata"]["name"] = "gadgets.test.infraforge.io"
    crd["spec"]["group"] = "test.infraforge.io"
    crd["spec"]["names"] = {"plural": "gadgets", "kind": "Gadget"}
    text = yaml.safe_dump(crd)
    kubectl("apply", "-f", "-", stdin=text)
    try:
        kubectl("wait", "--for=condition=Established", "crd/gadgets.test.infraforge.io", "--timeout=5s")
        assert "unchanged" in kubectl("apply", "-f", "-", stdin=text)
        assert "No resources found" in kubectl("get", "gadgets")
        assert "FIELDS" in kubectl("explain", "gadgets")
    finally:
        kubectl("delete", "crd", "gadgets.test.infraforge.io")
    assert "NotFound" in kubectl("get", "--raw", "/apis/test.infraforge.io/v1alpha1/gadgets", fails=True)
