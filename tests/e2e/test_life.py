"""A sandbox from its first start to its end, beside another."""

import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cli import exits
from sandbox.supervisor.process import Process
from sandbox.supervisor.sandbox import ALL
from tests.e2e.command import Infraforge, kubectl, up_arguments

NOTE = "{apiVersion: v1, kind: ConfigMap, metadata: {name: note, namespace: default}, data: {a: b}}"
ADDRESSES = ("kubeconfig", "gitea", "broker", "registry", "functions")


@pytest.fixture(scope="module")
def mine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Infraforge]:
    """A sandbox of this file's own. Each test finds it up, and leaves it in any state."""
    command = Infraforge(tmp_path_factory.mktemp("mine"))
    yield command
    command.run("down")


@pytest.fixture
def up(mine: Infraforge) -> Any:
    """Its object."""
    return mine.up()


def process(infraforge: Infraforge, name: str) -> Process:
    found = Process.load(infraforge.data_dir / "run" / f"{name}.json")
    assert found is not None
    return found


def states(described: Any) -> dict[str, str]:
    return {one["name"]: one["state"] for one in described["components"]}


def test_the_object_has_what_a_script_needs(up: Any) -> None:
    assert up["state"] == "running"
    assert Path(up["kubeconfig"]).is_file()
    assert set(up["gitea"]) == {"url", "organization", "token", "user", "password"}
    assert up["gitea"]["organization"] == "platform"
    assert all(up[part]["url"].startswith("http://127.0.0.1:") for part in ("gitea", "broker", "registry"))
    assert set(up["functions"]) == {"bootstrap", "application", "platform"}
    assert all(function["url"].startswith("http://127.0.0.1:") for function in up["functions"].values())
    assert set(states(up).values()) == {"ready"}


def test_up_again_changes_nothing_and_prints_the_same(mine: Infraforge, up: Any) -> None:
    assert mine.up() == up
    assert mine.json("status") == up
    done = mine.run("up")  # the foreground has nothing to do either, and must not stop what it did not start
    assert done.returncode == exits.OK
    assert mine.json("status") == up


def test_other_options_need_a_stop_first(mine: Infraforge, up: Any) -> None:
    done = mine.run("up", "--detach", "--resync-interval", "7")
    assert done.returncode == exits.FAILED
    assert "runs with other options: stop it first (infraforge down)" in done.stderr


def test_only_its_user_may_look_inside(up: Any) -> None:
    root = Path(up["dataDir"])
    assert root.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o077 for file in (root / "credentials").iterdir()} == {0}
    assert Path(up["kubeconfig"]).stat().st_mode & 0o077 == 0


def test_no_secret_is_on_a_command_line(mine: Infraforge, up: Any) -> None:
    secrets = [file.read_text().strip() for file in (mine.data_dir / "credentials").iterdir()]
    lines = [Path(f"/proc/{one['pid']}/cmdline") for one in up["components"]]
    if not lines[0].exists():
        pytest.skip("this system shows no command lines under /proc")
    shown = "".join(line.read_text() for line in lines)
    assert not [secret for secret in secrets if secret in shown]


def test_down_and_up_keep_everything(mine: Infraforge, up: Any) -> None:
    mine.json("apply", "-f", "-", stdin=NOTE)
    assert set(mine.json("down")["stopped"]) == set(states(up))
    stopped = mine.json("status", code=exits.NOT_RUNNING)
    assert stopped["state"] == "stopped"
    assert {part: stopped[part] for part in ADDRESSES} == {part: up[part] for part in ADDRESSES}
    for name in ("gitea", "broker"):  # as after a power cut: the files are there, and their pids belong to others
        earlier = {"pid": os.getpid(), "began": "1", "boot": "an-earlier-one"}
        (mine.data_dir / "run" / f"{name}.json").write_text(json.dumps(earlier))
    assert mine.run("status").returncode == exits.NOT_RUNNING
    again = mine.up()
    assert {part: again[part] for part in ADDRESSES} == {part: up[part] for part in ADDRESSES}
    assert mine.json("apply", "-f", "-", stdin=NOTE)["applied"][0]["outcome"] == "unchanged"
    assert kubectl(again, "delete", "configmap", "note").returncode == 0


def test_two_sandboxes_live_side_by_side(mine: Infraforge, up: Any, tmp_path: Path) -> None:
    other = Infraforge(tmp_path / "other")
    try:
        described = other.up()
        assert {one["url"] for one in described["components"]}.isdisjoint(one["url"] for one in up["components"])
        assert described["gitea"]["token"] != up["gitea"]["token"]
        other.json("apply", "-f", "-", stdin=NOTE)
        assert kubectl(up, "get", "configmap", "note").returncode != 0
        assert other.run("down", "--purge").returncode == exits.OK
    finally:
        other.run("down")
    assert not other.data_dir.exists()
    assert mine.json("status") == up


def test_a_component_that_ended_is_told_and_mended(mine: Infraforge, up: Any) -> None:
    broker = process(mine, "broker")
    os.kill(broker.pid, signal.SIGKILL)
    broker.end(grace=20)
    described = mine.json("status", code=exits.DEGRADED)
    assert described["state"] == "degraded"
    assert [name for name, state in states(described).items() if state != "ready"] == ["broker"]
    assert "infraforge logs broker" in mine.run("status").stdout
    mended = mine.up()
    assert states(mended)["broker"] == "ready"
    assert mended["broker"] == up["broker"]
    assert process(mine, "gitea") == Process.load(mine.data_dir / "run" / "gitea.json")


def test_a_port_that_is_taken_meanwhile_is_chosen_again(mine: Infraforge, up: Any) -> None:
    assert mine.run("down").returncode == exits.OK
    port = int(up["gitea"]["url"].rpartition(":")[2])
    with socket.create_server(("127.0.0.1", port)):
        again = mine.up()
    assert again["gitea"]["url"] != up["gitea"]["url"]
    assert again["broker"] == up["broker"]
    assert again["gitea"]["token"] == up["gitea"]["token"]
    assert states(again)["application"] == "ready"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_the_foreground_stops_what_it_started(mine: Infraforge, number: signal.Signals) -> None:
    """Ctrl-C, and what a closed terminal or a service manager sends."""
    mine.run("down")
    child = mine.foreground()
    gitea = process(mine, "gitea")
    child.send_signal(number)
    _, problems = child.communicate(timeout=60)
    assert (child.returncode, problems) == (exits.OK, "")
    assert not gitea.alive
    assert mine.run("status").returncode == exits.NOT_RUNNING


def test_an_interrupted_start_stops_what_it_started(mine: Infraforge) -> None:
    mine.run("down")
    line = mine.line("up", "--detach", *up_arguments())
    with subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as child:
        assert child.stderr is not None
        assert child.stderr.readline().rstrip().endswith("ready"), "the first of them is up"
        child.send_signal(signal.SIGINT)
        child.communicate(timeout=60)
    assert child.returncode == exits.INTERRUPTED
    assert mine.json("down")["stopped"] == []


def test_the_foreground_ends_when_somebody_says_down(mine: Infraforge) -> None:
    mine.run("down")
    child = mine.foreground()
    assert mine.run("down").returncode == exits.OK
    child.communicate(timeout=60)
    assert child.returncode == exits.OK


def test_a_killed_foreground_leaves_nothing_that_down_does_not_end(mine: Infraforge) -> None:
    mine.run("down")
    child = mine.foreground()
    child.kill()
    child.communicate()
    assert mine.run("status").returncode == exits.OK, "its processes live on"
    assert mine.run("up", "--detach").returncode == exits.OK
    assert set(mine.json("down")["stopped"]) == set(ALL)
    assert mine.run("status").returncode == exits.NOT_RUNNING
