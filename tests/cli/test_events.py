"""`infraforge events`, with a real API-server stand-in and the real function; the tests are the source between them."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cli import exits
from tests.cli.conftest import Infraforge
from tests.functions.letterbox import SYSTEM, Letterbox, binary, given_up, receiving
from tests.functions.test_processes import ROOT, stop
from tests.sandbox.apiserver.conftest import start

CRDS = ROOT / "knative" / "files" / "crds"
REPLAY = "platform.infraforge.io/replay"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Letterbox]:
    """One API server, one Broker and one function for all tests of this file."""
    api = start(tmp_path_factory.mktemp("apiserver"), "--crds", str(CRDS), "--namespaces", f"dev,{SYSTEM}")
    with receiving() as broker:
        box = Letterbox.start(api, broker, tmp_path_factory.mktemp("function"))
        yield box
        stop(box.function)
    api.stop()


@pytest.fixture
def box(shared: Letterbox) -> Letterbox:
    """The same, with no letter in it and a Broker that takes everything."""
    shared.clear()
    shared.broker.status = 202
    shared.broker.sent.clear()
    return shared


def keep(box: Letterbox, *ids: str, body: bytes = b'{"spec": {"a": 1}}') -> list[str]:
    """Give events up, one after the other; the names of their letters in that order."""
    for one in ids:
        assert box.post(binary(one, **given_up()), body).status_code == 202
    names = {one["spec"]["event"]["attributes"]["id"]: one["metadata"]["name"] for one in box.letters()}
    return [names[one] for one in ids]


def run(box: Letterbox, infraforge: Infraforge, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return infraforge("events", *arguments, "--kubeconfig", str(box.api.kubeconfig))


def started(box: Letterbox, *arguments: str) -> "subprocess.Popen[str]":
    """The command, while it waits."""
    command = [str(Path(sys.executable).with_name("infraforge")), "events", "replay", *arguments]
    return subprocess.Popen(
        [*command, "--kubeconfig", str(box.api.kubeconfig)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def asked(box: Letterbox, name: str) -> None:
    """Wait until the command has asked for the replay, and play the source that hears of it."""
    deadline = time.monotonic() + 30
    while REPLAY not in ((box.letter(name) or {"metadata": {}})["metadata"].get("annotations") or {}):
        assert time.monotonic() < deadline, "nobody asks for it"
        time.sleep(0.05)  # bounds the polling
    box.tell(name)


def test_list(box: Letterbox, infraforge: Infraforge) -> None:
    assert "No dead letters" in run(box, infraforge, "list").stdout
    first, second = keep(box, "one", "two")
    lines = run(box, infraforge, "list").stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["ID", second, first], "the newest first"
    assert "ApplicationClaim/dev/dev-apps" in lines[1]
    assert "503 GiteaUnavailable: Gitea does not answer" in lines[1]
    assert "1 more" in run(box, infraforge, "list", "--limit", "1").stdout
    listed = json.loads(run(box, infraforge, "list", "-o", "json").stdout)
    assert (listed["total"], [one["name"] for one in listed["items"]]) == (2, [second, first])
    assert "data" not in listed["items"][0]["event"], "a list is for many eyes"


DATA: list[tuple[bytes, Any, str]] = [
    (b'{"spec": {"a": 1}}', {"spec": {"a": 1}}, "JSON is shown as it is"),
    (b"plain", "plain", "text too"),
    (b"\xff\x00", {"base64": "/wA="}, "bytes are not"),
    (b"", None, "nothing is nothing"),
    (b'"' + b"x" * 100_000 + b'"', "x" * 100_000, "what is compressed is unpacked"),
]


@pytest.mark.parametrize(("body", "shown", "reason"), DATA, ids=[case[2] for case in DATA])
def test_show(box: Letterbox, infraforge: Infraforge, body: bytes, shown: Any, reason: str) -> None:
    (name,) = keep(box, "one", body=body)
    document = json.loads(run(box, infraforge, "show", name[:6]).stdout)
    assert document["event"]["data"] == shown, reason
    assert (document["name"], document["code"], document["event"]["attributes"]["id"]) == (name, "503", "one")


def test_replay_waits_until_the_broker_has_it(box: Letterbox) -> None:
    (name,) = keep(box, "one")
    with started(box, name[:8]) as command:
        asked(box, name)
        out, _ = command.communicate(timeout=30)
    assert (command.returncode, out) == (exits.OK, f"{name}: sent again\n")
    assert box.letter(name) is None
    assert len(box.broker.wait(1)) == 1


def test_replay_of_all(box: Letterbox) -> None:
    names = keep(box, "one", "two", "three")
    with started(box, "--all", "-o", "json") as command:
        for name in names:
            asked(box, name)
        out, _ = command.communicate(timeout=30)
    assert command.returncode == exits.OK
    assert {one["name"]: one["state"] for one in json.loads(out)["items"]} == dict.fromkeys(names, "sent")
    assert len(box.broker.sent) == 3


def test_replay_that_the_broker_refuses(box: Letterbox) -> None:
    (name,) = keep(box, "one")
    box.broker.status = 400
    with started(box, name) as command:
        asked(box, name)
        out, _ = command.communicate(timeout=30)
    assert (command.returncode, out) == (exits.FAILED, f"{name}: not sent: the Broker answered 400\n")


def test_replay_that_is_given_up_once_more(box: Letterbox) -> None:
    (name,) = keep(box, "one")
    with started(box, name) as command:
        deadline = time.monotonic() + 30
        while REPLAY not in ((box.letter(name) or {})["metadata"].get("annotations") or {}):
            assert time.monotonic() < deadline
            time.sleep(0.05)  # bounds the polling
        box.post(binary("one", **given_up("400", "InvalidEvent: no")))
        out, _ = command.communicate(timeout=30)
    assert (command.returncode, out) == (exits.FAILED, f"{name}: given up once more: 400 InvalidEvent: no\n")


def test_replay_that_nobody_takes_up(box: Letterbox, infraforge: Infraforge) -> None:
    (name,) = keep(box, "one")
    done = run(box, infraforge, "replay", name, "--timeout", "0")
    assert (done.returncode, "no function has taken it up" in done.stdout) == (exits.FAILED, True)


def test_delete(box: Letterbox, infraforge: Infraforge) -> None:
    first, second = keep(box, "one", "two")
    assert run(box, infraforge, "delete", first).returncode == exits.OK
    assert [one["metadata"]["name"] for one in box.letters()] == [second]


WRONG = [
    (("show", "zz"), exits.FAILED, 'there is no dead letter "zz"'),
    (("delete", ""), exits.FAILED, "there is no dead letter"),
    (("replay",), exits.USAGE, "name one ID, or --all"),
    (("replay", "x", "--all"), exits.USAGE, "name one ID, or --all"),
    (("list", "-n", "nowhere"), exits.OK, ""),
]


@pytest.mark.parametrize(("arguments", "code", "message"), WRONG)
def test_refusals(box: Letterbox, infraforge: Infraforge, arguments: tuple[str, ...], code: int, message: str) -> None:
    keep(box, "one")
    done = run(box, infraforge, *arguments)
    assert (done.returncode, message in done.stderr) == (code, True), done.stderr
    assert len(box.letters()) == 1


def test_a_beginning_that_many_have(box: Letterbox, infraforge: Infraforge) -> None:
    """Of seventeen names two begin alike."""
    names = keep(box, *map(str, range(17)))
    letter = next(one for one in "0123456789abcdef" if sum(name.startswith(one) for name in names) > 1)
    done = run(box, infraforge, "delete", letter)
    assert (done.returncode, "write more" in done.stderr) == (exits.USAGE, True)
    assert len(box.letters()) == 17
