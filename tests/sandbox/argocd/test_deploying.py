"""The stand-in at work where the recording is silent: order, refusals, OCI charts, restarts, deletion."""

import json
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from sandbox.argocd.api import APPLICATION, APPLICATION_SET, NAMESPACE, PROJECT, Json, Kind
from sandbox.registry.app import create_app
from sandbox.registry.images import load
from sandbox.registry.tokens import Tokens
from tests.sandbox.argocd.running import (
    CONFIG_MAP,
    DEPLOYMENT,
    PUBLIC,
    Servers,
    World,
    application,
    application_set,
    folder_spec,
    git,
    until,
    world,
)
from tests.sandbox.argocd.running import NAMESPACE as ARGOCD
from tests.sandbox.timeline.charts import charts
from tests.sandbox.timeline.forge import Forge

WELL = ("Synced", "Healthy", "Succeeded")


def _config_map(name: str, value: str = "1", **metadata: Any) -> Json:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, **metadata},
        "data": {"value": value},
    }


def _manifests(*documents: Json, folder: str = "app") -> dict[str, str]:
    return {f"{folder}/{number}.yaml": json.dumps(document) for number, document in enumerate(documents)}


def _value(here: World, name: str) -> str | None:
    found = here.api.get(CONFIG_MAP, "dev", name)
    return found["data"]["value"] if found else None


def test_plain_manifests_come_change_and_go(here: World) -> None:
    """A folder of manifests: applied, changed, pruned, and taken along when the Application goes."""
    here.forge.push("argo/manifests", _manifests(_config_map("one"), _config_map("two")))
    here.api.create(APPLICATION, application("plain", git("app")))
    until(lambda: here.status("plain") == WELL)
    assert here.application("plain")["status"]["sourceType"] == "Directory"
    here.forge.push("argo/manifests", _manifests(_config_map("one", "2")))
    here.refresh("plain")
    until(lambda: _value(here, "one") == "2" and _value(here, "two") is None)
    until(lambda: here.status("plain") == WELL)
    status = here.application("plain")["status"]
    assert [one["status"] for one in status["operationState"]["syncResult"]["resources"]] == ["Pruned", "Synced"]
    assert [entry["id"] for entry in status["history"]] == [0, 1]
    here.api.delete(APPLICATION, ARGOCD, "plain")
    until(lambda: not here.application("plain"))
    assert _value(here, "one") is None


def _results(here: World, name: str) -> dict[str, tuple[str, str]]:
    """What the last operation did, by object; nothing while one begins."""
    operation = here.application(name)["status"].get("operationState") or {}
    resources = (operation.get("syncResult") or {}).get("resources") or []
    return {one["name"]: (one.get("status", ""), one.get("message", "")) for one in resources}


def test_what_is_not_to_be_pruned_or_deleted_stays(here: World) -> None:
    """The two options, as an annotation of the object."""
    kept = {"annotations": {"argocd.argoproj.io/sync-options": "Prune=false,Delete=false"}}
    here.forge.push("argo/manifests", _manifests(_config_map("other"), _config_map("kept", **kept)))
    here.api.create(APPLICATION, application("plain", git("app")))
    until(lambda: here.status("plain") == WELL)
    here.forge.push("argo/manifests", _manifests(_config_map("other")))
    here.refresh("plain")
    skipped = ("PruneSkipped", "ignored (no prune)")
    until(lambda: _results(here, "plain").get("kept") == skipped)  # the operation before it had none
    assert here.status("plain")[0] == "OutOfSync"
    here.api.delete(APPLICATION, ARGOCD, "plain")
    until(lambda: not here.application("plain"))
    assert (_value(here, "kept"), _value(here, "other")) == ("1", None)


def test_waves_and_kinds_have_their_order(here: World) -> None:
    """Waves first, then Namespace before ConfigMap before everything that is not in ArgoCD's list."""
    wave = {"annotations": {"argocd.argoproj.io/sync-wave": "-1"}}
    role = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "z"}}
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "fresh"}}
    documents = (_config_map("b"), role, namespace, _config_map("a", namespace="fresh"), _config_map("c", **wave))
    here.forge.push("argo/manifests", _manifests(*documents))
    here.api.create(APPLICATION, application("plain", git("app")))
    until(lambda: here.status("plain") == WELL)
    results = here.application("plain")["status"]["operationState"]["syncResult"]["resources"]
    assert [(one["kind"], one["name"]) for one in results] == [
        ("ConfigMap", "c"),
        ("Namespace", "fresh"),
        ("ServiceAccount", "z"),
        ("ConfigMap", "b"),
        ("ConfigMap", "a"),
    ]


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (
            {"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "x"}},
            'The Kubernetes API could not find example.com/Thing for requested resource dev/x. Make sure the "Thing" '
            "CRD is installed on the destination cluster.",
        ),
        (
            {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x"}},
            "resource :Secret is not permitted in project closed",
        ),
    ],
)
def test_objects_that_cannot_be_are_refused_before_anything_is_applied(
    here: World, document: Json, message: str
) -> None:
    """A kind that the server does not know, and one that the project forbids."""
    spec = {
        "sourceRepos": ["*"],
        "destinations": [{"server": "*", "namespace": "*"}],
        "namespaceResourceBlacklist": [{"group": "", "kind": "Secret"}],
    }
    metadata = {"name": "closed", "namespace": ARGOCD}
    here.api.create(
        PROJECT, {"apiVersion": PROJECT.api_version, "kind": "AppProject", "metadata": metadata, "spec": spec}
    )
    here.forge.push("argo/manifests", _manifests(document, _config_map("fine")))
    here.api.create(APPLICATION, application("bad", git("app"), project="closed"))
    until(lambda: "retryCount" in str(here.application("bad").get("status")))
    state = here.application("bad")["status"]["operationState"]
    assert state["message"].startswith("one or more synchronization tasks are not valid. Retrying attempt #1 at ")
    assert [one["message"] for one in state["syncResult"]["resources"]] == [message]
    assert _value(here, "fine") is None


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({**git("app"), "kustomize": {"namePrefix": "x-"}}, "renders Helm charts and plain manifests only"),
        ({**git("chart"), "helm": {"fileParameters": []}}, "does not cover helm.fileParameters"),
        ({**git("chart"), "helm": {"valueFiles": ["own.yaml"]}}, "takes value files from `ref` sources and URLs only"),
        ({**git("app"), "targetRevision": "v9"}, "unable to resolve 'v9' to a commit SHA: revision not found"),
        (git("broken"), "Object 'Kind' is missing in a manifest"),
    ],
)
def test_what_is_not_covered_or_not_there_is_said(here: World, source: Json, message: str) -> None:
    """In the condition of the Application, whose objects are left alone."""
    files = {"chart/Chart.yaml": "apiVersion: v2\nname: chart\nversion: 0.1.0\n", "broken/x.yaml": "a: 1\n"}
    here.forge.push("argo/manifests", files | _manifests(_config_map("one")))
    here.api.create(APPLICATION, application("odd", source))
    until(lambda: here.status("odd")[0] == "Unknown")
    (condition,) = here.application("odd")["status"]["conditions"]
    assert condition["type"] == "ComparisonError"
    assert message in condition["message"]


def test_values_of_all_sources_reach_the_chart(here: World) -> None:
    """A value file of another repository under values of the Application's own, with every string as it was."""
    template = (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Release.Name }}}\ndata: {{ .Values.data | toJson }}\n"
    )
    chart = {"chart/Chart.yaml": "apiVersion: v2\nname: chart\nversion: 0.1.0\n", "chart/templates/x.yaml": template}
    here.forge.push("argo/charts", chart)
    here.forge.push("argo/values", {"dev/values.yaml": 'data: {value: "0o17", more: "1e3", third: "on"}\n'})
    helm = {"valueFiles": ["$values/dev/values.yaml"], "valuesObject": {"data": {"more": "2e3"}}, "releaseName": "shop"}
    sources = [
        {**git("chart", "argo/charts"), "helm": helm},
        {"repoURL": f"{PUBLIC}/argo/values.git", "targetRevision": "main", "ref": "values"},
    ]
    wanted = application("shop", {}, sources=sources)
    del wanted["spec"]["source"]
    here.api.create(APPLICATION, wanted)
    until(lambda: here.status("shop") == WELL)
    found = here.api.get(CONFIG_MAP, "dev", "shop") or {}
    assert found["data"] == {"value": "0o17", "more": "2e3", "third": "on"}


def test_an_object_that_somebody_else_made_is_adopted(here: World) -> None:
    """It is configured, and keeps what ArgoCD does not say."""
    other = _config_map("one", "0", namespace="dev", labels={"theirs": "x"})
    here.api.create(CONFIG_MAP, other)
    here.forge.push("argo/manifests", _manifests(_config_map("one")))
    here.api.create(APPLICATION, application("plain", git("app")))
    until(lambda: here.status("plain") == WELL)
    found = here.api.get(CONFIG_MAP, "dev", "one") or {}
    assert (found["data"]["value"], found["metadata"]["labels"]) == ("1", {"theirs": "x"})
    (result,) = here.application("plain")["status"]["operationState"]["syncResult"]["resources"]
    assert result["message"].startswith("configmap/one configured. Warning: resource configmaps/one is missing the")


def test_healing_has_pauses(here: World) -> None:
    """The first change by hand is undone at once; the next soon after it waits for its turn."""
    here.forge.push("argo/manifests", _manifests(_config_map("one")))
    here.api.create(APPLICATION, application("plain", git("app")))
    until(lambda: here.status("plain") == WELL)
    for attempt in (1, 2):
        here.api.patch(CONFIG_MAP, "dev", "one", {"data": {"value": "mine"}})
        until(lambda: _value(here, "one") == "1")
        until(lambda: here.status("plain") == WELL)
        operation = here.application("plain")["status"]["operationState"]["operation"]
        assert operation["sync"]["autoHealAttemptsCount"] == attempt
    assert _value(here, "one") == "1"


def test_without_self_heal_a_change_by_hand_stays(here: World) -> None:
    """The Application says so, and a new revision puts it right."""
    here.forge.push("argo/manifests", _manifests(_config_map("one")))
    here.api.create(APPLICATION, application("plain", git("app"), syncPolicy={"automated": {"prune": True}}))
    until(lambda: here.status("plain") == WELL)
    here.api.patch(CONFIG_MAP, "dev", "one", {"data": {"value": "mine"}})
    until(lambda: here.status("plain")[0] == "OutOfSync")
    until(lambda: here.argocd.idle)
    assert _value(here, "one") == "mine"
    here.forge.push("argo/manifests", _manifests(_config_map("one", "2")))
    here.refresh("plain")
    until(lambda: _value(here, "one") == "2")


def test_an_operation_that_a_person_asks_for_is_done(here: World) -> None:
    """Without automated sync nothing happens until `operation` is set."""
    here.forge.push("argo/manifests", _manifests(_config_map("one")))
    here.api.create(APPLICATION, application("plain", git("app"), syncPolicy={}))
    until(lambda: here.status("plain")[0] == "OutOfSync")
    assert _value(here, "one") is None
    here.api.patch(APPLICATION, ARGOCD, "plain", {"operation": {"initiatedBy": {"username": "me"}, "sync": {}}})
    until(lambda: here.status("plain") == WELL)
    assert _value(here, "one") == "1"


@pytest.fixture
def registry(servers: Servers) -> Iterator[str]:
    """The sandbox's registry, which asks for tokens."""
    examples = Path(__file__).parents[3] / "sandbox/registry/images.yaml"
    with servers.serving(create_app(load(examples), tokens=Tokens())) as address:
        yield address


@pytest.mark.parametrize("scheme", ["", "oci://"])
def test_a_chart_of_a_registry(servers: Servers, forge: Forge, registry: str, tmp_path: Path, scheme: str) -> None:
    """Pulled with a token, rendered with values from Git; a version that is not there is said."""
    forge.push("argo/values", {"values.yaml": "image: {repository: ghcr.io/x/y, tag: '1'}\n"})
    values = {"repoURL": f"{PUBLIC}/argo/values.git", "targetRevision": "main", "ref": "values"}

    def sources(version: str) -> list[Json]:
        helm = {"releaseName": "shop", "valueFiles": ["$values/values.yaml"]}
        chart = {"repoURL": f"{scheme}ghcr.io/infraforge/charts", "chart": "web-service", "targetRevision": version}
        return [{**chart, "helm": helm}, values]

    wanted = application("shop", {}, sources=sources("0.1.0"))
    del wanted["spec"]["source"]
    with world(servers, tmp_path / "world", forge, {"ghcr.io": registry}) as here:
        here.api.create(APPLICATION, wanted)
        until(lambda: here.status("shop")[::2] == ("Synced", "Succeeded"))
        assert here.application("shop")["status"]["sync"]["revisions"][0] == "0.1.0"
        found = here.api.get(DEPLOYMENT, "dev", "shop") or {}
        assert found["spec"]["template"]["spec"]["containers"][0]["image"] == "ghcr.io/x/y:1"
        here.api.patch(APPLICATION, ARGOCD, "shop", {"spec": {"sources": sources("9.9.9")}})
        until(lambda: here.status("shop")[0] == "Unknown")
        (condition,) = here.application("shop")["status"]["conditions"]
        assert "infraforge/charts/web-service/manifests/9.9.9: response status code 404" in condition["message"]


def test_a_controller_that_was_restarted_goes_on(servers: Servers, forge: Forge, tmp_path: Path) -> None:
    """What became of things while it was away, it sees from what is there: nothing else is its memory."""
    forge.push("argo/manifests", _manifests(_config_map("one"), _config_map("two")))
    with world(servers, tmp_path / "world", forge) as here:
        here.api.create(APPLICATION, application("plain", git("app")))
        until(lambda: here.status("plain") == WELL)
        here.argocd.stop()
        here.api.delete(CONFIG_MAP, "dev", "two")
        here.api.delete(APPLICATION, ARGOCD, "plain")
        with type(here.argocd)(here.argocd.settings):
            until(lambda: not here.application("plain"))
        assert _value(here, "one") is None


def test_a_set_and_its_chart_mapped_by_a_patch(here: World) -> None:
    """Two applications of one chart, one of another; a new folder and a new image are there soon after the wish."""
    here.forge.push("argo/charts", charts())
    folder = {name: f"image: {{repository: ghcr.io/x/{name}, tag: '1'}}\n" for name in ("a", "b", "user-service")}
    patch = (
        '{{- if ne .path.basename "user-service" }}\nspec:\n  sources:\n'
        '    - {repoURL: "http://gitea.test/argo/charts.git", targetRevision: main, path: user-service,\n'
        '       helm: {releaseName: "{{ .path.basename }}", valueFiles: ["$values/{{ .path.path }}/values.yaml"]}}\n'
        '    - {repoURL: "http://gitea.test/argo/voltran.git", targetRevision: main, ref: values}\n{{- end }}\n'
    )
    _push(here, folder)
    here.api.create(APPLICATION_SET, application_set("apps", {**folder_spec(), "templatePatch": patch}))
    until(lambda: all(here.status(name)[::2] == ("Synced", "Succeeded") for name in folder))
    _push(here, folder | {"c": folder["a"].replace("/a", "/c")})
    annotation = {"metadata": {"annotations": {"argocd.argoproj.io/application-set-refresh": "true"}}}
    here.api.patch(APPLICATION_SET, ARGOCD, "apps", annotation)
    until(lambda: bool(here.api.get(DEPLOYMENT, "dev", "c")))
    live = here.api.get(APPLICATION_SET, ARGOCD, "apps") or {}
    assert [one["name"] for one in live["status"]["resources"]] == ["a", "b", "c", "user-service"]


def _push(here: World, folder: Mapping[str, str]) -> None:
    here.forge.push("argo/voltran", {f"apps/{name}/values.yaml": text for name, text in folder.items()})


def test_no_login_is_on_a_command_line(here: World, tmp_path: Path) -> None:
    """Git is given the login by its environment, and keeps none in a clone."""
    here.forge.push("argo/manifests", _manifests(_config_map("one")))
    here.api.create(APPLICATION, application("plain", git("app")))
    until(lambda: here.status("plain") == WELL)
    (clone,) = (tmp_path / "world" / "clones").iterdir()
    found = subprocess.run(["grep", "-r", "Authorization", str(clone)], capture_output=True, check=False)
    assert found.stdout == b""


def test_the_namespace_that_is_missing_is_made_on_wish(here: World) -> None:
    """`CreateNamespace=true`, and not for a project that does not allow it."""
    here.forge.push("argo/manifests", _manifests(_config_map("one")))
    policy = {"automated": {}, "syncOptions": ["CreateNamespace=true"], "retry": {"limit": 0}}
    where = {"server": "https://kubernetes.default.svc", "namespace": "fresh"}
    spec = {"sourceRepos": ["*"], "destinations": [{"server": "*", "namespace": "*"}]}
    project = {"apiVersion": PROJECT.api_version, "kind": "AppProject", "spec": spec}
    here.api.create(PROJECT, project | {"metadata": {"name": "closed", "namespace": ARGOCD}})
    here.api.create(APPLICATION, application("no", git("app"), project="closed", syncPolicy=policy, destination=where))
    until(lambda: here.status("no")[2] == "Failed")
    state = here.application("no")["status"]["operationState"]
    assert state["message"].endswith("reason: resource :Namespace is not permitted in project closed")
    assert here.api.get(NAMESPACE, "", "fresh") is None
    here.api.create(APPLICATION, application("yes", git("app"), syncPolicy=policy, destination=where))
    until(lambda: here.status("yes") == WELL)
    assert here.api.get(NAMESPACE, "", "fresh")


def test_a_spec_that_was_invalid_is_looked_at_when_it_is_mended(here: World) -> None:
    """Its own mending counts, and the project's."""
    here.forge.push("argo/manifests", _manifests(_config_map("one")))
    here.api.create(APPLICATION, application("plain", git("app"), project="late"))
    until(lambda: here.status("plain")[:2] == ("Unknown", "Unknown"))
    (condition,) = here.application("plain")["status"]["conditions"]
    assert condition["message"] == "Application referencing project late which does not exist"
    metadata, spec = {"name": "late", "namespace": ARGOCD}, {"sourceRepos": ["*"], "destinations": []}
    project = {"apiVersion": PROJECT.api_version, "kind": "AppProject", "metadata": metadata, "spec": spec}
    here.api.create(PROJECT, project)
    until(lambda: "do not match any of the allowed" in here.application("plain")["status"]["conditions"][0]["message"])
    here.api.patch(APPLICATION, ARGOCD, "plain", {"spec": {"project": "default"}})
    until(lambda: here.status("plain") == WELL)
    assert "conditions" not in here.application("plain")["status"]


def test_a_kind_in_another_version_than_the_preferred_one_is_applied_as_it_is_written(here: World) -> None:
    """And one in a version that nobody serves is refused by name."""
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "things.example.com"},
        "spec": {
            "group": "example.com",
            "scope": "Cluster",
            "names": {"kind": "Thing", "plural": "things"},
            "versions": [
                {
                    "name": name,
                    "served": True,
                    "storage": name == "v2",
                    "schema": {"openAPIV3Schema": {"type": "object"}},
                }
                for name in ("v1", "v2")
            ],
        },
    }
    here.api.create(Kind("apiextensions.k8s.io", "v1", "", "customresourcedefinitions", namespaced=False), definition)
    things = [
        {"apiVersion": f"example.com/{version}", "kind": "Thing", "metadata": {"name": version}}
        for version in ("v1", "v9")
    ]
    here.forge.push("argo/manifests", _manifests(things[0]))
    here.api.create(APPLICATION, application("plain", git("app")))
    until(lambda: here.status("plain") == WELL)
    found = here.api.get(Kind("example.com", "v2", "Thing", "things", namespaced=False), "", "v1") or {}
    tracked = found["metadata"]["annotations"]["argocd.argoproj.io/tracking-id"]
    assert tracked == "plain:example.com/Thing:dev/v1"
    here.forge.push("argo/manifests", _manifests(*things))
    here.refresh("plain")
    until(lambda: "retryCount" in str(here.application("plain")["status"]))
    results = here.application("plain")["status"]["operationState"]["syncResult"]["resources"]
    assert "could not find example.com/Thing for requested resource dev/v9" in results[0]["message"]
