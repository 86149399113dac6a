"""The Job that makes the credentials: what it makes, keeps, replaces and leaves alone."""

import base64
import re
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from functions.bootstrap.setup import FUNCTIONS, READER
from functions.bootstrap.setup_secrets import GENERATION, PREVIOUS, SECRETS, TOKEN
from shared.kube.client import Document, Resource
from tests.fakes import FakeKube
from tests.functions.setup_job import Job


def test_everything_is_made(job: Job) -> None:
    """A user, a token of its own for either purpose, a secret for the webhook, in Secrets that say whose they are."""
    said = job.run()
    made = job.values()
    who = job.api("GET", "/user", token=made["gitea"]).json()
    assert (who["login"], who["is_admin"]) == (job.user, False)
    assert job.may(made["argocd"]) == 403, "it cannot even ask who it is"
    scopes = sorted(map(sorted, job.tokens().values()))
    assert scopes == sorted(map(sorted, (FUNCTIONS, READER)))
    assert len(made["webhook"]) >= 32
    for name in made:
        document = job.secret(name)
        assert document["type"] == "Opaque"
        assert document["metadata"]["labels"] == {"app.kubernetes.io/part-of": "infraforge"}
        assert document["metadata"]["annotations"][GENERATION] == "1"
    assert not [value for value in made.values() if value in said]
    assert said.count("a new ") == 3


def test_the_functions_token_does_what_the_functions_do(job: Job) -> None:
    """It makes the organization, a repository and a webhook; ArgoCD's reads the repository, and writes nothing."""
    job.run()
    functions, argocd = job.value("gitea"), job.value("argocd")
    organization = f"org{uuid.uuid4().hex[:8]}"
    body: dict[str, Any] = {"username": organization, "visibility": "private"}
    assert job.api("POST", "/orgs", body, functions).status_code == 201
    body = {"name": "voltran", "private": True, "auto_init": True}
    assert job.api("POST", f"/orgs/{organization}/repos", body, functions).status_code == 201
    assert job.api("GET", f"/repos/{organization}/voltran", token=argocd).status_code == 200
    assert job.api("POST", f"/orgs/{organization}/repos", body | {"name": "x"}, argocd).status_code == 403


def test_a_second_run_changes_nothing(job: Job) -> None:
    job.run()
    before, tokens = job.kube.objects, job.tokens()
    job.kube.objects = dict(before)
    said = job.run()
    assert job.kube.objects == before
    assert job.tokens() == tokens
    assert said.count("the token works") == 2
    assert "a new" not in said


def test_a_raised_generation_mints_anew_and_keeps_the_one_before(job: Job) -> None:
    """Functions hold the old ones until their kubelets have brought the new: two rotations later it is gone."""
    rotations = []
    for generation in (1, 2, 3):
        job.run(token_generation=generation)
        rotations.append(job.values())
    assert len({one["webhook"] for one in rotations}) == 3
    assert [job.may(one["gitea"]) for one in rotations] == [401, 200, 200]
    assert [job.may(one["argocd"]) for one in rotations] == [401, 403, 403]
    assert len(job.tokens()) == 4
    annotations = job.annotations("gitea")
    assert annotations[GENERATION] == "3"
    assert {annotations[TOKEN], annotations[PREVIOUS]} < set(job.tokens())
    job.run(token_generation=3)
    job.run(token_generation=1)
    assert job.values() == rotations[-1], "a release that is rolled back mints nothing"
    assert len(job.tokens()) == 4


def _revoke(job: Job) -> None:
    for name in job.tokens():
        job.api("DELETE", f"/users/{job.user}/tokens/{name}").raise_for_status()


def _narrow(job: Job) -> None:
    """As a version that asked for less would have left it."""
    name = job.annotations("gitea")[TOKEN]
    job.api("DELETE", f"/users/{job.user}/tokens/{name}").raise_for_status()
    body = {"name": name, "scopes": ["read:organization", "read:user"]}
    token = job.api("POST", f"/users/{job.user}/tokens", body).json()["sha1"]
    job.secret("gitea")["data"]["token"] = base64.b64encode(token.encode()).decode()


def _empty(job: Job) -> None:
    job.secret("gitea")["data"] = {}


def _garble(job: Job) -> None:
    job.secret("gitea")["data"]["token"] = "no base64"


def _forget(job: Job) -> None:
    del job.kube.objects["secrets", "platform-system", "infraforge-gitea"]


LOST: list[tuple[Callable[[Job], None], str, str]] = [
    (_revoke, "the one that was there does not work", "somebody revoked it, or Gitea was restored from before"),
    (_narrow, "may not do all of write:organization", "an older version minted it"),
    (_empty, "there was none", "a run that was killed, or a Secret that a person made ready"),
    (_garble, "there was none", "nothing that the functions could read"),
    (_forget, "there was none", "the Secret was deleted"),
]


@pytest.mark.parametrize(("lose", "since", "why"), LOST, ids=[case[2] for case in LOST])
def test_a_token_that_is_of_no_use_is_replaced(job: Job, lose: Callable[[Job], None], since: str, why: str) -> None:
    job.run()
    lose(job)
    said = job.run()
    assert re.search(rf"Secret platform-system/infraforge-gitea, key token: a new token, .*, since .*{since}", said), (
        why
    )
    assert job.may(job.value("gitea")) == 200
    assert "a new" not in job.run()


def test_what_a_person_put_there_is_left_alone_while_it_works(job: Job) -> None:
    """Another user's token, and another secret: no generation counts, and nothing of that user's is revoked."""
    mine = job.gitea.token.get_secret_value()
    for name, key, value in (("gitea", "token", mine), ("webhook", "secret", "my own")):
        metadata = {"name": f"infraforge-{name}", "namespace": "platform-system"}
        data = {key: base64.b64encode(f"{value}\n".encode()).decode()}
        job.kube.put(SECRETS, {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data})
    said = job.run(token_generation=7)
    assert "infraforge-gitea, key token: a token of yours works, and is left alone" in said
    assert (job.value("gitea"), job.value("webhook")) == (f"{mine}\n", "my own\n")
    assert job.may(mine) == 200


def test_only_the_secrets_that_are_named(job: Job) -> None:
    """One that is not named is somebody else's to make; without a token there is no user to make either."""
    job.run(gitea_secret_name=None, argocd_secret_name=None)
    assert [name for _, _, name in job.kube.objects] == ["infraforge-webhook"]
    assert job.api("GET", f"/users/{job.user}").status_code == 404


class Elsewhere(FakeKube):
    """Another cluster, where the same Secrets have other uids."""

    def put(self, resource: Resource, document: Mapping[str, Any], **options: Any) -> Document:
        made = super().put(resource, document, **options)
        made["metadata"]["uid"] = f"elsewhere-{made['metadata']['uid']}"
        return made


def test_other_installations_on_the_same_gitea_keep_their_tokens(job: Job) -> None:
    """Two clusters may share one user: only what carries the uid of our own Secret is revoked."""
    other = Job(job.gitea, user=job.user, kube=Elsewhere())
    job.run()
    other.run()
    theirs = other.values()
    for generation in (2, 3, 4):
        job.run(token_generation=generation)
    assert job.may(theirs["gitea"]) == 200
    assert job.may(theirs["argocd"]) == 403
