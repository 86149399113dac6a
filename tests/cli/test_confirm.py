"""`infraforge confirm`, with a real API-server stand-in."""

import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cli import exits
from tests.cli.api import Api, application, contexts, environment
from tests.cli.conftest import Infraforge

ANNOTATION = "platform.infraforge.io/confirm-removal"
TEXT = "remove-2-1a2b3c4d"
MESSAGE = f"the removal of cart, shop is held: annotate the claim with {ANNOTATION}: {TEXT}"
SPEC = environment() | {"applications": [application("shop")]}


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    served = Api.start(tmp_path_factory.mktemp("apiserver"))
    yield served
    served.running.stop()


@pytest.fixture
def claim(api: Api) -> Iterator[None]:
    """A claim in dev."""
    api.create("ApplicationClaim", "dev", "apps", SPEC)
    yield
    api.delete("ApplicationClaim", "dev", "apps")


def hold(api: Api, reason: str = "ConfirmationRequired", confirmation: str | None = TEXT, generation: int = 1) -> None:
    ready = {"type": "Ready", "status": "False", "reason": reason, "message": MESSAGE}
    status: dict[str, Any] = {"observedGeneration": generation, "conditions": [ready]}
    api.set_status("ApplicationClaim", "dev", "apps", status | ({"confirmation": confirmation} if confirmation else {}))


def annotation(api: Api) -> str | None:
    annotations = api.get("ApplicationClaim", "dev", "apps")["metadata"].get("annotations") or {}
    found: str | None = annotations.get(ANNOTATION)
    return found


@pytest.mark.usefixtures("claim")
def test_it_shows_and_confirms_exactly_what_is_held(api: Api, infraforge: Infraforge) -> None:
    hold(api)
    shown = api.run(infraforge, "confirm", "appclaim/dev/apps")
    assert (shown.returncode, "add --yes" in shown.stderr) == (exits.USAGE, True), "nobody can be asked"
    assert MESSAGE in shown.stdout
    assert annotation(api) is None
    done = api.run(infraforge, "confirm", "appclaim/apps", "-n", "dev", "--yes")
    assert (done.returncode, "Confirmed" in done.stdout) == (exits.OK, True)
    assert annotation(api) == TEXT
    again = api.run(infraforge, "confirm", "appclaim/dev/apps")
    assert (again.returncode, "confirmed already" in again.stdout) == (exits.OK, True), "nothing is left to ask"


@pytest.mark.usefixtures("claim")
def test_for_programs(api: Api, infraforge: Infraforge) -> None:
    hold(api)
    shown = api.run(infraforge, "confirm", "appclaim/dev/apps", "-o", "json")
    assert shown.returncode == exits.USAGE
    assert json.loads(shown.stdout) == {
        "kind": "ApplicationClaim",
        "namespace": "dev",
        "name": "apps",
        "message": MESSAGE,
        "confirmation": TEXT,
        "confirmed": False,
    }
    assert api.json(infraforge, "confirm", "appclaim/dev/apps", "--yes")["confirmed"] is True


@pytest.mark.usefixtures("claim")
def test_another_confirmation_needs_another_word(api: Api, infraforge: Infraforge) -> None:
    hold(api)
    api.run(infraforge, "confirm", "appclaim/dev/apps", "--yes")
    hold(api, confirmation="remove-3-99999999")
    assert api.run(infraforge, "confirm", "appclaim/dev/apps").returncode == exits.USAGE
    assert annotation(api) == TEXT


@pytest.mark.usefixtures("claim")
@pytest.mark.parametrize(
    ("held", "message"),
    [
        ({"reason": "Committed", "confirmation": None}, "no removal is held; it says Committed"),
        ({"reason": "Committed"}, "no removal is held"),
        ({"confirmation": None}, "no removal is held"),
        ({"generation": 0}, "try again when a function has looked at it"),
    ],
    ids=str,
)
def test_it_refuses_when_nothing_is_held(api: Api, infraforge: Infraforge, held: Any, message: str) -> None:
    hold(api, **held)
    done = api.run(infraforge, "confirm", "appclaim/dev/apps", "--yes")
    assert (done.returncode, message in done.stderr) == (exits.FAILED, True), done.stderr
    assert annotation(api) is None


def answered(api: Api, words: str) -> "subprocess.Popen[bytes]":
    """The command at a terminal where somebody types `words`."""
    ours, theirs = pty.openpty()
    command = [str(Path(sys.executable).with_name("infraforge")), "confirm", "appclaim/dev/apps"]
    with subprocess.Popen(
        [*command, "--kubeconfig", str(api.running.kubeconfig)], stdin=theirs, stdout=subprocess.DEVNULL, stderr=theirs
    ) as child:
        os.write(ours, words.encode())
        child.wait(60)
    os.close(theirs)
    os.close(ours)
    return child


@pytest.mark.usefixtures("claim")
@pytest.mark.parametrize(("words", "code", "given"), [("n\n", exits.FAILED, None), ("y\n", exits.OK, TEXT)])
def test_at_a_terminal_it_asks(api: Api, words: str, code: int, given: str | None) -> None:
    hold(api)
    assert answered(api, words).returncode == code
    assert annotation(api) == given


@pytest.mark.usefixtures("claim")
def test_a_context_is_chosen(api: Api, infraforge: Infraforge, tmp_path: Path) -> None:
    """As every command has it: the context's cluster, whatever is current."""
    hold(api)
    file = tmp_path / "config"
    file.write_text(contexts(api, "here"))
    given = ("confirm", "appclaim/dev/apps", "--yes", "--kubeconfig", str(file), "--context")
    assert infraforge(*given, "there").returncode == exits.FAILED
    assert annotation(api) is None
    assert infraforge(*given, "here").returncode == exits.OK
    assert annotation(api) == TEXT
