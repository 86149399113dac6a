"""`infraforge demo`, which is `make demo`."""

from pathlib import Path

from cli import exits
from tests.e2e.command import DEPLOYMENTS, Infraforge


def test_the_demo_shows_everything_and_changes_nothing_the_second_time(tmp_path: Path) -> None:
    infraforge = Infraforge(tmp_path / "demo")
    first = infraforge.json("demo")
    assert first["ready"]
    assert first["voltran"]["newCommits"] == first["voltran"]["commits"] > 0
    assert len(first["claims"]) == len(list(DEPLOYMENTS.rglob("*.yaml")))
    assert infraforge.run("status").returncode == exits.NOT_RUNNING
    second = infraforge.run("demo")
    assert second.returncode == exits.OK, second.stderr
    assert "commits in voltran, none of them new:" in second.stdout
    assert f"infraforge up --data-dir {infraforge.data_dir}" in second.stdout
    assert infraforge.run("status").returncode == exits.NOT_RUNNING
