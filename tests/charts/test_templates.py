"""What holds of every template of every chart and library: nothing is copied, nothing drifts, an upgrade is dull."""

import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
import yaml

from functions.bootstrap.charts import self_contained
from shared.helm import Engine
from tests.charts import platform
from tests.charts.engine import documents
from tests.charts.examples import CHARTS, ROOT

TEMPLATES = sorted(
    path for directory in ("charts", "platform-charts") for path in ROOT.glob(f"{directory}/*/templates/*")
)
CALL = re.compile(r'\{\{ include "[a-z]+\.[a-z-]+" \. \}\}')
FEWEST_COPIED = 10
"""Lines in a row. Two StatefulSets have a few less in common: Kubernetes' own words, and calls of the library."""
DRIFTS = re.compile(
    r"(?<![.\w])(lookup|now|ago|date|dateInZone|htmlDate|unixEpoch|rand\w*|shuffle|uuidv4|htpasswd|bcrypt|derivePassword|"
    r"gen(?:CA|SelfSigned|Signed|PrivateKey)\w*|encryptAES|getHostByName|env|expandenv)\b(?! *[:=])"
    r"|\.Capabilities|\.Release\.(?:Revision|IsInstall|IsUpgrade)"
)
"""Functions of Helm and Sprig whose answer is another one tomorrow or elsewhere, and facts that `helm template`, and so
ArgoCD, does not have as a cluster has them: the rendering would differ from what is deployed, for ever."""


def test_no_template_is_copied_between_charts() -> None:
    """What two charts have alike calls the library, in one line."""
    alike: dict[str, set[str]] = defaultdict(set)
    for path in TEMPLATES:
        lines = [line.strip() for line in path.read_text().splitlines() if line.strip()]
        chart = str(path.parent.parent)
        pieces = ["\n".join(lines[at : at + FEWEST_COPIED]) for at in range(max(1, len(lines) - FEWEST_COPIED + 1))]
        for piece in pieces:
            alike[piece].add(chart)

    assert [piece for piece, charts in alike.items() if len(charts) > 1 and not CALL.fullmatch(piece)] == []


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: f"{path.parent.parent.name}/{path.name}")
def test_no_template_asks_the_cluster_the_clock_or_chance(path: Path) -> None:
    actions = re.findall(r"\{\{(?!-? */\*)(.*?)\}\}", path.read_text(), flags=re.DOTALL)
    code = [re.sub(r'"(?:[^"\\]|\\.)*"', '""', action) for action in actions]

    assert [found.group() for action in code for found in DRIFTS.finditer(action)] == []


@pytest.mark.parametrize("word", ["lookup", "randAlphaNum 32", "now | date", ".Capabilities.APIVersions", "uuidv4"])
def test_what_drifts_is_known(word: str) -> None:
    """The search above would find it."""
    assert DRIFTS.search(f" {word} ")


def rendered(chart: Path, version: str) -> list[dict[str, Any]]:
    """The objects of `chart` as if it were of `version`."""
    files = dict(self_contained(chart))
    manifest = yaml.safe_load(files["Chart.yaml"]) | {"version": version}
    files["Chart.yaml"] = yaml.safe_dump(manifest).encode()
    engine = Engine.load()
    assert engine is not None
    values = b"namespaces: [{name: shop}]" if chart.name == platform.NAMESPACES else b"{}"
    return documents(engine.render(files, release="dev-shop", namespace="dev", values=values))


@pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: chart.name)
def test_a_new_version_of_a_chart_alone_restarts_nothing(chart: Path) -> None:
    """Only a label of the objects themselves tells it: no pod is replaced, and no immutable field changes."""
    before, after = (rendered(chart, version) for version in ("0.9.0", "0.9.1+build"))
    labels = {document["metadata"]["labels"].pop("helm.sh/chart", None) for document in (*before, *after)}

    assert before == after
    assert labels == (
        {None} if chart.name == platform.NAMESPACES else {f"{chart.name}-0.9.0", f"{chart.name}-0.9.1_build"}
    )


@pytest.mark.parametrize(
    ("values", "restarts", "why"),
    [
        ("configuration: {consumer_timeout: 1}", True, "RabbitMQ reads its configuration when it starts"),
        ("replicaCount: 3", True, "the list of nodes is a part of it"),
        ("persistence: {size: 9Gi}", False, "nothing that the pods read"),
        ("podDisruptionBudget: {enabled: false}", False, "nothing that the pods read"),
    ],
)
def test_a_changed_configuration_restarts_rabbitmq(values: str, restarts: bool, why: str) -> None:
    """By the checksum in the pods' annotations: a mounted file changes by itself, and nobody reads it again."""
    before, after = (platform.stateful_set("rabbitmq", given)["spec"]["template"] for given in ("", values))

    assert (before["metadata"]["annotations"] != after["metadata"]["annotations"]) is restarts, why
    assert (before != after) is restarts
