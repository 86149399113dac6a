"""What is said of a sandbox's parts without asking any of them."""

from pathlib import Path

import pytest

from sandbox.supervisor.directory import DataDirectory
from sandbox.supervisor.options import ArgoCD, Options, Record
from sandbox.supervisor.sandbox import ALL, Sandbox


@pytest.mark.parametrize(("argocd", "state"), [("sandbox", "stopped"), ("external", "external"), ("off", None)])
def test_argocd_is_ours_a_real_one_or_not_there(tmp_path: Path, argocd: ArgoCD, state: str | None) -> None:
    directory = DataDirectory(tmp_path)
    directory.create()
    Record(Options(argocd=argocd)).save(directory)
    states = {one.name: one.state for one in Sandbox(directory).states()}
    assert states.get("argocd") == state
    assert set(states) | {"argocd"} == set(ALL)
