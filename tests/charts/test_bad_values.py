"""Values that a chart refuses, in the exact words of bad-values.yaml."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import helm_python
import pytest
import yaml

from tests.charts.engine import render
from tests.charts.examples import APPLICATION_CHARTS, ROOT

WEB = ["ecommerce-platform", "order-service", "product-service", "user-service"]
"""Have the schema of web-service, so each of its cases is theirs."""


def _cases() -> Iterator[dict[str, Any]]:
    for case in yaml.safe_load((Path(__file__).parent / "bad-values.yaml").read_text()):
        same = WEB if case["chart"] == "web-service" else []
        for chart in (case["chart"], *same, *case.get("also", [])):
            yield case | {"chart": chart}


CASES = list(_cases())
SCHEMA = "values don't meet the specifications of the schema(s) in the following chart(s):\n{chart}:\n- {error}\n"


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['chart']}: {case['values']}")
def test_a_bad_value_is_refused_in_these_words(case: dict[str, Any]) -> None:
    with pytest.raises(helm_python.HelmError) as refusal:
        render(ROOT / "charts" / case["chart"], case["values"].encode(), release="dev-some-release", namespace="dev")

    said, template = str(refusal.value), f"execution error at ({case['chart']}/templates/"
    if said.startswith(template):
        assert said.partition("): ")[2] == case["error"], case["why"]
    else:
        assert said == SCHEMA.format(**case), case["why"]


def test_every_chart_refuses_a_lot() -> None:
    tried = Counter(case["chart"] for case in CASES)

    assert tried.keys() == {chart.name for chart in APPLICATION_CHARTS}
    assert min(tried.values()) >= 60
