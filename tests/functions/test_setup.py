"""The Job that makes the credentials: against the Gitea stand-in's process, and a fake or a real API server."""

import base64
import itertools
import os
import re
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from functions.bootstrap.setup import FUNCTIONS, READER, Clock, Setup, login
from functions.bootstrap.setup_gitea import Administrator
from functions.bootstrap.setup_secrets import GENERATION, PREVIOUS, SECRETS, TOKEN
from functions.bootstrap.setup_settings import SetupSettings
from shared.errors import Forbidden, GiteaUnavailable, InfraForgeError, KubeConflict, PermanentError
from shared.kube.client import Document, KubeRefused, Resource
from tests.fakes import FakeKube
from tests.functions.gitea import ROOT, GiteaServer
from tests.sandbox.apiserver.conftest import start

NAMES = {
    "gitea_secret_name": "infraforge-gitea",
    "argocd_secret_name": "infraforge-argocd",
    "webhook_secret_name": "infraforge-webhook",
}


@dataclass
class Job:
    """Runs of the Job for one installation, with a user of its own in Gitea."""

    gitea: GiteaServer
    user: str = field(default_factory=lambda: f"bot{uuid.uuid4().hex[:8]}")
    kube: FakeKube = field(default_factory=FakeKube)
    said: list[str] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)

    def run(self, *, transport: httpx.BaseTransport | None = None, clock: Clock | None = None, **settings: Any) -> str:
        """One run; what it said."""
        basic = {"gitea_endpoint": self.gitea.endpoint, "gitea_user": self.user, "author_email": f"{self.user}@x.test"}
        read = SetupSettings(**{**basic, **NAMES, **self.settings, **settings})
        gitea = Administrator(
            read.gitea_endpoint, self.gitea.admin[0], SecretStr(self.gitea.admin[1]), timeout=20, transport=transport
        )
        begun = len(self.said)
        try:
            Setup(read, gitea, self.kube, say=self.said.append, clock=clock).run()
        finally:
            gitea.close()
        return "\n".join(self.said[begun:])

    def secret(self, name: str) -> Document:
        """A Secret as it is now."""
        return self.kube.objects["secrets", "platform-system", f"infraforge-{name}"]

    def value(self, name: str) -> str:
        """What is in it."""
        key = "secret" if name == "webhook" else "token"
        return base64.b64decode(self.secret(name)["data"][key]).decode()

    def values(self) -> dict[str, str]:
        """What is in all of them."""
        return {name: self.value(name) for name in ("gitea", "argocd", "webhook")}

    def annotations(self, name: str) -> Mapping[str, str]:
        """What a Secret tells of what is in it."""
        found: Mapping[str, str] = self.secret(name)["metadata"]["annotations"]
        return found

    def api(self, method: str, path: str, body: Any = None, token: str | None = None) -> httpx.Response:
        """A request to Gitea: the administrator's, or one with a token."""
        url = f"{self.gitea.endpoint}/api/v1{path}"
        if token is None:
            return httpx.request(method, url, json=body, auth=self.gitea.admin)
        return httpx.request(method, url, json=body, headers={"Authorization": f"token {token}"})

    def tokens(self) -> dict[str, list[str]]:
        """Name → scopes of the user's tokens in Gitea."""
        listed = self.api("GET", f"/users/{self.user}/tokens?limit=50").raise_for_status().json()
        return {one["name"]: one["scopes"] for one in listed}

    def may(self, token: str) -> int:
        """What Gitea answers who asks for itself with it."""
        return self.api("GET", "/user", token=token).status_code


@pytest.fixture
def job(gitea_server: GiteaServer) -> Job:
    """An installation where nothing is there yet."""
    return Job(gitea_server)


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


class Cut(httpx.BaseTransport):
    """A network that loses the answer to one request, and is gone from then on."""

    def __init__(self, left: int) -> None:
        self.left = left
        self.inner = httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if self.left < 0:
            raise httpx.ConnectError("gone")
        self.left -= 1
        answer = self.inner.handle_request(request)
        if self.left < 0:
            answer.close()
            raise httpx.ReadError("gone")
        return answer

    def close(self) -> None:
        self.inner.close()


class Stopping(FakeKube):
    """An API server that does what it is told and then, once, does not say so."""

    left = 10**6

    def create(self, resource: Resource, document: Mapping[str, Any]) -> Document:
        return self._answer(super().create(resource, document))

    def patch(self, resource: Resource, namespace: str, name: str, change: Mapping[str, Any]) -> Document | None:
        return self._answer(super().patch(resource, namespace, name, change))

    def _answer(self, document: Any) -> Any:
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt
        return document


def at_rest(job: Job, tokens: int) -> None:
    """The Secrets hold what works, and Gitea has no token that nobody holds."""
    assert (job.may(job.value("gitea")), job.may(job.value("argocd"))) == (200, 403)
    assert len(job.tokens()) == tokens


IMPATIENT = Clock(itertools.count(step=1_000).__next__, lambda _: None)


def test_killed_at_any_request_to_gitea(gitea_server: GiteaServer) -> None:
    """Each answer lost in turn, of a first run and of a rotation: the next run ends where it should."""
    lost = 0
    for left in itertools.count():
        job = Job(gitea_server)
        for generation in (1, 2):
            try:
                job.run(transport=Cut(left), token_generation=generation, clock=IMPATIENT)
            except InfraForgeError:
                lost += 1
            else:
                if generation == 2:
                    assert lost > 20
                    return
            job.run(token_generation=generation)
            at_rest(job, 2 * generation)


def test_killed_at_any_write_to_kubernetes(gitea_server: GiteaServer) -> None:
    """Three Secrets are made and filled; whichever write is the last."""
    for left in range(1, 7):
        job = Job(gitea_server, kube=Stopping())
        job.kube.left = left  # type: ignore[attr-defined]  # it is a Stopping
        with pytest.raises(KeyboardInterrupt):
            job.run()
        job.run()
        at_rest(job, 2)


class Busy(FakeKube):
    """Somebody else writes a Secret just before we do, so many times."""

    times = 0

    def patch(self, resource: Resource, namespace: str, name: str, change: Mapping[str, Any]) -> Document | None:
        assert change["metadata"]["resourceVersion"]
        if self.times:
            self.times -= 1
            raise KubeConflict("the object has been modified")
        return super().patch(resource, namespace, name, change)


def test_a_secret_that_somebody_else_writes(gitea_server: GiteaServer) -> None:
    """It is read again, three times at most; no token is left over."""
    kube = Busy()
    job = Job(gitea_server, kube=kube)
    kube.times = 2
    assert job.run().count("starting over: the object has been modified") == 2
    at_rest(job, 2)
    kube.times = 3
    with pytest.raises(KubeConflict):
        job.run(token_generation=2)
    job.run(token_generation=2)
    at_rest(job, 4)


class Refusing(FakeKube):
    """An API server that refuses one verb."""

    def __init__(self, verb: str, error: Exception) -> None:
        super().__init__()
        self.verb, self.error = verb, error

    def get(self, resource: Resource, namespace: str, name: str) -> Document | None:
        return self._or_refuse("get", super().get(resource, namespace, name))

    def create(self, resource: Resource, document: Mapping[str, Any]) -> Document:
        created: Document = self._or_refuse("create", super().create(resource, document))
        return created

    def patch(self, resource: Resource, namespace: str, name: str, change: Mapping[str, Any]) -> Document | None:
        return self._or_refuse("patch", super().patch(resource, namespace, name, change))

    def _or_refuse(self, verb: str, answer: Any) -> Any:
        if verb == self.verb:
            raise self.error
        return answer


RBAC = Forbidden("the Kubernetes API refuses us: secrets is forbidden")
REFUSED = [
    (Refusing("get", RBAC), "the ServiceAccount needs the verb get for it", "no Role"),
    (Refusing("create", RBAC), "the ServiceAccount needs the verb create for it", "a Role without create"),
    (Refusing("patch", RBAC), "the ServiceAccount needs the verb patch for it", "a Role without patch"),
    (Refusing("patch", KubeRefused("field is immutable")), "if it is immutable or of another type, delete it", "fixed"),
]


@pytest.mark.parametrize(("kube", "mend", "why"), REFUSED, ids=[case[2] for case in REFUSED])
def test_kubernetes_refuses(gitea_server: GiteaServer, kube: FakeKube, mend: str, why: str) -> None:
    """The Secret, the key and what to do."""
    with pytest.raises(PermanentError) as caught:
        Job(gitea_server, kube=kube).run()
    assert str(caught.value).startswith("Secret platform-system/infraforge-gitea, key token: "), why
    assert mend in str(caught.value)


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

    with pytest.raises(GiteaUnavailable, match=r"given up after 60 s: see that Gitea runs, that INFRAFORGE_GITEA_END"):
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


@pytest.mark.parametrize("missing", ["username", "password"])
def test_an_administrator_that_is_not_given(tmp_path: Path, missing: str) -> None:
    """The file, which is the key of the Secret."""
    for name in ("username", "password"):
        (tmp_path / name).write_text("" if name == missing else "x\n")
    with pytest.raises(PermanentError, match=f"{missing} holds nothing that can be read: .* needs the key {missing}"):
        login(tmp_path)
    (tmp_path / missing).write_text(" y \n")
    assert " y " in (login(tmp_path)[0], login(tmp_path)[1].get_secret_value()), "a blank may be part of a password"


@pytest.fixture
def admin(tmp_path: Path, gitea_server: GiteaServer) -> Path:
    """The administrator's Secret as it is mounted."""
    folder = tmp_path / "admin"
    folder.mkdir()
    for name, value in zip(("username", "password"), gitea_server.admin, strict=True):
        (folder / name).write_text(value)
    return folder


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Path]:
    """A kubeconfig of an API server's process, with the system namespace."""
    server = start(tmp_path / "api")
    with server.client() as client:
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "platform-system"}}
        client.post("/api/v1/namespaces", json=namespace).raise_for_status()
    yield server.kubeconfig
    server.stop()


def as_a_job(**settings: object) -> "subprocess.CompletedProcess[str]":
    """`python -m functions.bootstrap.setup` with these settings and no others."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("INFRAFORGE_")}
    ours = {f"INFRAFORGE_{name.upper()}": str(value) for name, value in settings.items()}
    command = [sys.executable, "-m", "functions.bootstrap.setup"]
    return subprocess.run(command, cwd=ROOT, env=environment | ours, capture_output=True, text=True, check=False)


def test_as_the_chart_runs_it(gitea_server: GiteaServer, cluster: Path, admin: Path) -> None:
    """Twice, against real processes: 0 both times, and what the first one made is untouched by the second."""
    user = f"bot{uuid.uuid4().hex[:8]}"
    settings = NAMES | {
        "gitea_url": "http://gitea-http.gitea.svc:3000",
        "gitea_endpoint": gitea_server.endpoint,
        "gitea_user": user,
        "author_email": f"{user}@x.test",
        "kubeconfig": cluster,
        "admin_dir": admin,
        "token_generation": 1,
    }
    first, second = as_a_job(**settings), as_a_job(**settings)
    assert (first.returncode, first.stderr, second.returncode, second.stderr) == (0, "", 0, "")
    assert first.stdout.count("a new ") == 3
    assert second.stdout.count("the token works") == 2
    assert "a new " not in second.stdout
    raised = as_a_job(**(settings | {"token_generation": 2}))
    assert raised.stdout.count("generation 2 is wanted and it was of 1") == 3


FAILURES = [
    ({"admin_dir": "/nowhere"}, "needs the key username", "no Secret is mounted"),
    ({"token_generation": "two"}, "INFRAFORGE_TOKEN_GENERATION: Input should be a valid integer", "a wrong value"),
    ({"kubeconfig": "/nowhere"}, "set INFRAFORGE_KUBECONFIG", "no cluster"),
    ({"system_namespace": "elsewhere"}, "see INFRAFORGE_SYSTEM_NAMESPACE", "another namespace"),
]


@pytest.mark.parametrize(("settings", "message", "why"), FAILURES, ids=[case[2] for case in FAILURES])
def test_a_job_that_fails(
    gitea_server: GiteaServer, cluster: Path, admin: Path, settings: dict[str, str], message: str, why: str
) -> None:
    """1, and one line that says what to do."""
    basic = NAMES | {"gitea_endpoint": gitea_server.endpoint, "kubeconfig": cluster, "admin_dir": admin}
    user = f"bot{uuid.uuid4().hex[:8]}"
    failed = as_a_job(**(basic | {"gitea_user": user, "author_email": f"{user}@x.test"} | settings))
    assert failed.returncode == 1, why
    assert failed.stderr.startswith("setup failed (")
    assert failed.stderr.count("\n") == 1
    assert message in failed.stderr
    assert gitea_server.admin[1] not in failed.stdout + failed.stderr
