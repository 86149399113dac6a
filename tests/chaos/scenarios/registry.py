"""The image registry: down, slow, tired of us, wrong, and elsewhere."""

import re
from collections.abc import Sequence
from functools import partial

from tests.chaos import faults
from tests.chaos.cluster import Document
from tests.chaos.proxy import Exchange, Rule
from tests.chaos.stage import Row, Stage
from tests.chaos.upstream import Request

ASKING = 5
"""Claims whose images are asked for."""
WRONG = f"sha256:{'ab' * 32}"


def run(stage: Stage) -> None:
    """All of them, one after another."""
    limited(stage)
    wrong_digest(stage)
    redirected(stage)
    slow(stage)
    down(stage)


def is_manifest(request: Request) -> bool:
    """A question for an image's digest."""
    return "/manifests/" in request.path


def down(stage: Stage) -> None:
    """Nothing listens."""
    with stage.observed("registry down") as row:
        proxy = stage.world.lines.registry
        proxy.down()
        try:
            claims = stage.fleet.applications[:ASKING]
            row.claims |= set(stage.fleet.retag(claims))
            row.injected = 1
            stage.until("a status that says that the registry is down", stage.says(claims, "does not answer"))
        finally:
            proxy.up()
        _left_alone(stage)


def slow(stage: Stage) -> None:
    """Answers take longer than a function waits for them; in the short form nearly as long."""
    with stage.observed("registry slow") as row:
        patience = stage.world.limits.registry_timeout
        _asked(stage, row, Rule(faults.delay(0.8 * patience if stage.short else 2 * patience), is_manifest, limit=4))
        if not stage.short:
            _left_alone(stage)


def _left_alone(stage: Stage, seconds: float | None = None) -> None:
    """A function asks nothing of a host for a while that did not answer, or told it to wait: a part of the outage."""
    wait = stage.world.limits.registry_cool_down if seconds is None else seconds
    stage.holding("the functions to ask the registry again", wait + 0.5)


def limited(stage: Stage) -> None:
    """429 with Retry-After."""
    with stage.observed("registry rate-limits") as row:
        content = b'{"errors":[{"code":"TOOMANYREQUESTS","message":"slow down"}]}'
        headers = {"Content-Type": "application/json", "Retry-After": "1"}
        _asked(stage, row, Rule(faults.answer(429, content, headers), is_manifest, limit=4))
        _left_alone(stage, 1.0)


def wrong_digest(stage: Stage) -> None:
    """HEAD names no digest, and GET another one than that of the manifest that it sends; or HEAD names no hash."""
    with stage.observed("registry gives a wrong digest") as row:
        garbage = Rule(
            faults.changed({"docker-content-digest": "sha256:beef"}),
            lambda request: is_manifest(request) and request.method == "HEAD",
            share=0.3,
        )
        silent = Rule(
            faults.changed({"docker-content-digest": None}),
            lambda request: is_manifest(request) and request.method == "HEAD",
        )
        wrong = Rule(
            faults.changed({"docker-content-digest": WRONG}),
            lambda request: is_manifest(request) and request.method == "GET",
        )
        _asked(stage, row, garbage, silent, wrong)


def redirected(stage: Stage) -> None:
    """The manifest is at another host, which must not see the token."""
    with stage.observed("registry redirects elsewhere") as row:
        elsewhere = stage.world.elsewhere
        digests = stage.oracle.digests

        async def redirect(exchange: Exchange) -> None:
            location = f"{elsewhere.url}{exchange.request.path}"
            await exchange.answer(307, {"Location": location}, b"")

        async def serve(exchange: Exchange) -> None:
            name, tag = re.findall(r"/v2/(.+)/manifests/([^/?]+)", exchange.request.path)[0]
            digest = digests[f"ghcr.io/{name}:{tag}"]
            headers = {"Docker-Content-Digest": digest, "Content-Type": "application/vnd.oci.image.manifest.v1+json"}
            await exchange.answer(200, headers, b"")

        def authorized(request: Request) -> bool:
            return is_manifest(request) and "authorization" in request.head.headers

        with elsewhere.doing(Rule(serve)):
            _asked(stage, row, Rule(redirect, authorized), least=3)
        seen = list(elsewhere.log or ())
        if not seen:
            row.problems.append("nobody followed the redirect")
        told = [one for one in seen if {"authorization", "cookie"} & one.head.headers.keys()]
        row.problems += [f"{one.method} {one.path} took the Authorization along to another host" for one in told]


def _asked(stage: Stage, row: Row, *rules: Rule, least: int = 1) -> None:
    """Have images resolved under `rules`, until each of these was injected often enough."""
    claims = stage.fleet.applications[:ASKING]
    with stage.world.lines.registry.doing(*rules):
        while any(one.injected < least for one in rules):
            row.claims |= set(stage.fleet.retag(claims))
            stage.until("work on the claims", partial(_seen, stage, claims))
    row.injected += sum(one.injected for one in rules)


def _seen(stage: Stage, claims: Sequence[Document]) -> bool:
    live = [stage.claim(one) for one in claims]
    return all(one.get("status", {}).get("observedGeneration") == one["metadata"]["generation"] for one in live)
