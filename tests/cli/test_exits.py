"""Exit codes and messages, as a script sees them."""

import json
from pathlib import Path

import pytest

from cli import exits
from tests.cli.conftest import Infraforge

DEPLOYMENTS = str(Path(__file__).resolve().parents[2] / "deployments")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["status"], exits.NOT_RUNNING, ""),
        (["status", "--export"], exits.NOT_RUNNING, "no sandbox runs in"),
        (["down"], exits.OK, "Nothing was running."),
        (["apply", "-f", DEPLOYMENTS], exits.NOT_RUNNING, "start one with `infraforge up --detach`"),
        (["events", "list"], exits.NOT_RUNNING, "no sandbox runs in"),
        (["logs"], exits.FAILED, "no sandbox was ever started in"),
        (["logs", "kafka"], exits.USAGE, "there is no component 'kafka'; there are apiserver, gitea"),
        (["apply", "-f", "-"], exits.USAGE, "there is nothing to apply in it"),
        (["apply"], exits.USAGE, "Missing option '--filename'"),
        (["up", "--event-source", "kafka"], exits.USAGE, "'kafka' is not one of 'sandbox', 'external'"),
        (["up", "--kubeconfig", "absent"], exits.USAGE, "'absent' does not exist"),
        (["up", "--gitea-url", "https://gitea.example.com"], exits.USAGE, "INFRAFORGE_GITEA_TOKEN"),
        (["up", "--gitea-url", "https://me:secret@gitea.example.com"], exits.USAGE, "without credentials"),
        (["up", "--registry", "ghcr.io"], exits.USAGE, "it must be http(s)://HOST"),
        (["up", "--gitea-token-file", __file__], exits.USAGE, "a token file goes with --gitea-url"),
        (["events", "replay"], exits.USAGE, "name one ID, or --all"),
        (["nonsense"], exits.USAGE, "No such command"),
        ([], exits.USAGE, ""),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_exit_code_and_message(infraforge: Infraforge, arguments: list[str], code: int, message: str) -> None:
    done = infraforge(*arguments, stdin="")
    assert done.returncode == code, done.stderr
    assert message in " ".join(done.stderr.replace("│", "").split())


def test_the_object_of_a_sandbox_that_never_ran(infraforge: Infraforge, tmp_path: Path) -> None:
    done = infraforge("status", "--output", "json")
    described = json.loads(done.stdout)
    assert described["state"] == "stopped"
    assert described["dataDir"] == str(tmp_path / "state" / "infraforge")
    assert described["gitea"] == {
        "url": None,
        "organization": "platform",
        "token": None,
        "user": None,
        "password": None,
    }
    assert {one["state"] for one in described["components"]} == {"stopped"}
    assert not (tmp_path / "state").exists(), "looking creates nothing"


def test_down_speaks_json(infraforge: Infraforge) -> None:
    assert json.loads(infraforge("down", "-o", "json").stdout)["stopped"] == []


def test_a_directory_that_holds_something_else_is_refused(infraforge: Infraforge, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter").write_text("dear")
    done = infraforge("up", "--detach", "--data-dir", str(tmp_path / "mine"))
    assert done.returncode == exits.FAILED
    assert "is not empty and holds no sandbox: name another --data-dir" in done.stderr
    assert infraforge("down", "--purge", "--data-dir", str(tmp_path / "mine")).returncode == exits.OK
    assert (tmp_path / "mine" / "letter").exists()
