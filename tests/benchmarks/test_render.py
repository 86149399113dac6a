"""The render gate's figures are of renderings that took place."""

from pathlib import Path

from benchmarks import render


def test_what_is_remembered_is_cheaper_than_what_is_rendered(tmp_path: Path) -> None:
    rows = {row.name.partition(",")[0]: row for row in render.measure(1, tmp_path)}

    remembered, rendered = rows["remembered"].ratio, rows["rendered"].ratio
    assert remembered is not None
    assert rendered is not None
    assert 0 < remembered < rendered < 1
    assert 0 < rows["rendered"].ours < rows["with its start"].ours
