"""Every value for a chart of another project is one that the chart knows, and would be missed if it were misspelt."""

import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.charts.engine import documents, render
from tests.infrastructure import published, terraform
from tests.infrastructure.life import ROOT, Life
from tests.infrastructure.test_cluster import CHARTS, values_of

KIND = ROOT / "infrastructure" / "kind"
FILES = {"gitea-values.yaml": published.GITEA, "argocd-values.yaml": published.ARGOCD}
RELEASES = {"gitea": published.GITEA, "argocd": published.ARGOCD}


def _values(name: str) -> dict[str, Any]:
    values: dict[str, Any] = yaml.safe_load((KIND / name).read_text())
    return values


def _with(values: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy in which the value at `path` (keys, with a slash between them) is another one."""
    changed = copy.deepcopy(values)
    *above, last = path.split("/")
    place = changed
    for key in above:
        place = place.setdefault(key, {})
    place[last] = value
    return changed


def _pinned(name: str) -> str:
    found = re.search(rf"^{name}=(\S+)$", (KIND / "versions.env").read_text(), re.M)
    assert found, name
    return found[1]


@pytest.mark.parametrize("name", FILES)
def test_a_developers_cluster_sets_what_the_chart_takes(name: str) -> None:
    """Names, types, and the few words that a value may be."""
    assert published.faults(FILES[name].values, _values(name)) == []


@pytest.mark.parametrize("release", RELEASES)
def test_terraform_sets_what_the_chart_takes(life: Life, release: str) -> None:
    """The values as they get into the state."""
    assert published.faults(RELEASES[release].values, values_of(life, release)) == []


def test_the_operators_chart_is_given_nothing(life: Life) -> None:
    """Its pods are as it makes them."""
    assert life.resources("cluster")["helm_release.knative_operator"]["values"] is None


@pytest.mark.parametrize(
    ("pinned", "read"),
    [
        ("GITEA_CHART_VERSION", published.GITEA.version),
        ("ARGOCD_CHART_VERSION", published.ARGOCD.version),
        ("KNATIVE_SERVING_VERSION", published.KNATIVE_VERSION),
        ("KNATIVE_EVENTING_VERSION", published.KNATIVE_VERSION),
    ],
)
def test_the_pinned_version_was_read(pinned: str, read: str) -> None:
    """Names of values change with a chart's major version: Gitea's 13.0.0 refuses most of ours."""
    assert _pinned(pinned) == read, "read the new version's values.yaml and templates, then name it in published.py"


@pytest.mark.parametrize(
    ("name", "path", "value", "reason"),
    [
        ("gitea-values.yaml", "stratgey/type", "Recreate", "a misspelt key would be ignored: two pods on one database"),
        (
            "gitea-values.yaml",
            "strategy/type",
            "recreate",
            "the chart writes the word as it is, and Kubernetes refuses",
        ),
        ("gitea-values.yaml", "deployment/strategy/type", "Recreate", "a name of chart 13"),
        ("gitea-values.yaml", "secrets/admin/passwordMode", "keepUpdated", "a name of chart 13"),
        ("gitea-values.yaml", "gitea/admin/passwordMode", "keepUpdate", "the chart ends with an error"),
        ("gitea-values.yaml", "gitea/admin/existingSecretName", "gitea-admin", "the chart's own password would count"),
        ("gitea-values.yaml", "postgresql-ha/enabled", True, "the chart's database would take SQLite's place"),
        ("gitea-values.yaml", "redis-cluster/enabled", False, "its name before chart 12"),
        ("gitea-values.yaml", "gitea/config/webhook/ALLOWED_HOST_LIST", "private", "deprecated in Gitea 1.27"),
        ("gitea-values.yaml", "gitea/config/security/ALLOWED_HOST_LIST", "private, external", "refused by Gitea 28"),
        ("gitea-values.yaml", "gitea/config/server/ROOT_URI", "http://gitea", "no setting of app.ini"),
        ("argocd-values.yaml", "dex/enable", False, "a misspelt key would be ignored"),
        ("argocd-values.yaml", "configs/params/applicationsetcontroller.policy", "sync", "ArgoCD would delete"),
        ("argocd-values.yaml", f"configs/params/{published.POLICY}", "yes", "not a word that ArgoCD takes for true"),
    ],
)
def test_a_mistake_is_noticed(name: str, path: str, value: Any, reason: str) -> None:
    assert published.faults(FILES[name].values, _with(_values(name), path, value)) != [], reason


@pytest.mark.parametrize("path", ["gitea/config/server/SSH_DOMAIN", "gitea/config/security", "gitea/admin", "strategy"])
def test_what_is_left_out_is_noticed(path: str) -> None:
    """Each has a default of the chart's that is wrong for us."""
    values = _values("gitea-values.yaml")
    *above, last = path.split("/")
    place = values
    for key in above:
        place = place[key]
    del place[last]

    assert published.faults(published.GITEA.values, values) != []


def _knative() -> dict[str, Any]:
    texts = render(
        CHARTS / "knative",
        json.dumps({"version": published.KNATIVE_VERSION}).encode(),
        release="knative",
        namespace="knative-operator",
    )
    objects = documents(*(text for name, text in texts.items() if name.endswith(".yaml")))
    return {it["kind"]: it["spec"] for it in objects if it["kind"] in published.KNATIVE}


@pytest.mark.parametrize("kind", published.KNATIVE)
def test_knatives_operator_takes_its_objects(kind: str) -> None:
    """Whichever of its definitions is installed: an API server refuses an object without what is required."""
    assert published.faults(published.KNATIVE[kind], _knative()[kind]) == []


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        ("ingress", {"kourier": {"enabled": True}}, "one definition asks for all four by name"),
        ("ingress/kourier", {"service-type": "ClusterIP"}, "and for enabled in each"),
        ("ingress/kourier/serviceType", "ClusterIP", "pruned without a word: a public load balancer"),
        ("ingress/kourier/service-type", "None", "the operator knows three types"),
        ("version", "v1.23.0", "the operator puts a v in front itself"),
        ("config/network/ingress-class", True, "a ConfigMap holds texts"),
    ],
)
def test_a_mistake_in_knatives_objects_is_noticed(path: str, value: Any, reason: str) -> None:
    schema = published.KNATIVE["KnativeServing"]

    assert published.faults(schema, _with(_knative()["KnativeServing"], path, value)) != [], reason


def test_one_ingress_is_enabled() -> None:
    """Kourier, whose class is the default one."""
    spec = _knative()["KnativeServing"]

    assert [name for name, ingress in spec["ingress"].items() if ingress["enabled"]] == ["kourier"]
    assert spec["config"]["network"]["ingress-class"] == "kourier.ingress.networking.knative.dev"


def test_the_readme_names_what_was_read() -> None:
    """Whoever looks there finds the versions of this table."""
    readme = (terraform.AWS / "README.md").read_text()
    section = readme.partition("## What of other projects' charts was verified")[2]

    for version in (published.GITEA.version, published.ARGOCD.version, f"v{published.KNATIVE_VERSION}"):
        assert version in section, version


def test_the_files_are_those_that_are_installed() -> None:
    script = Path(KIND / "platform.sh").read_text()

    assert sorted(FILES) == sorted(path.name for path in KIND.glob("*-values.yaml"))
    assert [name for name in FILES if f'--values "$here/{name}"' not in script] == []
