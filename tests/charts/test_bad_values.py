"""Values that a chart refuses, in the exact words of bad-values.yaml."""

from pathlib import Path
from typing import Any

import helm_python
import pytest
import yaml

from tests.charts.engine import render
from tests.charts.examples import APPLICATION_CHARTS, ROOT

CASES: list[dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "bad-values.yaml").read_text())
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


def test_every_chart_refuses_something() -> None:
    assert {case["chart"] for case in CASES} == {chart.name for chart in APPLICATION_CHARTS}
