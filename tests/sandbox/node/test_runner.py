"""One Pod's containers as real processes, with an API server and a clock of the test's own."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.node.runner import Place, Runner
from tests.sandbox.node.objects import FakeObjects
from tests.sandbox.node.running import IMAGE, until

Json = dict[str, Any]
IGNORES = """
import pathlib, signal, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
pathlib.Path(sys.argv[1], 'ready').touch()
while True:
    signal.pause()
"""


def container(program: str, name: str = "main", **more: Any) -> Json:
    """A container that runs a Python program, which finds the Pod's scratch folder in its first argument."""
    return {
        "name": name,
        "image": IMAGE,
        "command": ["python", "-c", program],
        "args": ["/scratch"],
        "volumeMounts": [{"name": "scratch", "mountPath": "/scratch"}],
        **more,
    }


class Life:
    """A Pod and its runner, which is told to go on whenever something happens or is due."""

    def __init__(self, folder: Path, *, inits: tuple[Json, ...] = (), status: Json | None = None, **spec: Any) -> None:
        self.api = FakeObjects()
        self.api.account("default")
        self.api.time = time.time()
        self.folder = folder
        self.woken = threading.Event()
        whole = {"restartPolicy": "Never", "volumes": [{"name": "scratch", "emptyDir": {}}], **spec}
        metadata = {"name": "p", "namespace": "platform-system", "uid": "u"}
        document = {"metadata": metadata, "spec": {**whole, "initContainers": list(inits)}, "status": status or {}}
        place = Place(folder / "root", folder / "logs", folder / "run")
        now = lambda: self.api.time  # noqa: E731 - as short as what it says
        self.runner = Runner(document, place, self.api, wake=self.woken.set, now=now, back_off=5)

    @property
    def scratch(self) -> Path:
        """The folder that every container sees."""
        return self.folder / "root/volumes/scratch"

    def states(self, group: str = "containerStatuses") -> list[Json]:
        """The states of the containers."""
        return [one["state"] for one in self.runner.status[group]]

    def go_on(self) -> None:
        """Step until no process runs, and none is about to."""
        due = self.runner.step()
        while self.runner.alive or (due is not None and due <= self.api.time):
            assert self.woken.wait(60), "nothing ended"
            self.woken.clear()
            due = self.runner.step()


@pytest.fixture
def lives(tmp_path: Path) -> Iterator[list[Life]]:
    """Whose processes are ended with the test."""
    made: list[Life] = []
    yield made
    for life in made:
        life.runner.stop(0)


def test_init_containers_come_first(tmp_path: Path) -> None:
    """One after another, each to its end; the others wait."""
    note = "import pathlib, sys; pathlib.Path(sys.argv[1], 'order').open('a').write({!r})"
    inits = (container(note.format("a"), "a"), container(note.format("b"), "b"))
    life = Life(tmp_path, inits=inits, containers=[container(note.format("c"))])
    life.runner.step()
    assert life.states() == [{"waiting": {"reason": "PodInitializing"}}]
    life.go_on()

    assert (life.scratch / "order").read_text() == "abc"
    assert life.runner.status["phase"] == "Succeeded"


def test_an_init_container_that_fails_ends_the_pod(tmp_path: Path) -> None:
    life = Life(tmp_path, inits=(container("raise SystemExit(4)", "init"),), containers=[container("")])
    life.go_on()

    assert (life.runner.status["phase"], life.runner.finished) == ("Failed", True)
    assert life.states("initContainerStatuses")[0]["terminated"]["exitCode"] == 4
    assert life.states() == [{"waiting": {"reason": "PodInitializing"}}]


@pytest.mark.parametrize(
    ("more", "program", "message", "reason"),
    [
        ({}, "print('x'); raise SystemExit(1)", None, "by itself it shows nothing of the log"),
        ({"terminationMessagePolicy": "FallbackToLogsOnError"}, "print('x'); raise SystemExit(1)", "x\n", "the log"),
        ({"terminationMessagePolicy": "FallbackToLogsOnError"}, "print('x')", None, "of a failure only"),
        (
            {"terminationMessagePath": "/scratch/end"},
            "import sys; open(sys.argv[1] + '/end', 'w').write('done')",
            "done",
            "what was written for this",
        ),
    ],
)
def test_termination_messages(more: Json, program: str, message: str | None, reason: str, tmp_path: Path) -> None:
    life = Life(tmp_path, containers=[container(program, **more)])
    life.go_on()

    assert life.states()[0]["terminated"].get("message") == message, reason


def test_back_off(tmp_path: Path) -> None:
    """The first restart comes at once, the next after a pause, which doubles; the last end stays to be read."""
    life = Life(tmp_path, restartPolicy="OnFailure", containers=[container("raise SystemExit(1)")])
    pauses = []
    for _ in range(4):
        life.go_on()
        due = life.runner.step()
        assert due is not None
        pauses.append(round(due - life.api.time))
        [status] = life.runner.status["containerStatuses"]
        assert status["state"]["waiting"]["reason"] == "CrashLoopBackOff"
        assert status["lastState"]["terminated"]["exitCode"] == 1
        life.api.time = due

    assert pauses == [5, 10, 20, 40]
    assert life.runner.status["phase"] == "Running"


def test_a_pods_deadline(tmp_path: Path, lives: list[Life]) -> None:
    """Its processes are ended, and it has failed for that reason."""
    life = Life(tmp_path, activeDeadlineSeconds=60, containers=[container("import signal; signal.pause()")])
    lives.append(life)
    assert life.runner.step() == life.api.time + 60
    life.api.time += 60
    life.go_on()

    status = life.runner.status
    assert (status["phase"], status["reason"]) == ("Failed", "DeadlineExceeded")
    assert life.states()[0]["terminated"]["exitCode"] == 143


def test_a_process_that_does_not_listen(tmp_path: Path, lives: list[Life]) -> None:
    """It is asked to end, and made to when the Pod's grace period is over."""
    life = Life(tmp_path, terminationGracePeriodSeconds=10, containers=[container(IGNORES)])
    lives.append(life)
    life.runner.step()
    until((life.scratch / "ready").exists)
    life.runner.stopping = True
    assert life.runner.step() == life.api.time + 10
    life.api.time += 9
    life.runner.step()
    assert life.runner.alive
    life.api.time += 1
    life.go_on()

    assert life.states()[0]["terminated"]["exitCode"] == 137


def test_what_a_former_node_has_written_counts(tmp_path: Path) -> None:
    """What had ended is not done again, what ran is."""
    ended = {"terminated": {"exitCode": 0, "startedAt": "2026-01-01T00:00:00Z", "finishedAt": "2026-01-01T00:00:01Z"}}
    before = {
        "startTime": "2026-01-01T00:00:00Z",
        "initContainerStatuses": [{"name": "init", "state": ended, "restartCount": 0}],
        "containerStatuses": [{"name": "main", "state": {"running": {"startedAt": "x"}}, "restartCount": 1}],
    }
    never = (container("raise SystemExit('again')", "init"),)
    life = Life(tmp_path, inits=never, status=before, containers=[container("")])
    life.go_on()

    status = life.runner.status
    assert (status["phase"], status["startTime"]) == ("Succeeded", "2026-01-01T00:00:00Z")
    assert status["containerStatuses"][0]["restartCount"] == 2


def test_the_log_of_the_run_before(tmp_path: Path) -> None:
    """Each start begins a new log, and the one before stays for a while."""
    program = (
        "import pathlib, sys; p = pathlib.Path(sys.argv[1], 'n'); print(n := p.exists()); p.touch(); sys.exit(not n)"
    )
    life = Life(tmp_path, restartPolicy="OnFailure", containers=[container(program)])
    life.go_on()

    logs = {path.name: path.read_text() for path in (tmp_path / "logs").iterdir()}
    assert logs == {"main.log": "True\n", "main.previous.log": "False\n"}
