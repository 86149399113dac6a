"""Gitea: down, failing, slow, and breaking off at the worst moments."""

from tests.chaos import faults
from tests.chaos.proxy import Rule
from tests.chaos.stage import Stage
from tests.chaos.upstream import Request

REFUSAL = "main is frozen for the audit of the chaos suite"


def run(stage: Stage) -> None:
    """All of them, one after another."""
    down(stage)
    failing(stage)
    slow(stage)
    reset_in_push(stage)
    lost_answer(stage)
    refused(stage)


def is_push(request: Request) -> bool:
    """The request that carries a push."""
    return request.method == "POST" and request.path.endswith("/git-receive-pack")


def is_git(request: Request) -> bool:
    """Any of Git's own requests."""
    return "/info/refs" in request.path or "/git-" in request.path


def down(stage: Stage) -> None:
    """Nothing listens for a minute; the statuses say so meanwhile."""
    with stage.observed("gitea down") as row:
        proxy = stage.world.lines.gitea
        proxy.down()
        try:
            claims = stage.fleet.some(8)
            row.claims |= set(stage.fleet.edit(claims))
            row.injected = 1
            stage.until("a status that says that Gitea is down", stage.says(claims, "cannot be reached"))
            stage.holding("the end of the outage", 4 if stage.short else 60)
        finally:
            proxy.up()


def failing(stage: Stage) -> None:
    """Every second answer is 500, to Git and to the API."""
    with stage.observed("gitea answers 500") as row:
        rule = Rule(faults.answer(500, b"the database is locked"), share=0.5)
        stage.breaking(row, stage.world.lines.gitea, rule, least=8)


def slow(stage: Stage) -> None:
    """Answers take longer than a function waits for them."""
    with stage.observed("gitea answers late") as row:
        seconds = max(30.0, 1.5 * stage.world.limits.timeout) if not stage.short else 1.5 * stage.world.limits.timeout
        fetches = Rule(faults.delay(seconds), lambda request: is_git(request) and not is_push(request), limit=2)
        pushes = Rule(faults.delay(seconds), is_push, limit=2)
        stage.breaking(row, stage.world.lines.gitea, fetches, pushes, least=1)
        stage.holding("the late answers", seconds)


def reset_in_push(stage: Stage) -> None:
    """The connection breaks when half of a push is sent."""
    with stage.observed("gitea resets in mid-push") as row:
        rule = Rule(faults.reset_in_request, is_push, limit=5)
        stage.breaking(row, stage.world.lines.gitea, rule, least=3)


def lost_answer(stage: Stage) -> None:
    """The push is done, and nobody hears of it."""
    with stage.observed("push done, answer lost") as row:
        rule = Rule(faults.lose_answer, is_push, limit=5)
        stage.breaking(row, stage.world.lines.gitea, rule, least=3)


def refused(stage: Stage) -> None:
    """An operator's hook refuses pushes; its text reaches the claims' statuses."""
    with stage.observed("pre-receive hook refuses") as row:
        repository = stage.oracle.ledger.directory
        hook = repository / "hooks" / "pre-receive.d" / "chaos"
        count = repository / "chaos-refusals"
        hook.parent.mkdir(parents=True, exist_ok=True)
        hook.write_text(f"#!/bin/sh\necho x >>'{count}'\necho '{REFUSAL}' >&2\nexit 1\n", encoding="utf-8")
        hook.chmod(0o755)
        try:
            claims = stage.fleet.some(5)
            row.claims |= set(stage.fleet.edit(claims))
            stage.until("the hook's text in a status", stage.says(claims, REFUSAL))
        finally:
            hook.unlink()
            row.injected = len(count.read_text(encoding="ascii").splitlines()) if count.exists() else 0
