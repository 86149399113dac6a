"""Two clusters' functions push to one Gitea at once, each for the cluster types that it serves."""

import json
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise, repeat
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e import claims
from tests.e2e.box import FUNCTIONS, GIT_ALONE, PATIENCE, Box
from tests.e2e.command import Infraforge
from tests.e2e.repository import Commit
from tests.e2e.waiting import PAUSE, until

TYPES = ("nonprod", "prod")
NUMBER, ROUNDS = 6, 6
APPLICATIONS = ("front", "back")
PLATFORM, SYSTEM = "bootstrapclaim/platform-bootstrap", "platform-system"
ENVIRONMENTS = {type_: [f"{type_[0]}{number}" for number in range(NUMBER)] for type_ in TYPES}


@pytest.fixture(scope="module")
def boxes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Box]]:
    """By the cluster type that each serves. Pushes take long enough to be in each other's way."""
    first = Box(Infraforge(tmp_path_factory.mktemp("first")), options=(*GIT_ALONE, "--gitea-push-delay", "100ms"))
    second = Box(Infraforge(tmp_path_factory.mktemp("second")), host=first)
    try:
        gitea = first.up().described["gitea"]
        token = second.command.data_dir.parent / "token-of-the-first"
        token.write_text(gitea["token"])
        second.options = (*GIT_ALONE, "--gitea-url", gitea["url"], "--gitea-token-file", str(token))
        second.up()
        found = dict(zip(TYPES, (first, second), strict=True))
        with ThreadPoolExecutor(len(TYPES) * len(FUNCTIONS)) as pool:
            serving = [
                pool.submit(box.restart, name, {"INFRAFORGE_CLUSTER_TYPES": json.dumps([type_])})
                for type_, box in found.items()
                for name in FUNCTIONS
            ]
            for one in serving:
                one.result()
        for box in found.values():
            box.apply(claims.bootstrap(**ENVIRONMENTS))  # the same claim in both: each does its own part of it
        for box in found.values():
            box.wait_reason(PLATFORM, SYSTEM, "Bootstrapped")
            box.wait_true()
        yield found
    finally:
        second.down()
        first.down()


def claim(type_: str, environment: str, turn: int) -> dict[str, Any]:
    rows = [claims.application(name, replicas=turn) for name in APPLICATIONS]
    return claims.applications(f"{environment}-apps", environment, rows, type_=type_)


def edit(box: Box, type_: str, together: threading.Barrier) -> None:
    """Edit all claims at a time, in rounds that both clusters begin together, while pushes take long."""
    for number in range(ROUNDS):
        together.wait(PATIENCE)
        edit_twice(box, type_, 2 * number)


def edit_twice(box: Box, type_: str, turn: int) -> None:
    """Nobody waits for what becomes of the first."""
    for one in (turn + 1, turn + 2):
        box.apply(*[claim(type_, environment, one) for environment in ENVIRONMENTS[type_]])
    until(lambda: turns(box, type_) == {turn + 2}, f"turn {turn + 2} of {type_} is in Git")


def turns(box: Box, type_: str) -> set[int]:
    """What the values in Git say, of all applications of the type."""
    files = [
        f"environments/{type_}/{environment}/applications/{name}/values.yaml"
        for environment in ENVIRONMENTS[type_]
        for name in APPLICATIONS
    ]
    return {(yaml.safe_load(box.voltran.file(path)) or {}).get("replicas", 0) for path in files}


def changes_of_hands(commits: Sequence[Commit]) -> int:
    """How often the commit of one cluster is followed by one of the other's."""
    hands = [one.claim.rpartition("/")[2][0] for one in commits]
    return sum(one != other for one, other in pairwise(hands))


def heads_until(box: Box, over: threading.Event) -> list[str]:
    """The heads that `main` had, as they are seen from time to time."""
    seen = [box.voltran.head()]
    while not over.wait(PAUSE):
        head = box.voltran.head()
        if head != seen[-1]:
            seen.append(head)
    return seen


def test_pushing_at_once_loses_nothing_and_repeats_nothing(boxes: dict[str, Box]) -> None:
    voltran = boxes["nonprod"].voltran
    before, pushes, over, together = voltran.head(), voltran.pushes(), threading.Event(), threading.Barrier(len(boxes))
    with ThreadPoolExecutor(len(boxes) + 1) as pool:
        watched = pool.submit(heads_until, boxes["nonprod"], over)
        try:
            list(pool.map(edit, boxes.values(), boxes, repeat(together)))
            for box in boxes.values():
                box.wait_true()
        finally:
            over.set()
    commits = voltran.log(f"{before}..main")
    print(f"{len(commits)} commits, {changes_of_hands(commits)} changes, {voltran.pushes() - pushes} pushes")  # with -s

    assert changes_of_hands(commits) >= ROUNDS, "they were in each other's way"
    assert {turn for type_, box in boxes.items() for turn in turns(box, type_)} == {2 * ROUNDS}, "no update is lost"
    marks = [(one.claim, one.generation) for one in commits]
    assert len(set(marks)) == len(marks), "none is applied twice"
    of_claim = [int(generation) for name, generation in reversed(marks) if name.endswith("/n0-apps")]
    assert of_claim == sorted(of_claim), "no older generation after a newer one"
    assert {len(one.parents) for one in commits} == {1}, "the history is linear"
    assert set(watched.result()) <= {one.sha for one in voltran.log()}, "no push was forced"
    assert {_types(voltran.changed(one.parents[0], one.sha)) for one in commits} == {("nonprod",), ("prod",)}


def test_both_tell_the_truth(boxes: dict[str, Box]) -> None:
    """Each of its own part: what the other one writes is neither an orphan nor a stray to it."""
    head = boxes["nonprod"].voltran.head()
    for type_, box in boxes.items():
        box.ping()
        assert box.untrue() == []
        status = box.get(PLATFORM, SYSTEM)["status"]
        assert [one["type"] for one in status["clusters"]] == [type_]
        assert not status.get("orphanedEnvironments")
    assert boxes["nonprod"].voltran.head() == head


def test_each_restores_its_own_part(boxes: dict[str, Box], tmp_path: Path) -> None:
    """Gitea tells both of a stranger's push that touches both."""
    voltran = boxes["nonprod"].voltran
    person = boxes["nonprod"].person(tmp_path / "clone")
    person.start()
    before = voltran.tree()
    paths = {
        type_: f"environments/{type_}/{names[0]}/applications/front/values.yaml"
        for type_, names in ENVIRONMENTS.items()
    }
    for path in paths.values():
        person.write(path, person.read(path) + "stranger: true\n")
    strange = person.commit("In both")
    person.push()
    until(lambda: voltran.tree() == before, "what was before")
    for box in boxes.values():
        box.wait_true()
    restoring = {
        voltran_path: one
        for one in voltran.log(f"{strange}..main")
        for voltran_path in voltran.changed(one.parents[0], one.sha)
    }
    assert {path: one.claim for path, one in restoring.items()} == {
        paths["nonprod"]: "ApplicationClaim/dev/n0-apps",
        paths["prod"]: "ApplicationClaim/dev/p0-apps",
    }
    assert all(strange[:12] in one.message for one in restoring.values())


def test_a_claim_of_a_type_that_is_served_elsewhere(boxes: dict[str, Box]) -> None:
    """It is told so, and writes nothing."""
    head = boxes["nonprod"].voltran.head()
    boxes["nonprod"].apply(claim("prod", "p0", 99))
    message = boxes["nonprod"].wait_reason("appclaim/p0-apps", "dev", "ClusterTypeNotServed")
    assert "nonprod" in message
    boxes["nonprod"].kubectl("delete", "appclaim/p0-apps", "-n", "dev")
    assert boxes["nonprod"].voltran.head() == head


def _types(paths: Sequence[str] | set[str]) -> tuple[str, ...]:
    """The cluster types in whose parts the paths are."""
    return tuple(sorted({path.split("/")[1] for path in paths}))
