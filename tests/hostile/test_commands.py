"""Git's command lines, as Git sees them: nothing of a claim is in any, whatever the claim says."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.functions.gitea import GiteaServer
from tests.functions.platform import Platform, example, ready
from tests.hostile.strategies import ADDRESSES, HOSTILE, OPTIONS, PATHS, TEMPLATES

MARK = "zz-of-the-claim"
WRAPPER = """\
#!/bin/sh
printf '%s\\n' "$*" >> {log}
exec {git} "$@"
"""


@pytest.fixture
def lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A file that gets a line for every `git` that is started, whoever starts it."""
    git = shutil.which("git")
    assert git is not None
    folder, log = tmp_path / "bin", tmp_path / "lines"
    folder.mkdir()
    (folder / "git").write_text(WRAPPER.format(log=log, git=git))
    (folder / "git").chmod(0o755)
    log.touch()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")  # where the machine has its git
    yield log


@pytest.fixture
def platform(gitea_server: GiteaServer, tmp_path: Path) -> Iterator[Platform]:
    platform = Platform(gitea_server, tmp_path / "caches")
    yield platform
    platform.gitea.close()


def _marked(text: str) -> str:
    return f"{text}{MARK}"


def _hostile(claim: dict[str, Any]) -> dict[str, Any]:
    """The claim with every hostile string wherever a valid claim can hold one."""
    strings = [one for one in HOSTILE if "\ud800" not in one and "\udc00" not in one]
    values = {_marked(one): [_marked(one), {"x": _marked(one)}] for one in strings}
    for application in claim["spec"]["applications"]:
        application["values"] = values
    claim["metadata"]["annotations"] = {"platform.infraforge.io/resolve-images": _marked("--upload-pack=touch x\n")}
    claim["metadata"]["labels"] = {"a": _marked("--exec=x")}
    return claim


def test_nothing_of_a_claim_is_on_a_command_line(platform: Platform, lines: Path) -> None:
    """The values are in Git, and every `git` was started with words of our own only."""
    platform.bootstrap()
    live = platform.apply(_hostile(example("dev/dev-apps-claim.yaml")))
    assert ready(live)[0] == "True", ready(live)
    started = lines.read_text().splitlines()
    assert len(started) >= 3
    assert not [line for line in started if MARK in line]
    assert MARK in platform.file("environments/nonprod/dev/applications/user-service/values.yaml")
    assert MARK in platform.git("log", "-1", "--format=%B", "main") or "zlib+base64" in platform.git(
        "log", "-1", "main"
    )


@pytest.mark.parametrize("field", ["organization", "type", "environment"])
def test_no_bootstrap_claim_gets_a_hostile_name_to_git(platform: Platform, lines: Path, field: str) -> None:
    """Names become repositories, folders and addresses: what is none is refused before any Git is started."""
    for text in {*PATHS, *OPTIONS, *TEMPLATES, *ADDRESSES} - {"con"}:  # which is a good name on any machine of ours
        claim = example("bootstrap-claim.yaml")
        spec = claim["spec"]
        if field == "organization":
            platform.organization = text
        elif field == "type":
            spec["clusters"][0]["type"] = text
        else:
            spec["clusters"][0]["environments"][0] = text
        status, reason, message = ready(platform.apply(claim))
        assert (status, reason) == ("False", "InvalidClaim"), text
        assert message.startswith("spec."), text
    assert lines.read_text() == ""
