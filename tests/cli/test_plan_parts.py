"""The parts of a plan: trees, the stage, rendered objects, differences."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from cli.cluster import Refused
from cli.plan import differences
from cli.plan.objects import compare, objects
from cli.plan.stage import Query, Stage
from cli.plan.tree import Tree
from cli.plan.wishes import told
from shared.errors import Forbidden
from shared.kinds import APPLICATION
from shared.kube.client import KubeNotFound, Resource
from tests.cli.planned import application, applications

SECRETS = Resource("v1", "secrets")
CONFIG_MAPS = Resource("v1", "configmaps")


# Trees


@pytest.mark.parametrize(
    ("edits", "wanted"),
    [
        ({"a/b": b"2"}, {"a/b": b"2", "a/c/d": b"1", "e": b"1"}),
        ({"a/c": {"x": b"2"}}, {"a/b": b"1", "a/c/x": b"2", "e": b"1"}),
        ({"a/c": {}}, {"a/b": b"1", "e": b"1"}),
        ({"a": None}, {"e": b"1"}),
        ({"a": b"2"}, {"a": b"2", "e": b"1"}),
        ({"e": {"f": b"2"}}, {"a/b": b"1", "a/c/d": b"1", "e/f": b"2"}),
        ({"a/cd": None}, {"a/b": b"1", "a/c/d": b"1", "e": b"1"}),
    ],
    ids=[
        "a file",
        "a folder is exactly that",
        "an empty one is none",
        "a folder goes",
        "a file in its place",
        "a folder in a file's place",
        "a name is no beginning of another",
    ],
)
def test_a_tree_after_edits(edits: Mapping[str, Any], wanted: Mapping[str, bytes]) -> None:
    before = Tree({"a/b": b"1", "a/c/d": b"1", "e": b"1"})
    assert before.after(edits).files == wanted
    assert before.files == {"a/b": b"1", "a/c/d": b"1", "e": b"1"}


def test_names_in_a_tree() -> None:
    tree = Tree({"a/c/d": b"", "a/b": b"", "e": b""})
    assert [tree.names(folder) for folder in ("", "a", "a/c", "e", "absent")] == [
        ("a", "e"),
        ("b", "c"),
        ("d",),
        (),
        (),
    ]


# The stage


class Backing:
    """A cluster that answers GET, and remembers what it was asked."""

    def __init__(self, objects_: Mapping[str, Any], *, forbidden: bool = False) -> None:
        self.objects = objects_
        self.forbidden = forbidden
        self.asked: list[str] = []

    def __call__(self, path: str, query: Query) -> tuple[int, bytes]:
        self.asked.append(path)
        if self.forbidden:
            return 403, json.dumps({"message": f"{path} is forbidden"}).encode()
        found = self.objects.get(path)
        return (200, json.dumps(found).encode()) if found is not None else (404, b"{}")


def config_map(name: str, **data: str) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "dev", "uid": "1", "resourceVersion": "1", "labels": {"app": name}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


PATH = "/api/v1/namespaces/dev/configmaps"


def test_what_is_written_stays_on_the_stage() -> None:
    backing = Backing({f"{PATH}/a": config_map("a", x="1"), PATH: {"items": [config_map("a", x="1")]}})
    stage = Stage(backing)
    kube = stage.kube
    kube.patch(CONFIG_MAPS, "dev", "a", {"data": {"x": "2", "y": "3"}})
    kube.create(CONFIG_MAPS, config_map("b"))
    kube.apply(CONFIG_MAPS, config_map("c"))
    assert kube.get(CONFIG_MAPS, "dev", "a") == config_map("a", x="2", y="3")
    assert [one["metadata"]["name"] for one in kube.list(CONFIG_MAPS, "dev")] == ["a", "b", "c"]
    assert [one["metadata"]["name"] for one in kube.list(CONFIG_MAPS, "dev", labels={"app": "b"})] == ["b"]
    kube.delete(CONFIG_MAPS, "dev", "a")
    assert kube.get(CONFIG_MAPS, "dev", "a") is None
    assert [one["metadata"]["name"] for one in kube.list(CONFIG_MAPS, "dev")] == ["b", "c"]
    assert {path.rpartition("/")[2] for path in backing.asked} <= {"a", "b", "c", "configmaps"}
    befores = dict(stage.before)
    assert befores["api/v1 configmaps", "dev", "a"] == config_map("a", x="1")


def test_what_is_not_there_cannot_be_patched() -> None:
    kube = Stage(Backing({})).kube
    assert kube.patch(CONFIG_MAPS, "dev", "absent", {"data": {}}) is None
    with pytest.raises(KubeNotFound):
        kube.patch_metadata(CONFIG_MAPS, config_map("absent"), {"labels": {}})


def test_secrets_are_never_asked_for() -> None:
    secret = config_map("s", password="aGlkZGVu") | {"kind": "Secret"}
    backing = Backing({"/api/v1/namespaces/dev/secrets/s": secret, "/api/v1/secrets": {"items": [secret]}})
    kube = Stage(backing).kube
    assert kube.get(SECRETS, "dev", "s") is None
    assert list(kube.list(SECRETS)) == []
    assert backing.asked == []


def test_what_may_not_be_listed_is_told_and_what_may_not_be_read_fails() -> None:
    stage = Stage(Backing({}, forbidden=True))
    assert list(stage.kube.list(CONFIG_MAPS, "dev")) == []
    assert stage.refused == [f"{PATH} is forbidden"]
    with pytest.raises(Forbidden):
        stage.kube.get(CONFIG_MAPS, "dev", "a")


def test_what_is_recorded_stands_in_for_what_may_not_be_listed() -> None:
    stage = Stage(
        Backing({}, forbidden=True), lambda collection: [config_map("a")] if "configmaps" in collection else []
    )
    assert [one["metadata"]["name"] for one in stage.kube.list(CONFIG_MAPS)] == ["a"]
    assert [one["metadata"]["name"] for one in stage.kube.list(CONFIG_MAPS, labels={"app": "b"})] == []
    assert list(stage.kube.list(CONFIG_MAPS, "prod")) == []
    stage.put(CONFIG_MAPS, config_map("a", x="1"))
    assert list(stage.kube.list(CONFIG_MAPS, "dev")) == [config_map("a", x="1")]


def test_a_claim_on_the_stage_is_seen_by_whoever_lists_claims() -> None:
    stage = Stage()
    document = applications(application("shop"))
    document["metadata"] |= {"uid": "1", "resourceVersion": "1"}
    stage.put(APPLICATION.resource, document)
    assert list(stage.kube.list(APPLICATION.resource, fields={"spec.environment": "dev"})) == [document]
    stage.forget(APPLICATION.resource, [document])
    assert list(stage.kube.list(APPLICATION.resource)) == []


# Objects


def rendered(*documents: str) -> str:
    return "".join(f"---\n# Source: chart/templates/a.yaml\n{one}\n" for one in documents)


def differing(before: str, after: str) -> list[Any]:
    return list(compare("dev-shop", objects(before, "dev"), objects(after, "dev")))


BUDGET = (
    "apiVersion: policy/{version}\nkind: PodDisruptionBudget\nmetadata: {{name: shop}}\nspec: {{maxUnavailable: 1}}"
)
SECRET = "apiVersion: v1\nkind: Secret\nmetadata: {{name: shop}}\nstringData: {{a: {a}, b: same-secret}}"


def test_a_new_version_of_a_kind_is_the_same_object() -> None:
    (one,) = differing(rendered(BUDGET.format(version="v1beta1")), rendered(BUDGET.format(version="v1")))
    assert (one.kind, one.namespace, one.name, one.change) == ("PodDisruptionBudget", "dev", "shop", "changed")


def test_comments_and_layout_change_nothing() -> None:
    before = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {x: '1'}"
    after = '# why\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n  x: "1"'
    assert differing(rendered(before), rendered(after)) == []


def test_a_secret_is_never_shown_and_its_change_is() -> None:
    (one,) = differing(rendered(SECRET.format(a="old-secret")), rendered(SECRET.format(a="new-secret")))
    assert "-secret" not in one.diff
    assert 'a: "(hidden, and another)"' in one.diff
    (added,) = differing("", rendered(SECRET.format(a="new-secret")))
    assert ("-secret" in added.diff, added.diff.count("(hidden)")) == (False, 2)


def test_a_credential_in_another_object_is_not_shown() -> None:
    deployment = (
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: a}}\nspec: {{containers: [{{name: c, env: "
        "[{{name: API_TOKEN, value: {value}}}]}}]}}"
    )
    (one,) = differing("", rendered(deployment.format(value="hunter2hunter2")))
    assert ("hunter2" in one.diff, "# not shown: spec.containers[0].env[0].value" in one.diff) == (False, True)
    (changed,) = differing(rendered(deployment.format(value="x1y2z3")), rendered(deployment.format(value="hunter2")))
    assert changed.diff == "(it differs in what is not shown)\n"


def test_what_argocd_keeps_is_told() -> None:
    keep = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, annotations: {%s}}"
    option = 'argocd.argoproj.io/sync-options: "Delete=false, Prune=false"'
    for annotation, why in ((option, "sync-options: Prune=false"), ("helm.sh/resource-policy: keep", "keep")):
        (one,) = differing(rendered(keep % annotation), "")
        assert (one.change, one.namespace) == ("removed", "")
        assert why in (one.kept or "")
    (gone,) = differing(rendered(keep % "a: b"), "")
    assert gone.kept is None


WORKLOAD = (
    "apiVersion: apps/v1\nkind: {kind}\nmetadata: {{name: a}}\nspec: {{replicas: {n}, selector: {s}, size: {size}}}"
)


@pytest.mark.parametrize(
    ("kind", "after", "refused"),
    [
        ("StatefulSet", {"n": 2, "s": 1, "size": 1}, None),
        ("StatefulSet", {"n": 2, "s": 1, "size": 2}, "spec.size"),
        ("StatefulSet", {"n": 1, "s": 2, "size": 2}, "spec.selector, spec.size"),
        ("Deployment", {"n": 1, "s": 1, "size": 2}, None),
        ("Deployment", {"n": 1, "s": 2, "size": 1}, "spec.selector"),
        ("ConfigMap", {"n": 1, "s": 2, "size": 1}, None),
    ],
)
def test_what_kubernetes_never_changes_is_told(kind: str, after: dict[str, int], refused: str | None) -> None:
    before = WORKLOAD.format(kind=kind, n=1, s=1, size=1)
    (one,) = differing(rendered(before), rendered(WORKLOAD.format(kind=kind, **after)))
    assert one.refused == refused


def test_tests_of_helm_are_no_objects() -> None:
    test = "apiVersion: v1\nkind: Pod\nmetadata: {name: t, annotations: {helm.sh/hook: test}}"
    hook = test.replace("hook: test", "hook: pre-install")
    assert differing("", rendered(test)) == []
    assert [one.change for one in differing("", rendered(hook))] == ["added"]


def test_what_is_no_yaml_is_shown_as_that() -> None:
    (one,) = differing("", rendered("a: [password: hunter2"))
    assert (one.change, "hunter2" in one.diff, "(no YAML)" in one.diff) == ("added", False, True)


# Differences


@pytest.mark.parametrize(
    ("before", "after", "wanted"),
    [
        ("a\nb\n", "a\nc\n", "--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n"),
        (None, "a\n", "--- /dev/null\n+++ b/f\n@@ -0,0 +1 @@\n+a\n"),
        ("a", "a\n", "--- a/f\n+++ b/f\n@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+a\n"),
        ("a\x85b\x0cc\u2028d\n", "x\n", "--- a/f\n+++ b/f\n@@ -1 +1 @@\n-a\x85b\x0cc\u2028d\n+x\n"),
        ("a\n", "a\n", ""),
    ],
    ids=["changed", "added", "no newline at the end", "what only Python takes for a line's end", "the same"],
)
def test_a_unified_difference(before: str | None, after: str, wanted: str) -> None:
    assert differences.unified("f", before, after) == wanted


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"\xff\xfe", differences.NO_TEXT),
        (b"a\0b", differences.NO_TEXT),
        (b"password: hunter2hunter2\n", differences.HIDDEN),
        (b"a: &x [1]\nb: *x\npassword: hunter2\n", differences.HIDDEN),
        (b"a: " + b"[" * 200 + b"]" * 200, differences.HIDDEN),
        (b"replicas: 1\n", None),
    ],
    ids=["no text", "binary", "a credential", "what Helm's reader refuses", "far too deep", "values"],
)
def test_what_of_a_values_file_is_shown(content: bytes, why: str | None) -> None:
    diff, hidden = differences.shown(None, content, "environments/nonprod/dev/applications/a/values.yaml")
    assert (hidden, bool(diff)) == (why, why is None)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ('spec.environment: Invalid value: "qa": environment is immutable', True),
        ('spec.a: Invalid value: "https://ann:hunter2hunter2@ghcr.io/acme": no image', False),
    ],
    ids=["a rule", "a credential"],
)
def test_an_api_servers_words_are_passed_on_unless_they_quote_a_credential(said: str, shown: bool) -> None:
    assert (told(Refused(said)) == said) is shown
    assert "hunter2" not in told(Refused(said))
