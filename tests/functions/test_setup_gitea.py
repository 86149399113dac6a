"""What the Job that makes the credentials tells of a Gitea that refuses it, is not there yet, or has something else."""

import uuid
from collections.abc import Callable, Mapping
from typing import Any

import httpx
import pytest

from functions.bootstrap.setup import Clock
from shared.errors import Forbidden, GiteaUnavailable, InfraForgeError, PermanentError
from tests.functions.setup_job import Job, at_rest


def answering(status: int, body: Any, headers: Mapping[str, str] | None = None) -> httpx.MockTransport:
    return httpx.MockTransport(lambda _: httpx.Response(status, json=body, headers=headers))


ADMIN = "see that its user name and password are those of a site administrator without a second factor"
UNFIT = [
    (answering(401, {"message": "invalid username, password or token"}), Forbidden,
     f"invalid username, password or token; it does not take the password of \"root-admin\": {ADMIN}",
     "a wrong password, or a second factor"),
    (answering(403, {"message": "You must change your password."}), Forbidden,
     f"You must change your password.; {ADMIN}, and that the password need not be changed first", "a fresh account"),
    (answering(200, {"login": "x", "is_admin": False}), Forbidden, f": {ADMIN}", "no administrator"),
    (answering(301, {}, {"Location": "https://u:p@git.example.com/api/v1/user?x=y"}), PermanentError,
     "to https://git.example.com/api/v1/user: undo the renaming there, or name Gitea's own address in INFRAFORGE_GITEA",
     "TLS"),
]  # fmt: skip


@pytest.mark.parametrize(("transport", "kind", "message", "why"), UNFIT, ids=[case[3] for case in UNFIT])
def test_gitea_refuses(
    job: Job, transport: httpx.BaseTransport, kind: type[InfraForgeError], message: str, why: str
) -> None:
    """At once, since waiting mends nothing; with Gitea's words and what to see to."""
    with pytest.raises(kind) as caught:
        job.run(transport=transport)
    assert message in str(caught.value), why
    assert not job.kube.objects
    assert job.gitea.admin[1] not in str(caught.value)


def _refusing(_: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("[Errno 111] Connection refused")


AWAY: list[tuple[Callable[[httpx.Request], httpx.Response], str]] = [
    (_refusing, "nobody listens yet"),
    (lambda _: httpx.Response(503, text="<html>no endpoints"), "a proxy before a Gitea that starts"),
    (lambda _: httpx.Response(404, text="default backend"), "an ingress that does not know it yet"),
    (lambda _: httpx.Response(408), "a proxy that gave up on a Gitea that starts"),
    (lambda _: httpx.Response(200, text="<html>Installation"), "Gitea's own page while it is installed"),
]


@pytest.mark.parametrize(("edge", "why"), AWAY, ids=[case[1] for case in AWAY])
def test_gitea_is_waited_for(job: Job, edge: Callable[[httpx.Request], httpx.Response], why: str) -> None:
    """As long as patience lasts, with a line now and then; then it is as if it had been there from the start."""
    now = [0.0]

    def pause(seconds: float) -> None:
        now[0] += seconds

    with httpx.HTTPTransport() as there:

        def later(request: httpx.Request) -> httpx.Response:
            return there.handle_request(request) if now[0] >= 100 else edge(request)

        said = job.run(transport=httpx.MockTransport(later), clock=Clock(lambda: now[0], pause), patience=120)
    assert said.count("waiting for Gitea (") in range(5, 9), why
    at_rest(job, 2)


def test_patience_ends(job: Job) -> None:
    now = [0.0]

    def pause(seconds: float) -> None:
        now[0] += seconds

    with pytest.raises(GiteaUnavailable, match=r"given up after 60 s: see that Gitea runs, that this is its address "):
        job.run(transport=httpx.MockTransport(_refusing), clock=Clock(lambda: now[0], pause), patience=60)
    assert now[0] == 60


def test_a_name_that_is_an_organization(job: Job) -> None:
    """Gitea would mint tokens for it, which nobody can use."""
    job.api("POST", "/orgs", {"username": job.user}).raise_for_status()
    with pytest.raises(PermanentError, match="name another user in INFRAFORGE_GITEA_USER"):
        job.run()


def test_an_address_that_is_taken(job: Job) -> None:
    job.run()
    with pytest.raises(PermanentError, match="see INFRAFORGE_GITEA_USER and INFRAFORGE_AUTHOR_EMAIL"):
        job.run(gitea_user=f"{job.user}2")


def test_an_organization_of_somebody_elses(job: Job) -> None:
    """A person has to let the user in; one that does not exist yet, or is the user's own, is no matter."""
    organization = f"org{uuid.uuid4().hex[:8]}"
    assert "team Owners" not in job.run(gitea_organization=organization)
    for visibility in ("private", "public"):
        job.api("POST", "/orgs", {"username": f"{organization}-{visibility}", "visibility": visibility})
        said = job.run(gitea_organization=f"{organization}-{visibility}")
        assert f"/org/{organization}-{visibility}/teams/owners" in said
        assert f'"{job.user}" is none of its owners' in said
    job.api("POST", "/orgs", {"username": organization}, job.value("gitea")).raise_for_status()
    assert "team Owners" not in job.run(gitea_organization=organization)
