"""Bindings at work: values, Secrets brought to the application's namespace, and who is woken when a service changes."""

import base64
import copy
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from shared import events
from shared.auth_secrets import SECRETS
from shared.errors import Forbidden, KubeUnavailable, TransientError
from shared.events import PING, SERVICES, Event
from shared.kinds import PLATFORM
from shared.kube.client import Document, Resource
from shared.reconciler import Reconciler
from tests.fakes import FakeKube
from tests.functions.gitea import GiteaServer
from tests.functions.platform import Platform, example, ready

APPS = "environments/nonprod/dev/applications"
SECRET = "dev-platform-postgres-auth"
NAMESPACE = "platform-services"
UNKNOWN = (
    'spec.applications[0].bindings[0]: "postgres" is bound to nothing: environment "dev" of cluster type "nonprod" has '
    "no PlatformClaim; this goes on by itself when it has"
)
Process = Reconciler[Any]


@pytest.fixture
def claim() -> dict[str, Any]:
    """The seed's ApplicationClaim, its first application bound to the database."""
    document = example("dev/dev-apps-claim.yaml")
    document["spec"]["applications"][0]["bindings"] = ["postgres"]
    return document


def rows(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in document["status"]["applications"]}


def row(document: dict[str, Any]) -> tuple[str, str, str | None]:
    """State, reason and message of the bound application."""
    found = rows(document)["ecommerce-platform"]
    return found["state"], found["reason"], found.get("message")


def values(platform: Platform, application: str = "ecommerce-platform") -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(platform.file(f"{APPS}/{application}/values.yaml"))
    return found


def secret(platform: Platform, namespace: str, name: str = SECRET) -> Document | None:
    return platform.kube.objects.get(("secrets", namespace, name))


def password(platform: Platform, namespace: str, name: str = SECRET) -> str:
    found = secret(platform, namespace, name)
    assert found is not None
    return base64.b64decode(found["data"]["password"]).decode()


def put_secret(platform: Platform, namespace: str, name: str, **data: str) -> Document:
    """What somebody else makes."""
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
    document = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": namespace}}
    return platform.kube.put(SECRETS, document | {"data": encoded})


def resync(process: Process) -> None:
    process.react(Event("ping", PING))


def test_a_bound_application(there: Platform, claim: dict[str, Any], services: dict[str, Any]) -> None:
    """Its values say where the service is; its namespace has the password; its neighbour has neither."""
    there.apply(services)
    live = there.apply(claim)
    assert ready(live) == ("True", "Committed", "all 2 applications are in Git")
    assert values(there)["bindings"] == {
        "postgres": {
            "database": "ecommerce",
            "host": "dev-platform-postgres.platform-services.svc",
            "namespace": "platform-services",
            "port": 5432,
            "release": "dev-platform-postgres",
            "secretKey": "password",
            "secretName": SECRET,
            "username": "admin",
        }
    }
    assert "bindings" not in values(there, "user-service")
    assert password(there, "dev") == password(there, NAMESPACE)
    copied = secret(there, "dev")
    assert copied is not None
    assert copied["metadata"]["labels"] == {
        "app.kubernetes.io/part-of": "infraforge",
        "app.kubernetes.io/component": "binding",
        "infraforge.io/cluster-type": "nonprod",
        "infraforge.io/environment": "dev",
    }
    assert copied["metadata"]["annotations"] == {
        "platform.infraforge.io/copied-from": "platform-services/dev-platform-postgres-auth"
    }
    assert secret(there, "dev", "dev-platform-rabbitmq-auth") is None, "nothing is bound to it"


def test_a_second_look_changes_nothing(there: Platform, claim: dict[str, Any], services: dict[str, Any]) -> None:
    """No commit, no status, no Event, and no write to a Secret."""
    there.apply(services)
    live = there.apply(claim)
    before = there.commits(), len(there.kube.status_writes), len(there.kube.events), secret(there, "dev")
    there.react(live, "event-2")
    assert before == (there.commits(), len(there.kube.status_writes), len(there.kube.events), secret(there, "dev"))


def test_an_unknown_service_holds_that_application_alone(
    there: Platform, claim: dict[str, Any], services: dict[str, Any]
) -> None:
    """The services that there are stand in the message; what was in Git stays as it was."""
    there.apply(services)
    there.apply(claim)
    before = values(there)
    claim["spec"]["applications"][0] |= {"bindings": ["postgres", "mongo"], "values": {"replicas": 7}}
    claim["spec"]["applications"][1]["values"] = {"replicas": 7}
    live = there.apply(claim)
    message = (
        'spec.applications[0].bindings[1]: environment "dev" of cluster type "nonprod" has no service "mongo"; '
        "it has: postgres, rabbitmq"
    )
    assert row(live) == ("Held", "BindingUnknown", message)
    assert ready(live) == ("False", "BindingUnknown", f"ecommerce-platform: {message}")
    assert values(there) == before
    assert values(there, "user-service")["replicas"] == 7


def test_a_platform_claim_that_comes_later_wakes_who_waits_for_it(
    there: Platform, claim: dict[str, Any], services: dict[str, Any]
) -> None:
    """By the platform function's reply, which names the environment; nobody waits for a ping."""
    live = there.apply(claim)
    assert row(live) == ("Held", "BindingUnknown", UNKNOWN)
    put = there.claim(services)
    reply = there.react(put)
    assert reply is not None
    woken = events.parse(*reply)
    assert (woken.type, woken.environment) == (SERVICES, ("nonprod", "dev"))
    there.reconciler("ApplicationClaim").react(woken)
    assert row(there.live(claim)) == ("Committed", "Committed", None)
    assert there.react(put) is None, "there is nothing new to tell"


def test_a_changed_user_reaches_the_application(
    there: Platform, claim: dict[str, Any], services: dict[str, Any]
) -> None:
    """One commit, by a process that had taken the claim for settled; a volume's size is no matter of applications."""
    there.apply(services)
    there.apply(claim)
    process = there.reconciler("ApplicationClaim")
    resync(process)
    services["spec"]["services"][0]["values"]["primary"]["persistence"]["size"] = "20Gi"
    reply = there.react(there.claim(services))
    assert reply is not None
    reads, commits = there.kube.reads, there.commits()
    process.react(events.parse(*reply))
    assert (there.kube.reads, there.commits()) == (reads, commits), "it is settled still"
    services["spec"]["services"][0]["values"]["auth"]["username"] = "owner"
    reply = there.react(there.claim(services))
    assert reply is not None
    process.react(events.parse(*reply))
    assert values(there)["bindings"]["postgres"]["username"] == "owner"
    assert there.commits() == commits + 2


def test_a_service_that_goes_holds_who_is_bound_to_it(
    there: Platform, claim: dict[str, Any], services: dict[str, Any]
) -> None:
    """At the resync: the application keeps its files, and says what it misses."""
    there.apply(services)
    there.apply(claim)
    process = there.reconciler("ApplicationClaim")
    resync(process)
    there.kube.objects.pop(("platformclaims", NAMESPACE, "dev-platform"))
    resync(process)
    assert row(there.live(claim)) == ("Held", "BindingUnknown", UNKNOWN)
    assert "bindings" in values(there)


def test_a_claim_of_services_that_is_deleted_says_so(
    there: Platform, claim: dict[str, Any], services: dict[str, Any]
) -> None:
    """When it lets go, and not while it waits for the confirmation."""
    there.apply(claim)
    live = there.apply(services)
    there.kube.remove(PLATFORM.resource, NAMESPACE, "dev-platform")
    assert there.react(live) is None
    there.annotate(live, confirm_removal=there.live(live)["status"]["confirmation"])
    reply = there.react(live)
    assert reply is not None
    assert events.parse(*reply).environment == ("nonprod", "dev")
    there.reconciler("ApplicationClaim").react(events.parse(*reply))
    assert row(there.live(claim)) == ("Held", "BindingUnknown", UNKNOWN)


def test_a_settled_claim_costs_a_listing(there: Platform, claim: dict[str, Any], services: dict[str, Any]) -> None:
    """A resync of bound claims reads no claim and no Secret one by one, and writes nothing."""
    there.apply(services)
    there.apply(claim)
    process = there.reconciler("ApplicationClaim")
    resync(process)
    reads, writes, lists = there.kube.reads, len(there.kube.status_writes), there.kube.lists
    resync(process)
    assert (there.kube.reads, len(there.kube.status_writes)) == (reads, writes)
    assert there.kube.lists == lists + 4, "BootstrapClaims, ApplicationClaims, PlatformClaims, Secrets"


def test_a_claim_that_binds_nothing_lists_nothing_more(there: Platform) -> None:
    there.apply(example("dev/dev-apps-claim.yaml"))
    process = there.reconciler("ApplicationClaim")
    resync(process)
    lists = there.kube.lists
    resync(process)
    assert there.kube.lists == lists + 2, "BootstrapClaims and ApplicationClaims"


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
    there: Platform, claim: dict[str, Any], services: dict[str, Any], change: Callable[[Platform], None], why: str
) -> None:
    """At the next resync, of a claim that is settled otherwise."""
    there.apply(services)
    there.apply(claim)
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


def test_a_strangers_secret_is_left_alone(there: Platform, claim: dict[str, Any], services: dict[str, Any]) -> None:
    """It says which, and goes on when that is out of the way."""
    there.apply(services)
    before = copy.deepcopy(put_secret(there, "dev", SECRET, password="theirs"))
    live = there.apply(claim)
    message = (
        f'Secret "{SECRET}" in namespace "dev" is not InfraForge\'s, and left as it is; '
        "a service's password would be in its place: rename or delete it"
    )
    assert row(live) == ("Held", "BindingSecretTaken", message)
    assert secret(there, "dev") == before
    assert rows(live)["user-service"]["state"] == "Committed"
    there.kube.delete(SECRETS, "dev", SECRET)
    resync(there.reconciler("ApplicationClaim"))
    assert row(there.live(claim)) == ("Committed", "Committed", None)


def test_a_password_that_is_not_there_yet(there: Platform, claim: dict[str, Any], services: dict[str, Any]) -> None:
    """The files are in Git, since pods wait for a Secret by themselves; the row says for what, until it is there."""
    there.claim(services)
    live = there.apply(claim)
    waits = f'its pods wait for a password: Secret "{SECRET}" in namespace "platform-services" is not there yet'
    assert row(live) == ("Committed", "BindingNotReady", waits)
    assert ready(live)[0] == "True"
    assert values(there)["bindings"]["postgres"]["secretName"] == SECRET
    put_secret(there, NAMESPACE, SECRET, user="x")
    process = there.reconciler("ApplicationClaim")
    resync(process)
    empty = f'its pods wait for a password: Secret "{SECRET}" in namespace "platform-services" has no key password'
    assert row(there.live(claim)) == ("Committed", "BindingNotReady", empty)
    put_secret(there, NAMESPACE, SECRET, password="p")
    commits = there.commits()
    resync(process)
    assert row(there.live(claim)) == ("Committed", "Committed", None)
    assert password(there, "dev") == "p"
    assert there.commits() == commits


def test_the_applications_of_the_services_own_namespace(
    there: Platform, claim: dict[str, Any], services: dict[str, Any]
) -> None:
    """They read the service's own Secret: nothing is copied, and nothing taken for a stranger's."""
    services["metadata"]["namespace"] = "dev"
    there.apply(services)
    made = copy.deepcopy(secret(there, "dev"))
    live = there.apply(claim)
    assert row(live) == ("Committed", "Committed", None)
    assert secret(there, "dev") == made
    assert values(there)["bindings"]["postgres"]["host"] == "dev-platform-postgres.dev.svc"
    process = there.reconciler("ApplicationClaim")
    resync(process)
    reads = there.kube.reads
    resync(process)
    assert there.kube.reads == reads


def test_a_secret_of_the_teams_own(there: Platform, claim: dict[str, Any], services: dict[str, Any]) -> None:
    """The service's values name it: its password is brought along, and nothing else that is in it."""
    services["spec"]["services"][0]["values"]["auth"]["existingSecret"] = "team-db"
    put_secret(there, NAMESPACE, "team-db", password="ours", other="not yours")
    there.apply(services)
    assert row(there.apply(claim)) == ("Committed", "Committed", None)
    brought = secret(there, "dev")
    assert brought is not None
    assert list(brought["data"]) == ["password"]
    assert password(there, "dev") == "ours"
    process = there.reconciler("ApplicationClaim")
    resync(process)
    put_secret(there, NAMESPACE, "team-db", password="changed")
    resync(process)
    assert password(there, "dev") == "changed"


def test_another_cluster(there: Platform, claim: dict[str, Any], services: dict[str, Any]) -> None:
    """The functions reach no cluster but their own: what is to be done is said, with the line to paste."""
    bootstrap = there.claim(example("bootstrap-claim.yaml"))
    bootstrap["spec"]["clusters"][0]["destination"] = {"server": "https://far.example.com"}
    there.apply(bootstrap)
    service = there.apply(services)["status"]["services"][0]
    assert (service["state"], service["reason"]) == ("Committed", "PasswordElsewhere")
    assert service["message"] == (
        "it runs in another cluster (https://far.example.com), where InfraForge makes no Secrets, and its pods wait "
        "for a password; to make it there once: openssl rand -hex 16 | tr -d '\\n' | kubectl create secret generic "
        "dev-platform-postgres-auth -n platform-services --from-file=password=/dev/stdin"
    )
    live = there.apply(claim)
    assert row(live) == (
        "Committed",
        "BindingNotReady",
        "it runs in another cluster (https://far.example.com), where InfraForge makes no Secrets, and its pods wait "
        f"for a password; to bring it there: kubectl get secret {SECRET} -n platform-services "
        "-o jsonpath='{.data.password}' | base64 -d | kubectl create secret generic "
        f"{SECRET} -n dev --from-file=password=/dev/stdin",
    )
    assert not [key for key in there.kube.objects if key[0] == "secrets" and key[1] != "argocd"]
    process = there.reconciler("ApplicationClaim")
    resync(process)
    reads = there.kube.reads
    resync(process)
    assert there.kube.reads == reads, "looking again would come to the same"


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


def test_a_refused_copy(moody: tuple[Platform, Moody], claim: dict[str, Any]) -> None:
    """The row says so, and shows nothing of what was sent."""
    there, kube = moody
    kube.mood = Forbidden
    live = there.apply(claim)
    assert row(live) == (
        "Committed",
        "BindingNotReady",
        f'Secret "{SECRET}" in namespace "platform-services" cannot be brought to its pods: its answer is not shown, '
        "since it quotes the Secret",
    )
    kube.mood = None
    resync(there.reconciler("ApplicationClaim"))
    assert row(there.live(claim)) == ("Committed", "Committed", None)


def test_secrets_that_may_not_be_listed(moody: tuple[Platform, Moody], claim: dict[str, Any]) -> None:
    """A bound claim is looked at in every resync then; the others are as settled as ever, and none is in the way."""
    there, kube = moody
    there.apply(claim)
    there.apply(example("prod/prod-apps-claim.yaml"))
    process = there.reconciler("ApplicationClaim")
    resync(process)
    kube.is_blind = True
    resync(process)
    drop(there)
    resync(process)
    assert password(there, "dev") == password(there, NAMESPACE)


def test_an_api_server_that_is_down(moody: tuple[Platform, Moody], claim: dict[str, Any]) -> None:
    """Another try can succeed: the Broker comes back."""
    there, kube = moody
    kube.mood = KubeUnavailable
    with pytest.raises(TransientError):
        there.apply(claim)
    live = there.live(claim)
    assert ready(live)[1] == "KubeUnavailable"
    assert password(there, NAMESPACE) not in str(live)
    kube.mood = None
    assert row(there.apply(claim)) == ("Committed", "Committed", None)
