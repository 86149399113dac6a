"""What happened to a claim's files is told once, and not lost on the way into the status."""

from typing import Any

import pytest

from shared.attempt import Attempt
from shared.claims import PlatformClaim
from shared.claims.status import MAX_HISTORY, HistoryEntry
from shared.errors import KubeConflict, KubeUnavailable
from shared.events import PING, Event
from shared.kinds import PLATFORM
from tests.fakes import FakeKube
from tests.shared.bench import Bench, document, ready


def entry(name: str) -> HistoryEntry:
    return HistoryEntry(time="2026-11-23T12:00:00Z", reason="Drifted", message=name, commit="c", author="A <a@b>")


class Drifting:
    """A function that finds a stranger's change at the first look only: by the second it is restored."""

    def __init__(self, *names: str) -> None:
        self.names = list(names)

    def __call__(self, attempt: Attempt[PlatformClaim]) -> None:
        if self.names:
            attempt.note(entry(self.names.pop(0)))
        ready(attempt)


class Failing(FakeKube):
    """A server that refuses so many status writes."""

    def __init__(self, *errors: Exception) -> None:
        super().__init__()
        self.errors = list(errors)

    def patch_status(self, resource: Any, document: Any, status: Any) -> Any:
        if self.errors:
            raise self.errors.pop(0)
        return super().patch_status(resource, document, status)


def messages(bench: Bench) -> list[str]:
    return [one["message"] for one in bench.status().get("history", [])]


def drifted(bench: Bench) -> list[tuple[str, str]]:
    return [(one["type"], one["message"]) for one in bench.kube.events if one["reason"] == "Drifted"]


def test_an_entry_is_in_the_status_and_told() -> None:
    bench = Bench(Drifting("a"))
    bench.put(document())
    bench.react()
    assert bench.status()["history"] == [
        {"time": "2026-11-23T12:00:00Z", "reason": "Drifted", "message": "a", "commit": "c", "author": "A <a@b>"}
    ]
    assert drifted(bench) == [("Warning", "a")]


def test_the_newest_is_first_and_the_oldest_goes() -> None:
    bench = Bench(Drifting(*(f"{number}" for number in range(MAX_HISTORY + 2))))
    for number in range(MAX_HISTORY + 2):
        bench.put(document(services=[{"name": f"s{number}"}]))
        bench.react()
    assert messages(bench) == [f"{number}" for number in range(MAX_HISTORY + 1, 1, -1)]


def test_a_conflict_in_between_does_not_lose_it() -> None:
    """The restoring commit is made once; the second look finds everything in order, and still tells of it."""
    bench = Bench(Drifting("a"), Failing(KubeConflict("c"), KubeConflict("c")))
    bench.put(document())
    bench.react()
    assert messages(bench) == ["a"]
    assert drifted(bench) == [("Warning", "a")]


def test_a_status_that_could_not_be_written_does_not_lose_it() -> None:
    """The Broker comes back, or the resync does: this process still knows."""
    bench = Bench(Drifting("a"), Failing(KubeUnavailable("down")))
    bench.put(document())
    with pytest.raises(KubeUnavailable):
        bench.react()
    assert messages(bench) == []
    bench.reconciler.react(Event("e", PING))
    assert messages(bench) == ["a"]
    assert drifted(bench) == [("Warning", "a")]


def test_it_is_told_once() -> None:
    """Not again by the next try, nor into the history of whoever comes next by that name."""
    bench = Bench(Drifting("a"))
    bench.put(document())
    bench.react()
    bench.put(document(services=[{"name": "redis"}]))
    bench.react()
    assert messages(bench) == ["a"]
    assert len(drifted(bench)) == 1


def test_who_is_gone_takes_it_along() -> None:
    bench = Bench(Drifting("a"), Failing(KubeUnavailable("down")))
    bench.put(document())
    with pytest.raises(KubeUnavailable):
        bench.react()
    bench.kube.remove(PLATFORM.resource, "dev", "p")
    bench.react()
    bench.put(document())
    bench.react()
    assert messages(bench) == []
