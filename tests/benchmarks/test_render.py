"""The render gate's figures are of renderings that took place."""

from pathlib import Path

from benchmarks import render


def test_what_is_remembered_is_cheaper_than_what_is_rendered(tmp_path: Path) -> None:
    rows = {row.name.partition(",")[0]: row for row in render.measure(1, tmp_path)}

    remembered, rendered, started = (rows[name].ours for name in ("remembered", "rendered", "with its start"))
    assert 0 < remembered < rendered < started
    assert (rows["remembered"].ratio or 1) < 1
