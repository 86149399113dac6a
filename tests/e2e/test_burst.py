"""Two hundred claims in one `kubectl apply -f dir/`: shared pushes, a commit each, and then silence."""

import subprocess
import threading
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e import claims
from tests.e2e.box import GIT_ALONE, Box, condition
from tests.e2e.command import BIN, Infraforge

CLAIMS, APPLICATIONS = 200, 5
MOST_PUSHES = 20
PATIENCE = 240.0
A_HANDFUL = 12
"""Requests of Git that one resync of three functions may make, whatever the number of claims."""
NAMES = [f"burst-{number:03}" for number in range(CLAIMS)]


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """A platform with an environment for each claim."""
    made = Box(Infraforge(tmp_path_factory.mktemp("burst")), options=(*GIT_ALONE, "--gitea-push-delay", "500ms"))
    try:
        made.up()
        made.apply(claims.bootstrap(nonprod=NAMES))
        made.wait_reason("bootstrapclaim/platform-bootstrap", "platform-system", "Bootstrapped")
        yield made
    finally:
        made.down()


def _write(folder: Path) -> None:
    folder.mkdir()
    rows = [claims.application(f"service-{number}", replicas=1 + number) for number in range(APPLICATIONS)]
    for name in NAMES:
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(claims.applications(name, name, rows)))


def _watch_ready(box: Box, names: Collection[str]) -> None:
    """Until all are Ready, in one watch: `kubectl wait` opens one after another."""
    form = '{.metadata.name} {.status.conditions[?(@.type=="Ready")].status}{"\\n"}'
    line = [str(BIN / "kubectl"), "--kubeconfig", box.described["kubeconfig"], "-n", "dev", "get", "appclaim", "-w"]
    left = set(names)
    with subprocess.Popen([*line, "-o", f"jsonpath={form}"], stdout=subprocess.PIPE, text=True) as process:
        alarm = threading.Timer(PATIENCE, process.kill)
        alarm.start()
        try:
            for text in process.stdout or ():
                name, _, ready = text.strip().partition(" ")
                if ready == "True":
                    left.discard(name)
                if not left:
                    break
        finally:
            alarm.cancel()
            process.kill()
    assert not left, f"{len(left)} are not Ready after {PATIENCE:.0f} s, {sorted(left)[:5]} among them"


@pytest.fixture(scope="module")
def applied(box: Box, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The burst, over: the head before it, and how many pushes it took."""
    head, pushes = box.voltran.head(), box.voltran.pushes()
    folder = tmp_path_factory.mktemp("claims") / "all"
    _write(folder)
    started = time.monotonic()
    box.kubectl("apply", "-f", f"{folder}/", patience=PATIENCE)
    kubectl = time.monotonic() - started
    _watch_ready(box, NAMES)
    seconds = time.monotonic() - started
    pushed = box.voltran.pushes() - pushes
    print(f"{CLAIMS} claims Ready after {seconds:.1f} s (kubectl: {kubectl:.1f} s), {pushed} pushes")  # with -s
    return {"head": head, "pushes": pushed}


def test_claims_share_pushes(applied: dict[str, Any]) -> None:
    """Refused ones count too."""
    assert applied["pushes"] <= MOST_PUSHES


def test_each_claim_has_one_commit_of_its_own(box: Box, applied: dict[str, Any]) -> None:
    commits = box.voltran.log(f"{applied['head']}..main")
    assert sorted(one.claim for one in commits) == [f"ApplicationClaim/dev/{name}" for name in NAMES]
    assert {one.generation for one in commits} == {"1"}
    assert {len(one.parents) for one in commits} == {1}, "the history is linear"
    for one in (commits[0], commits[-1]):
        name = one.claim.rpartition("/")[2]
        paths = box.voltran.changed(one.parents[0], one.sha)
        folder = f"environments/nonprod/{name}/applications"
        expected = {f"{folder}/service-{number}/values.yaml" for number in range(APPLICATIONS)}
        assert paths == expected | {f"appsets/nonprod/apps/{name}-appset.yaml"}


def test_each_status_names_its_own_commit(box: Box, applied: dict[str, Any]) -> None:
    of_claim = {one.claim: one.sha for one in box.voltran.log(f"{applied['head']}..main")}
    documents = [one for one in box.all() if one["kind"] == "ApplicationClaim"]
    assert len(documents) == CLAIMS
    assert {condition(one)[0] for one in documents} == {"True"}
    for one in documents:
        sha = of_claim[f"ApplicationClaim/dev/{one['metadata']['name']}"]
        assert one["status"]["commit"]["sha"] == sha
        assert [row["commit"] for row in one["status"]["applications"]] == [sha] * APPLICATIONS


def test_a_resync_afterwards_does_nothing(box: Box, applied: dict[str, Any]) -> None:
    """Neither a commit nor a status, and hardly a look: what is settled costs nothing."""
    assert applied
    box.wait_quiet()
    head, versions, requests = box.voltran.head(), box.versions(), box.voltran.requests()
    box.ping()
    assert box.voltran.head() == head
    assert box.versions() == versions
    assert box.voltran.requests() - requests <= A_HANDFUL
    assert box.command.json("events list")["items"] == [], "everything was delivered"
