"""One set of two claims: whichever of them is there, and what each folder becomes once Go has rendered it."""

import functools
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from shared import platform_set
from shared.argocd import Layout
from shared.claims import InfrastructureClaim, PlatformClaim
from shared.environments import Environment
from tests.shared.argocd_templates import Renderer
from tests.shared.claims.examples import INFRASTRUCTURE, PLATFORM, changed
from tests.shared.test_argocd import schema

LAYOUT = Layout("http://gitea-http.gitea.svc:3000", "argocd")
ENVIRONMENT = Environment("nonprod", "dev", "platform", None, "c-1", "p-1")
FOLDER = "environments/nonprod/dev/platform"
GOLDEN = Path(__file__).parents[1] / "functions" / "golden"
SERVICES = PlatformClaim.model_validate(
    changed(PLATFORM, "spec.services", [{"name": "db", "chart": {"name": "postgres"}}, {"name": "redis"}])
)
SPACES = InfrastructureClaim.model_validate(INFRASTRUCTURE)


def made(**claims: Any) -> Any:
    """The set's manifest."""
    (content,) = platform_set.files(ENVIRONMENT, LAYOUT, **claims).values()
    return yaml.safe_load(content)


CASES: list[tuple[dict[str, Any], list[dict[str, Any]], str]] = [
    ({"platform": SERVICES, "infrastructure": SPACES}, [{"path": f"{FOLDER}/*"}], "both"),
    ({"platform": SERVICES}, [{"path": f"{FOLDER}/*"}, {"path": f"{FOLDER}/namespaces", "exclude": True}],
     "services alone: namespaces whose claim was lost stay as they are"),
    ({"infrastructure": SPACES}, [{"path": f"{FOLDER}/namespaces"}],
     "namespaces alone: so does a database whose claim was lost"),
]  # fmt: skip


@pytest.mark.parametrize(("claims", "directories", "why"), CASES, ids=[one[2] for one in CASES])
def test_folders(claims: dict[str, Any], directories: list[dict[str, Any]], why: str) -> None:
    manifest = made(**claims)
    assert manifest["spec"]["generators"][0]["git"]["directories"] == directories, why
    jsonschema.Draft202012Validator(schema("ApplicationSet")).validate(manifest)


def test_nobody_wants_it() -> None:
    assert platform_set.files(ENVIRONMENT, LAYOUT) == {}


def test_it_does_not_follow_the_names_of_namespaces() -> None:
    """As a set of applications does not: they come and go without a change of it."""
    other = InfrastructureClaim.model_validate(changed(INFRASTRUCTURE, "spec.namespaces", [{"name": "a-first"}]))
    assert made(infrastructure=other) == made(infrastructure=SPACES)


@pytest.fixture(scope="module")
def renderer(tmp_path_factory: pytest.TempPathFactory) -> Renderer:
    return Renderer(tmp_path_factory.mktemp("argocd"))


ROWS = [
    ("namespaces", "namespaces", "infraforge-namespaces-nonprod", "default"),
    ("db", "postgres", "nonprod", "platform-services"),
    ("redis", "redis", "nonprod", "platform-services"),
]


@pytest.mark.parametrize(("row", "chart", "project", "namespace"), ROWS, ids=[one[0] for one in ROWS])
def test_what_go_makes_of_each_folder(renderer: Renderer, row: str, chart: str, project: str, namespace: str) -> None:
    """Chart, project and destination of each; the namespaces are the same when they are alone."""
    manifests = [made(platform=SERVICES, infrastructure=SPACES)]
    manifests += [made(infrastructure=SPACES)] if row == "namespaces" else [made(platform=SERVICES)]
    found = [renderer.application(one, f"{FOLDER}/{row}") for one in manifests]
    assert json.dumps(found[0]) == json.dumps(found[1])
    assert found[0]["metadata"]["name"] == f"dev-platform-{row}"
    spec = found[0]["spec"]
    assert (spec["sources"][0]["path"], spec["sources"][0]["targetRevision"]) == (chart, "p-1")
    assert (spec["project"], spec["destination"]["namespace"]) == (project, namespace)


@functools.cache
def golden() -> list[tuple[str, Any]]:
    """Everything of ArgoCD's that the functions made of the example claims."""
    loaded = [(path, yaml.safe_load(path.read_text())) for path in sorted(GOLDEN.rglob("*.yaml"))]
    of_argocd = [(path, one) for path, one in loaded if str(one.get("apiVersion", "")).startswith("argoproj.io/")]
    return [(path.relative_to(GOLDEN).as_posix(), one) for path, one in of_argocd]


@pytest.mark.parametrize("place", [place for place, _ in golden()])
def test_what_the_functions_made_is_valid_by_argocds_own_schema(place: str) -> None:
    """Sets, Applications and projects, as they were written and applied."""
    document = dict(golden())[place]
    jsonschema.Draft202012Validator(schema(document["kind"])).validate(document)


def test_every_kind_of_argocds_is_among_them() -> None:
    assert {one["kind"] for _, one in golden()} == {"Application", "ApplicationSet", "AppProject"}
