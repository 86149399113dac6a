"""The Secrets of bindings: copied, kept as their source is, left alone when a stranger's, and refused."""

import base64
import copy
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from shared.auth_secrets import SECRETS
from shared.errors import Forbidden, KubeUnavailable, TransientError
from shared.kube.client import Document, Resource
from tests.fakes import FakeKube
from tests.functions.bindings import NAMESPACE, SECRET, password, put_secret, resync, row, rows, secret, values
from tests.functions.gitea import GiteaServer
from tests.functions.platform import Platform, example, ready


def drop(platform: Platform) -> None:
    platform.kube.delete(SECRETS, "dev", SECRET)


def rotate(platform: Platform) -> None:
    live = secret(platform, NAMESPACE)
    assert live is not None
    platform.kube.patch(SECRETS, NAMESPACE, SECRET, {"data": {"password": base64.b64encode(b"rotated").decode()}})


def spoil(platform: Platform) -> None:
    platform.kube.patch(SECRETS, "dev", SECRET, {"data": {"password": base64.b64encode(b"spoilt").decode()}})


DRIFTS = [
    (drop, "somebody deletes the copy"),
    (rotate, "somebody gives the service another password"),
    (spoil, "somebody edits the copy"),
]


@pytest.mark.parametrize(("change", "why"), DRIFTS, ids=[case[1] for case in DRIFTS])
def test_a_copy_follows_its_source(
    there: Platform, bound: dict[str, Any], services: dict[str, Any], change: Callable[[Platform], None], why: str
) -> None:
    """At the next resync, of a claim that is settled otherwise."""
    there.apply(services)
    there.apply(bound)
    process = there.reconciler("ApplicationClaim")
    resync(process)
    commits = there.commits()
    change(there)
    resync(process)
    assert password(there, "dev") == password(there, NAMESPACE), why
    assert there.commits() == commits
    reads = there.kube.reads
    resync(process)
    assert there.kube.reads == reads, "and that settles it"


def test_a_strangers_secret_is_left_alone(there: Platform, bound: dict[str, Any], services: dict[str, Any]) -> None:
    """It says which, and goes on when that is out of the way."""
    there.apply(services)
    before = copy.deepcopy(put_secret(there, "dev", SECRET, password="theirs"))
    live = there.apply(bound)
    message = (
        f'Secret "{SECRET}" in namespace "dev" is not InfraForge\'s, and left as it is; '
        "a service's password would be in its place: rename or delete it"
    )
    assert row(live) == ("Held", "BindingSecretTaken", message)
    assert secret(there, "dev") == before
    assert rows(live)["user-service"]["state"] == "Committed"
    there.kube.delete(SECRETS, "dev", SECRET)
    resync(there.reconciler("ApplicationClaim"))
    assert row(there.live(bound)) == ("Committed", "Committed", None)


def test_a_password_that_is_not_there_yet(there: Platform, bound: dict[str, Any], services: dict[str, Any]) -> None:
    """The files are in Git, since pods wait for a Secret by themselves; the row says for what, until it is there."""
    there.claim(services)
    live = there.apply(bound)
    waits = f'its pods wait for a password: Secret "{SECRET}" in namespace "platform-services" is not there yet'
    assert row(live) == ("Committed", "BindingNotReady", waits)
    assert ready(live)[0] == "True"
    assert values(there)["bindings"]["postgres"]["secretName"] == SECRET
    put_secret(there, NAMESPACE, SECRET, user="x")
    process = there.reconciler("ApplicationClaim")
    resync(process)
    empty = f'its pods wait for a password: Secret "{SECRET}" in namespace "platform-services" has no key password'
    assert row(there.live(bound)) == ("Committed", "BindingNotReady", empty)
    put_secret(there, NAMESPACE, SECRET, password="p")
    commits = there.commits()
    resync(process)
    assert row(there.live(bound)) == ("Committed", "Committed", None)
    assert password(there, "dev") == "p"
    assert there.commits() == commits


def test_the_applications_of_the_services_own_namespace(
    there: Platform, bound: dict[str, Any], services: dict[str, Any]
) -> None:
    """They read the service's own Secret: nothing is copied, and nothing taken for a stranger's."""
    services["metadata"]["namespace"] = "dev"
    there.apply(services)
    made = copy.deepcopy(secret(there, "dev"))
    live = there.apply(bound)
    assert row(live) == ("Committed", "Committed", None)
    assert secret(there, "dev") == made
    assert values(there)["bindings"]["postgres"]["host"] == "dev-platform-postgres.dev.svc"
    process = there.reconciler("ApplicationClaim")
    resync(process)
    reads = there.kube.reads
    resync(process)
    assert there.kube.reads == reads


def test_a_secret_of_the_teams_own(there: Platform, bound: dict[str, Any], services: dict[str, Any]) -> None:
    """The service's values name it: its password is brought along, and nothing else that is in it."""
    services["spec"]["services"][0]["values"]["auth"]["existingSecret"] = "team-db"
    put_secret(there, NAMESPACE, "team-db", password="ours", other="not yours")
    there.apply(services)
    assert row(there.apply(bound)) == ("Committed", "Committed", None)
    brought = secret(there, "dev")
    assert brought is not None
    assert list(brought["data"]) == ["password"]
    assert password(there, "dev") == "ours"
    process = there.reconciler("ApplicationClaim")
    resync(process)
    put_secret(there, NAMESPACE, "team-db", password="changed")
    resync(process)
    assert password(there, "dev") == "changed"


class Moody(FakeKube):
    """An API server that does not take Secrets while it has a `mood`, and quotes what it was sent."""

    mood: type[Exception] | None = None
    is_blind = False
    """Whether it lists no Secrets for us."""

    def list(self, resource: Resource, *arguments: Any, **how: Any) -> Iterator[Document]:
        if resource == SECRETS and self.is_blind:
            raise Forbidden("secrets is forbidden: cannot list")
        return super().list(resource, *arguments, **how)

    def create(self, resource: Resource, document: Mapping[str, Any]) -> Document:
        if resource == SECRETS and self.mood is not None:
            raise self.mood(f"not now: {document}")
        return super().create(resource, document)


@pytest.fixture
def moody(gitea_server: GiteaServer, tmp_path: Path, services: dict[str, Any]) -> Iterator[tuple[Platform, Moody]]:
    """A platform with the seed's services, before an API server that can be told what to answer."""
    kube = Moody()
    platform = Platform(gitea_server, tmp_path, kube=kube)
    platform.bootstrap()
    platform.apply(services)
    yield platform, kube
    platform.gitea.close()


def test_a_refused_copy(moody: tuple[Platform, Moody], bound: dict[str, Any]) -> None:
    """The row says so, and shows nothing of what was sent."""
    there, kube = moody
    kube.mood = Forbidden
    live = there.apply(bound)
    assert row(live) == (
        "Committed",
        "BindingNotReady",
        f'Secret "{SECRET}" in namespace "platform-services" cannot be brought to its pods: its answer is not shown, '
        "since it quotes the Secret",
    )
    kube.mood = None
    resync(there.reconciler("ApplicationClaim"))
    assert row(there.live(bound)) == ("Committed", "Committed", None)


def test_secrets_that_may_not_be_listed(moody: tuple[Platform, Moody], bound: dict[str, Any]) -> None:
    """A bound claim is looked at in every resync then; the others are as settled as ever, and none is in the way."""
    there, kube = moody
    there.apply(bound)
    there.apply(example("prod/prod-apps-claim.yaml"))
    process = there.reconciler("ApplicationClaim")
    resync(process)
    kube.is_blind = True
    resync(process)
    drop(there)
    resync(process)
    assert password(there, "dev") == password(there, NAMESPACE)


def test_an_api_server_that_is_down(moody: tuple[Platform, Moody], bound: dict[str, Any]) -> None:
    """Another try can succeed: the Broker comes back."""
    there, kube = moody
    kube.mood = KubeUnavailable
    with pytest.raises(TransientError):
        there.apply(bound)
    live = there.live(bound)
    assert ready(live)[1] == "KubeUnavailable"
    assert password(there, NAMESPACE) not in str(live)
    kube.mood = None
    assert row(there.apply(bound)) == ("Committed", "Committed", None)
