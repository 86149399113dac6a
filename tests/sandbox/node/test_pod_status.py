"""The phase and the status of a Pod, from its containers."""

from typing import Any

import pytest

from sandbox.node.pod_status import ContainerState, last_words, phase, status_of, timed

Json = dict[str, Any]
WAITS: Json = {"waiting": {"reason": "ContainerCreating"}}
RUNS: Json = {"running": {"startedAt": "t"}}
GOOD: Json = {"terminated": {"exitCode": 0}}
BAD: Json = {"terminated": {"exitCode": 1}}


def states(*all_of_them: Json, restarts: int = 0) -> list[ContainerState]:
    """Containers in these states."""
    return [ContainerState(f"c{number}", "x/bootstrap:1", one, {}, restarts) for number, one in enumerate(all_of_them)]


@pytest.mark.parametrize(
    ("policy", "inits", "containers", "expected", "reason"),
    [
        ("Never", [], [WAITS], "Pending", "nothing has begun"),
        ("Never", [RUNS], [WAITS], "Pending", "an init container runs"),
        ("Never", [BAD], [WAITS], "Failed", "an init container has failed for good"),
        ("Always", [BAD], [WAITS], "Pending", "an init container is to be started again"),
        ("Never", [GOOD], [RUNS], "Running", "it runs"),
        ("Never", [], [GOOD, RUNS], "Running", "half of it does"),
        ("Never", [], [GOOD, GOOD], "Succeeded", "all is done"),
        ("Never", [], [GOOD, BAD], "Failed", "one has failed"),
        ("OnFailure", [], [BAD], "Running", "it is to be started again"),
        ("OnFailure", [], [GOOD], "Succeeded", "done at last"),
        ("Always", [], [GOOD], "Running", "a server that ended is started again"),
    ],
)
def test_phases(policy: str, inits: list[Json], containers: list[Json], expected: str, reason: str) -> None:
    assert phase(policy, states(*inits), states(*containers)) == expected, reason


def test_one_that_waits_for_its_restart_runs() -> None:
    assert phase("Always", [], states(WAITS, restarts=1)) == "Running"


@pytest.mark.parametrize(
    ("state", "ready", "why"),
    [
        (RUNS, "True", None),
        (WAITS, "False", "ContainersNotReady"),
        (GOOD, "False", "PodCompleted"),
        (BAD, "False", "PodFailed"),
    ],
)
def test_readiness(state: Json, ready: str, why: str | None) -> None:
    status = status_of("Never", [], states(state), started="t", now="t")
    [condition] = [one for one in status["conditions"] if one["type"] == "Ready"]

    assert (condition["status"], condition.get("reason")) == (ready, why)
    assert status["containerStatuses"][0]["ready"] is (ready == "True")


def test_times_of_conditions() -> None:
    """Only a condition that turns gets a new one."""
    before = status_of("Never", [], states(WAITS), started="t0", now="t0")
    status = timed(status_of("Never", [], states(RUNS), started="t0", now="t1"), before)

    assert {one["type"]: one["lastTransitionTime"] for one in status["conditions"]} == {
        "PodReadyToStartContainers": "t0",
        "Initialized": "t0",
        "Ready": "t1",
        "ContainersReady": "t1",
        "PodScheduled": "t0",
    }


@pytest.mark.parametrize(
    ("log", "shown", "reason"),
    [
        (b"a\nb\n", "a\nb\n", "a short one is shown whole"),
        (b"x\n" * 100, "x\n" * 80, "80 lines at most"),
        (b"y" * 5000, "y" * 2048, "2 KiB at most"),
        (b"", "", "nothing was said"),
    ],
)
def test_the_last_words_of_a_log(log: bytes, shown: str, reason: str) -> None:
    assert last_words(log) == shown, reason
