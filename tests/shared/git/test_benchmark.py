"""The benchmark runs, and what it counts does not grow."""

import json

import pytest

from benchmarks import git_writer


def test_it_measures_every_method(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--sizes", "5", "200", "--rounds", "1", "--slow-rounds", "1", "--output", "json"]
    assert git_writer.main(arguments) == 0
    found = json.loads(capsys.readouterr().out)
    assert list(found["results"]) == ["5", "200"]
    for rows in found["results"].values():
        assert list(rows) == git_writer.METHODS
        assert rows[git_writer.NOTHING]["requests"] == 1
        assert rows[git_writer.WARM]["fetched_objects"] == 0
        assert rows[git_writer.WARM]["requests"] == 2
    large = found["results"]["200"]
    assert large[git_writer.COLD]["fetched_objects"] < 30 < large[git_writer.CLONE]["fetched_objects"]


def test_people_get_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert git_writer.main(["--sizes", "5", "--rounds", "1", "--slow-rounds", "1", "--push-delay", "0.01"]) == 0
    shown = capsys.readouterr().out
    assert all(method in shown for method in git_writer.METHODS)
