"""What the Job controller decides, from a Job and its Pods."""

from typing import Any

import pytest

from sandbox.node import clock
from sandbox.node.jobs import plan

Json = dict[str, Any]
NOW = 1_800_000_000.0


def job(status: Json | None = None, policy: str = "Never", **spec: Any) -> Json:
    """A Job."""
    return {"spec": {"template": {"spec": {"restartPolicy": policy}}, **spec}, "status": status or {}}


def pod(
    phase: str, name: str = "p", *, ended: float = NOW, restarts: int = 0, ready: bool = False, **meta: Any
) -> Json:
    """A Pod of it."""
    container = {"state": {"terminated": {"finishedAt": clock.written(ended)}}, "restartCount": restarts}
    conditions = [{"type": "Ready", "status": str(ready)}]
    status = {"phase": phase, "containerStatuses": [container], "conditions": conditions}
    return {"metadata": {"name": name, **meta}, "status": status}


def started(ago: float, **more: Any) -> Json:
    """The status of a Job that began so many seconds ago."""
    return {"startTime": clock.written(NOW - ago), **more}


FAILED, GOOD, RUNS = pod("Failed"), pod("Succeeded"), pod("Running", "r", ready=True)


@pytest.mark.parametrize(
    ("value", "pods", "create", "reason"),
    [
        (job(), [], 1, "a new one"),
        (job(), [RUNS], 0, "its Pod runs"),
        (job(), [pod("Pending")], 0, "its Pod waits"),
        (job(completions=3, parallelism=2), [GOOD], 2, "as many at once as it may"),
        (job(completions=3, parallelism=2), [GOOD, GOOD, RUNS], 0, "no more than it needs"),
        (job(), [pod("Running", deletionTimestamp="x")], 1, "one that is being deleted does not count"),
        (job(), [pod("Failed", ended=NOW - 9)], 0, "the first pause is not over"),
        (job(), [pod("Failed", ended=NOW - 10)], 1, "it is"),
        (job(), [pod("Failed", ended=NOW - 99), pod("Failed", ended=NOW - 19)], 0, "each pause is twice the last"),
        (job(suspend=True), [], 0, "it is to wait"),
        (job(started(1, conditions=[{"type": "Complete", "status": "True"}])), [], 0, "it is done"),
    ],
)
def test_how_many_pods_it_gets(value: Json, pods: list[Json], create: int, reason: str) -> None:
    assert plan(value, pods, now=NOW, back_off=10).create == create, reason


@pytest.mark.parametrize(
    ("value", "pods", "conditions", "reason"),
    [
        (job(), [RUNS], {}, "under way"),
        (job(), [GOOD], {"SuccessCriteriaMet": "CompletionsReached", "Complete": "CompletionsReached"}, "done"),
        (job(completions=2), [GOOD], {}, "half done"),
        (
            job(backoffLimit=0),
            [FAILED],
            dict.fromkeys(("FailureTarget", "Failed"), "BackoffLimitExceeded"),
            "no try left",
        ),
        (job(backoffLimit=1), [FAILED], {}, "one try left"),
        (
            job(started(0, failed=1), backoffLimit=0),
            [],
            dict.fromkeys(("FailureTarget", "Failed"), "BackoffLimitExceeded"),
            "a Pod that was deleted still counts",
        ),
        (
            job(backoffLimit=0, parallelism=2, completions=2),
            [FAILED, RUNS],
            {"FailureTarget": "BackoffLimitExceeded"},
            "the others end first",
        ),
        (job(policy="OnFailure", backoffLimit=2), [pod("Running", restarts=1)], {}, "restarts inside a Pod"),
        (
            job(policy="OnFailure", backoffLimit=2),
            [pod("Running", restarts=2)],
            {"FailureTarget": "BackoffLimitExceeded"},
            "count as tries",
        ),
        (job(started(10), activeDeadlineSeconds=10), [RUNS], {"FailureTarget": "DeadlineExceeded"}, "too late"),
        (job(started(9), activeDeadlineSeconds=10), [RUNS], {}, "in time"),
        (job(suspend=True), [RUNS], {"Suspended": "JobSuspended"}, "suspended"),
    ],
)
def test_what_its_conditions_say(value: Json, pods: list[Json], conditions: dict[str, str], reason: str) -> None:
    status = plan(value, pods, now=NOW, back_off=10).status

    assert status is not None
    assert {one["type"]: one["reason"] for one in status.get("conditions", ())} == conditions, reason


@pytest.mark.parametrize(
    ("value", "pods", "deleted", "reason"),
    [
        (job(backoffLimit=0, parallelism=2, completions=2), [FAILED, RUNS], ("r",), "it has failed"),
        (job(started(10), activeDeadlineSeconds=5), [RUNS], ("r",), "it takes too long"),
        (job(suspend=True), [RUNS], ("r",), "it is suspended"),
        (job(), [RUNS], (), "all is well"),
        (job(), [GOOD], (), "what has ended stays to be read"),
    ],
)
def test_which_pods_it_ends(value: Json, pods: list[Json], deleted: tuple[str, ...], reason: str) -> None:
    assert plan(value, pods, now=NOW, back_off=10).delete == deleted, reason


def test_a_failure_goes_on_to_its_end() -> None:
    """The Pods that were ended for it count as failed, and what it failed for does not change."""
    first = plan(job(started(10), activeDeadlineSeconds=5), [RUNS], now=NOW, back_off=10)
    last = plan(job(first.status, activeDeadlineSeconds=50), [], now=NOW + 1, back_off=10).status

    assert last is not None
    assert last["failed"] == 1
    assert [(one["type"], one["reason"]) for one in last["conditions"]] == [
        ("FailureTarget", "DeadlineExceeded"),
        ("Failed", "DeadlineExceeded"),
    ]


def test_what_it_counts() -> None:
    """Active, ready, succeeded and failed; null takes a field away."""
    status = plan(job(started(5), completions=4), [RUNS, pod("Pending"), GOOD, FAILED], now=NOW, back_off=10).status

    assert status is not None
    assert {key: status[key] for key in ("active", "ready", "succeeded", "failed")} == {
        "active": 2,
        "ready": 1,
        "succeeded": 1,
        "failed": 1,
    }
    assert status["startTime"] == clock.written(NOW - 5)


@pytest.mark.parametrize(
    ("life", "ended", "expired", "due", "reason"),
    [
        (None, 1000, False, None, "it stays"),
        (60, 61, True, None, "its time is over"),
        (60, 20, False, NOW + 40, "it is not"),
        (0, 0, True, None, "at once"),
    ],
)
def test_how_long_it_stays(life: int | None, ended: float, expired: bool, due: float | None, reason: str) -> None:
    done = [{"type": "Complete", "status": "True"}]
    value = job(started(2000, completionTime=clock.written(NOW - ended), conditions=done), ttlSecondsAfterFinished=life)
    made = plan(value, [GOOD], now=NOW, back_off=10)

    assert (made.status, made.expired, made.due) == (None, expired, due), reason


@pytest.mark.parametrize(
    ("value", "pods", "due", "reason"),
    [
        (job(started(1), activeDeadlineSeconds=10), [RUNS], NOW + 9, "its deadline"),
        (job(started(1)), [pod("Failed", ended=NOW - 4)], NOW + 6, "the end of a pause"),
        (job(started(1)), [RUNS], None, "its Pod tells"),
    ],
)
def test_when_it_is_looked_at_again(value: Json, pods: list[Json], due: float | None, reason: str) -> None:
    assert plan(value, pods, now=NOW, back_off=10).due == due, reason


def test_a_job_that_goes_on() -> None:
    """Its condition says that it does not wait any more."""
    waiting = {"type": "Suspended", "status": "True", "reason": "JobSuspended"}
    made = plan(job({"conditions": [waiting]}), [], now=NOW, back_off=10)

    assert made.create == 1
    assert made.status is not None
    assert [(one["type"], one["status"]) for one in made.status["conditions"]] == [("Suspended", "False")]
