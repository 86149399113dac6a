"""Where the stand-in takes manifests from: charts, values of several sources, registries, and Git with a login."""

import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from sandbox.argocd.api import APPLICATION, APPLICATION_SET, Json
from sandbox.registry.app import create_app
from sandbox.registry.images import load
from sandbox.registry.tokens import Tokens
from tests.sandbox.argocd.manifests import WELL, config_map, manifests
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
    here.forge.push("argo/manifests", files | manifests(config_map("one")))
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
    here.forge.push("argo/manifests", manifests(config_map("one")))
    here.api.create(APPLICATION, application("plain", git("app")))
    until(lambda: here.status("plain") == WELL)
    (clone,) = (tmp_path / "world" / "clones").iterdir()
    found = subprocess.run(["grep", "-r", "Authorization", str(clone)], capture_output=True, check=False)
    assert found.stdout == b""
