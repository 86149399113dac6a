"""The API server: conflicts, patience, faults of its own, tokens that are no more, watches that end."""

import json
from collections.abc import Callable
from functools import partial

from tests.chaos import faults
from tests.chaos.cluster import reference
from tests.chaos.proxy import Fault, Rule
from tests.chaos.stage import Stage
from tests.chaos.upstream import Request

WATCHES = 7
"""What the chart's sources follow: four kinds of claims, two of ArgoCD's, dead letters."""
EXPIRED = "The provided continue parameter is too old to display a consistent list result."


def run(stage: Stage) -> None:
    """All of them, one after another."""
    _answered(stage, "kubernetes 409 on writes", status(409, "Conflict", "the object has been modified"), is_write)
    expired_list(stage)
    patience = status(429, "TooManyRequests", "too many requests", {"Retry-After": "1"})
    _answered(stage, "kubernetes 429", patience, anything)
    _answered(stage, "kubernetes 500", status(500, "InternalError", "etcdserver: leader changed"), anything)
    token_expired(stage)
    _answered(stage, "status write done, answer lost", faults.lose_answer, is_write)
    watch_cut(stage)
    watch_expired(stage)
    deleted_unseen(stage)


def status(code: int, reason: str, message: str, headers: dict[str, str] | None = None) -> Fault:
    """An answer as the API server words its failures."""
    body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "code": code}
    content = json.dumps(body | {"message": message, "metadata": {}}).encode()
    return faults.answer(code, content, {"Content-Type": "application/json", **(headers or {})})


def anything(_: Request) -> bool:
    """Every request."""
    return True


def is_write(request: Request) -> bool:
    """A change of a claim or of its status."""
    return request.method in {"PATCH", "PUT"} and "claims/" in request.path


def is_watch(request: Request) -> bool:
    """A watch."""
    return "watch=true" in request.path


def _answered(stage: Stage, name: str, fault: Fault, when: Callable[[Request], bool]) -> None:
    with stage.observed(name) as row:
        stage.breaking(row, stage.world.lines.kube, Rule(fault, when, share=0.5), least=6)


def expired_list(stage: Stage) -> None:
    """Every list comes in pages of five, and every second one expires between two of them."""
    with stage.observed("kubernetes 410 on a list's next page") as row:
        gone = Rule(status(410, "Expired", EXPIRED), lambda request: "continue=" in request.path, share=0.5)
        small = Rule(faults.paged(5), lambda request: "limit=" in request.path)
        kube = stage.world.lines.kube
        with kube.doing(gone, small):
            row.claims |= set(stage.fleet.edit(stage.fleet.some(6)))
            stage.world.ping()
            stage.until("lists that expired", lambda: gone.injected >= 3)
        row.injected = gone.injected


def token_expired(stage: Stage) -> None:
    """For a while no request is let in."""
    with stage.observed("kubernetes token expired") as row:
        rule = Rule(status(401, "Unauthorized", "Unauthorized"))
        with stage.world.lines.kube.doing(rule):
            row.claims |= set(stage.fleet.edit(stage.fleet.some(6)))
            stage.until("refused requests", lambda: rule.injected >= 6)
            stage.holding("a new token", 1 if stage.short else 5)
        late = Rule(status(401, "Unauthorized", "Unauthorized"), share=0.5)  # the new token is not known everywhere
        stage.breaking(row, stage.world.lines.kube, late, least=6)
        row.injected += rule.injected


def watch_cut(stage: Stage) -> None:
    """Watches end in the middle, and cannot be opened again at once."""
    with stage.observed("kubernetes watch cut") as row:
        watch = stage.world.watch
        refuse = Rule(faults.refuse, limit=6)
        for spent in (2, 4, 6):
            row.claims |= set(stage.fleet.edit(stage.fleet.some(3)))
            with watch.doing(refuse):
                row.injected += watch.cut(is_watch)
                row.claims |= set(stage.fleet.edit(stage.fleet.some(3)))
                stage.until("a watch that is asked for again", partial(_spent, refuse, spent))
            _watched_again(stage)
        row.injected += refuse.injected


def _watched_again(stage: Stage) -> None:
    """Until every watch is there again: what one that lists anew has missed is told by nobody but the next ping."""
    stage.until("every watch", lambda: stage.world.watch.open(is_watch) >= WATCHES)


def _spent(rule: Rule, times: int) -> bool:
    return rule.injected >= times


def watch_expired(stage: Stage) -> None:
    """The history that a watch would go on from is gone: whatever happened since is never told."""
    with stage.observed("kubernetes watch expired (410)") as row:
        watch = stage.world.watch
        gone = Rule(status(410, "Expired", "too old resource version"), is_watch, limit=3)
        with watch.doing(gone):
            row.injected += watch.cut(is_watch)
            row.claims |= set(stage.fleet.edit(stage.fleet.some(6)))
            stage.until("expired watches", lambda: gone.injected >= 3)
        row.injected += gone.injected
        _watched_again(stage)


def deleted_unseen(stage: Stage) -> None:
    """Claims are deleted while no watch is open; made anew later, they are written again."""
    watch, fleet = stage.world.watch, stage.fleet
    claims = [fleet.applications[-1], fleet.platforms[-1]]
    with stage.observed("claims deleted while the source is down") as row:
        refuse = Rule(faults.refuse)
        with watch.doing(refuse):
            row.injected += watch.cut(is_watch)
            for claim in claims:
                fleet.delete(claim)
                row.claims.add(reference(claim))
            stage.until("a watch that is asked for again", lambda: refuse.injected >= 3)
        _watched_again(stage)
    with stage.observed("the same claims made anew") as row:
        for claim in claims:
            stage.until("the old claim to be gone", partial(fleet.recreate, claim))
            row.claims.add(reference(claim))
