"""The Job that makes the credentials, killed anywhere, and with others at the same Secrets or no right to them."""

import itertools
from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from functions.bootstrap.setup import Clock
from shared.errors import Forbidden, InfraForgeError, KubeConflict, PermanentError
from shared.kube.client import Document, KubeRefused, Resource
from tests.fakes import FakeKube
from tests.functions.gitea import GiteaServer
from tests.functions.setup_job import Job, at_rest


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
