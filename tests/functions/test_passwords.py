"""Passwords of services: made once, kept whatever happens to the claim, and shown nowhere."""

import base64
import copy
import json
import logging
import string
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from functions.platform.passwords import LENGTH, Passwords
from shared.auth_secrets import SECRETS, without_password
from shared.claims import PlatformClaim
from shared.environments import Environment
from shared.errors import Forbidden, KubeUnavailable, TransientError
from shared.events import PING, SERVICES, Event
from shared.git import Writer
from shared.kinds import PLATFORM
from shared.kube.client import Document, KubeNotFound, Resource
from shared.steps import HOLD, PROVIDE
from tests.fakes import FakeKube
from tests.functions.gitea import GiteaServer
from tests.functions.platform import Platform, condition, example, ready

NAMESPACE = "platform-services"
NAMES = ("dev-platform-postgres-auth", "dev-platform-rabbitmq-auth")
ENVIRONMENT = Environment("nonprod", "dev", "platform", None, "c", "p")


class Vault(FakeKube):
    """An API server that counts how often Secrets are read, and does not take them while it has a `mood`."""

    mood: type[Exception] | None = None
    looks = 0

    def get(self, resource: Resource, namespace: str, name: str) -> Document | None:
        self.looks += resource == SECRETS
        return super().get(resource, namespace, name)

    def list(self, resource: Resource, *arguments: Any, **how: Any) -> Iterator[Document]:
        self.looks += resource == SECRETS
        return super().list(resource, *arguments, **how)

    def create(self, resource: Resource, document: Mapping[str, Any]) -> Document:
        if resource == SECRETS and self.mood is not None:
            raise self.mood(f"{document['metadata']['name']} is refused")
        return super().create(resource, document)

    def passwords(self) -> dict[str, str]:
        """Namespace/name → password, of every Secret that has one of its own."""
        return {
            f"{namespace}/{name}": base64.b64decode(one["data"]["password"]).decode()
            for (plural, namespace, name), one in self.objects.items()
            if plural == "secrets" and "data" in one
        }


@pytest.fixture
def claim() -> dict[str, Any]:
    """The seed's PlatformClaim."""
    return example("dev/dev-platform-claim.yaml")


@pytest.fixture
def vault() -> Vault:
    """The API server of `there`."""
    return Vault()


@pytest.fixture
def there(gitea_server: GiteaServer, tmp_path: Path, vault: Vault) -> Iterator[Platform]:
    """A platform that is bootstrapped."""
    platform = Platform(gitea_server, tmp_path, kube=vault)
    platform.bootstrap()
    yield platform
    platform.gitea.close()


def test_a_password_for_every_service(there: Platform, vault: Vault, claim: dict[str, Any]) -> None:
    """32 letters and digits, different for each; the Secret is nobody's, so that it outlives all."""
    there.apply(claim)
    made = vault.passwords()
    assert sorted(made) == [f"{NAMESPACE}/{name}" for name in NAMES]
    assert len(set(made.values())) == len(made)
    for password in made.values():
        assert len(password) == LENGTH == 32
        assert set(password) <= set(string.ascii_letters + string.digits)
    document = vault.objects["secrets", NAMESPACE, NAMES[0]]
    assert document["type"] == "Opaque"
    assert list(document["data"]) == ["password"]
    assert "ownerReferences" not in document["metadata"]
    assert "finalizers" not in document["metadata"]
    assert document["metadata"]["labels"] == {
        "app.kubernetes.io/part-of": "infraforge",
        "app.kubernetes.io/component": "service-password",
        "infraforge.io/cluster-type": "nonprod",
        "infraforge.io/environment": "dev",
    }


def test_it_is_made_once(there: Platform, vault: Vault, claim: dict[str, Any]) -> None:
    """By events, resyncs, edits and other processes: the same password, which nobody has ever read."""
    there.apply(claim)
    made = copy.deepcopy(vault.objects["secrets", NAMESPACE, NAMES[0]])
    there.react(claim, "event-2")
    claim["spec"]["services"][0]["values"]["auth"]["username"] = "other"
    there.apply(claim)
    there.reconciler("PlatformClaim").react(Event("ping", PING))
    assert vault.objects["secrets", NAMESPACE, NAMES[0]] == made
    assert vault.looks == 0


def test_one_that_was_lost_is_made_again_and_told(there: Platform, vault: Vault, claim: dict[str, Any]) -> None:
    """No file changes by it, but the applications that are bound to the service wait for it."""
    there.apply(claim)
    assert there.react(there.live(claim), "event-2") is None, "nothing new"
    del vault.objects["secrets", NAMESPACE, NAMES[0]]
    reply = there.react(there.live(claim), "event-3")
    assert reply is not None
    assert reply[0]["ce-type"] == SERVICES
    assert NAMES[0] in {name for _, _, name in vault.objects}


def test_it_survives_the_claim(there: Platform, vault: Vault, claim: dict[str, Any]) -> None:
    """As the volume does that was initialised with it; a claim that is made again finds both."""
    live = there.apply(claim)
    made = vault.passwords()
    there.delete(live)
    live = there.live(claim)
    there.annotate(live, confirm_removal=live["status"]["confirmation"])
    there.react(live)
    assert not there.exists(claim)
    assert vault.passwords() == made
    there.apply(claim)
    assert vault.passwords() == made


def test_one_that_somebody_made_is_kept(there: Platform, vault: Vault, claim: dict[str, Any]) -> None:
    """A restored backup, a password that has to be a certain one: it is neither read nor written."""
    theirs = {"metadata": {"name": NAMES[0], "namespace": NAMESPACE}, "stringData": {"password": "theirs"}}
    before = copy.deepcopy(vault.put(SECRETS, theirs))
    assert ready(there.apply(claim))[0] == "True"
    assert vault.objects["secrets", NAMESPACE, NAMES[0]] == before
    assert vault.looks == 0


def test_a_service_with_a_secret_of_its_own(there: Platform, vault: Vault, claim: dict[str, Any]) -> None:
    """None is made that nothing would use, and none for what runs elsewhere."""
    claim["spec"]["services"][0]["values"]["auth"]["existingSecret"] = "team-db"
    claim["spec"]["services"][1]["type"] = "external"
    there.apply(claim)
    assert vault.passwords() == {}


REFUSALS = [
    (Forbidden, "RBAC, an admission policy, a namespace that is being deleted"),
    (KubeNotFound, "a namespace that is gone"),
]


@pytest.mark.parametrize(("mood", "why"), REFUSALS, ids=[case[1] for case in REFUSALS])
def test_a_refused_secret_holds_its_service(
    there: Platform, vault: Vault, claim: dict[str, Any], mood: type[Exception], why: str
) -> None:
    """What waits for a password that cannot be made is not deployed; a service with its own goes on."""
    claim["spec"]["services"][1]["values"]["auth"] = {"existingSecret": "team-mq"}
    vault.mood = mood
    live = there.apply(claim)
    message = (
        f'the Secret "{NAMES[0]}" with its password cannot be made in namespace "{NAMESPACE}": {NAMES[0]} is refused; '
        "let the platform function create Secrets there, or name one of your own in values.auth.existingSecret"
    )
    rows = {row["name"]: row for row in live["status"]["services"]}
    assert (rows["postgres"]["state"], rows["postgres"]["message"]) == ("Held", message), why
    assert rows["rabbitmq"]["state"] == "Committed"
    assert ready(live)[:2] == ("False", "PasswordRefused")
    vault.mood = None
    there.reconciler("PlatformClaim").react(Event("ping", PING))
    assert ready(there.live(claim))[0] == "True"
    assert list(vault.passwords()) == [f"{NAMESPACE}/{NAMES[0]}"]


def test_an_api_server_that_is_down(there: Platform, vault: Vault, claim: dict[str, Any]) -> None:
    """Nothing is committed that would wait for a password; the Broker comes back."""
    vault.mood = KubeUnavailable
    put = there.claim(claim)
    with pytest.raises(TransientError):
        there.react(put)
    assert condition(there.live(claim), "Committed")[:2] == ("Unknown", "KubeUnavailable")
    assert not [path for path in there.tree() if "/platform/postgres/" in path]
    vault.mood = None
    assert ready(there.apply(claim))[0] == "True"


def test_a_service_that_comes_while_its_neighbour_is_written(vault: Vault, claim: dict[str, Any]) -> None:
    """The claim is read once more under Git's lock: what is new then is made then, and nothing is tried twice."""
    passwords = Passwords(vault)
    first = PlatformClaim.model_validate(claim)
    assert passwords.provide(first, ENVIRONMENT, fresh=True).is_news
    claim["spec"]["services"].append({"name": "redis"})
    vault.mood = None
    later = passwords.provide(PlatformClaim.model_validate(claim), ENVIRONMENT, fresh=False)
    assert (later.is_news, later.held) == (True, {})
    assert len(vault.passwords()) == 3
    vault.mood = Forbidden
    assert passwords.provide(first, ENVIRONMENT, fresh=False).held == {}
    assert list(passwords.provide(first, ENVIRONMENT, fresh=True).held) == ["postgres", "rabbitmq"]


def test_the_password_comes_before_the_commit() -> None:
    """So that nothing is deployed that waits for it, wherever the process is killed."""
    steps = PLATFORM.steps_of_work
    assert steps.index(HOLD) < steps.index(PROVIDE) < steps.index(Writer.STEPS[0])


def test_it_is_shown_nowhere(
    there: Platform, vault: Vault, claim: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """Not in Git, whatever the revision; not in a claim, a status or an Event; not in a log, not even in base64."""
    caplog.set_level(logging.DEBUG)
    apps = example("dev/dev-apps-claim.yaml")
    apps["spec"]["applications"][0]["bindings"] = ["postgres", "rabbitmq"]
    there.apply(claim)
    there.apply(apps)
    vault.mood = Forbidden
    there.apply(claim)
    passwords = vault.passwords()
    assert len(passwords) == 4, "two services, and their copies"
    said = there.git("log", "-p", "--text", "--all", "--format=%B%N%an%ae")
    said += json.dumps([vault.status_writes, vault.events, caplog.text])
    said += json.dumps([one for key, one in vault.objects.items() if key[0] != "secrets"])
    for password in passwords.values():
        assert password not in said
        assert base64.b64encode(password.encode()).decode() not in said


QUOTES = [
    ("refused: {encoded}", False, "in base64, as it was sent"),
    ("refused: {plain}", False, "decoded"),
    ("refused: {encoded:.9} and more", False, "cut, as a long message is"),
    ("refused: the quota is used up", True, "nothing of it"),
]


@pytest.mark.parametrize(("text", "is_shown", "why"), QUOTES, ids=[case[2] for case in QUOTES])
def test_an_answer_that_quotes_the_secret(text: str, is_shown: bool, why: str) -> None:
    """An API server, or a webhook behind it, may quote what it was sent."""
    plain = "q7RkVw0ZpXs2LdTgB8yNc4mHJf6aUe1K"
    encoded = base64.b64encode(plain.encode()).decode()
    message = text.format(encoded=encoded, plain=plain)
    assert (without_password(message, encoded) == message) == is_shown, why


def test_a_password_that_is_no_text() -> None:
    """A service's own Secret may hold anything: it is compared as it was sent."""
    encoded = base64.b64encode(b"\xff\xfe\xfd\xfc\xfb\xfa").decode()
    assert without_password(f"bad: {encoded}", encoded) != f"bad: {encoded}"
    assert without_password("bad", "%%%") == "bad"
