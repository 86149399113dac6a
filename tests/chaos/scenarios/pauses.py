"""Two processes of one function, one of which is stopped at the worst moment while the other goes on."""

import threading
from collections.abc import Callable

import httpx

from tests.chaos import faults
from tests.chaos.cluster import Document
from tests.chaos.proxy import Rule
from tests.chaos.scenarios.gitea import is_git
from tests.chaos.stage import Row, Stage
from tests.chaos.upstream import Request

FUNCTION = "application"
OTHER = "application-2"


def run(stage: Stage) -> None:
    """Between reading and fetching, and between fetching and pushing."""
    world = stage.world
    lines = world.new_lines()
    world.add(world.function(OTHER, FUNCTION, lines))
    try:
        _overtaken(stage, "stopped between read and fetch", is_git)
        _overtaken(stage, "stopped between fetch and push", _is_push_offer)
    finally:
        world.end(OTHER)


def _is_push_offer(request: Request) -> bool:
    return request.path.endswith("/info/refs?service=git-receive-pack") or request.path.endswith("/git-receive-pack")


def _overtaken(stage: Stage, name: str, when: Callable[[Request], bool]) -> None:
    with stage.observed(name) as row:
        for claim in stage.fleet.applications[: 1 if stage.short else 3]:
            _one(stage, row, claim, when)


def _one(stage: Stage, row: Row, claim: Document, when: Callable[[Request], bool]) -> None:
    """The first process stops with the older generation in hand; the second pushes the newer one."""
    world, gate = stage.world, faults.Gate()
    silence = Rule(faults.answer(204))  # only we send events
    with world.events[FUNCTION].doing(silence), world.lines.gitea.doing(Rule(gate, when, limit=1)):
        row.claims |= set(stage.fleet.edit([claim]))
        late = threading.Thread(target=tell, args=(world.url(FUNCTION), claim), daemon=True)
        late.start()
        try:
            stage.until("the first process at that point", gate.reached.is_set)
            world.pause(FUNCTION)
            try:
                row.injected += 1
                stage.fleet.edit([claim])
                tell(world.url(OTHER), claim)
                stage.until("the newer generation in Git", stage.settled([claim]))
            finally:
                world.resume(FUNCTION)
        finally:
            gate.open()
        late.join(60)
    if late.is_alive():
        row.problems.append("the process that was stopped gave no answer")
    if not stage.settled([claim])():
        row.wrong.append(f"{claim['metadata']['name']} is not at its newest generation any more")


def tell(url: str, claim: Document) -> int:
    """Post the event of a change, as the broker does; the status of the answer, 0 for none."""
    metadata = claim["metadata"]
    headers = {
        "ce-id": "chaos",
        "ce-source": "https://127.0.0.1",
        "ce-specversion": "1.0",
        "ce-type": "dev.knative.apiserver.resource.update",
        "ce-kind": claim["kind"],
        "ce-namespace": metadata["namespace"],
        "ce-name": metadata["name"],
        "content-type": "application/json",
    }
    try:
        return httpx.post(url, headers=headers, content=b"{}", timeout=60, trust_env=False).status_code
    except httpx.HTTPError:
        return 0
