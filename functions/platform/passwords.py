"""The passwords of platform services: made once, beside the service, and never looked at again."""

import secrets
import string
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

from shared import auth_secrets
from shared.bindings import auth_secret, existing_secret
from shared.claims import PlatformClaim, service_release
from shared.drafts import Hold
from shared.environments import Environment
from shared.errors import InfraForgeError, KubeConflict, PermanentError
from shared.kube.client import Kube

LENGTH: Final = 32
ALPHABET: Final = string.ascii_letters + string.digits
REFUSED: Final = "PasswordRefused"
"""The reason of a service whose Secret the API server does not take."""
ELSEWHERE: Final = "PasswordElsewhere"
"""The reason of a service whose Secret a person has to make, since it runs in another cluster."""

MAX_REMEMBERED: Final = 10_000


@dataclass
class Provided:
    """What became of a claim's passwords, by the service's name: why a Secret is not there, or a person's to make.

    `is_news` when one was made that was not there.
    """

    held: dict[str, Hold] = field(default_factory=dict)
    notes: dict[str, Hold] = field(default_factory=dict)
    is_news: bool = False


class Passwords:
    """Makes `<release>-auth` for every service that names no Secret of its own. Thread-safe.

    Create-only: one that is there is never read, compared or written, so a process that is killed in between, or a
    second one, does no harm, and a service keeps the password that its volume was initialised with.
    """

    def __init__(self, kube: Kube) -> None:
        self._kube = kube
        self._there: OrderedDict[tuple[str, str], None] = OrderedDict()

    def provide(self, claim: PlatformClaim, environment: Environment, *, fresh: bool) -> Provided:
        """Make what is missing. What this process found to be there is tried again only if `fresh`.

        Raises `TransientError` when the API server does not answer.
        """
        provided, cluster = Provided(), auth_secrets.elsewhere(environment)
        for service in claim.spec.services:
            if service.type == "external" or existing_secret(service):
                continue
            key = claim.metadata.namespace, auth_secret(service_release(environment.name, service.name))
            if cluster is not None:
                provided.notes[service.name] = Hold(ELSEWHERE, _request(*key, cluster))
            elif fresh or key not in self._there:
                try:
                    provided.is_news |= self._make(*key, environment)
                    self._remember(key)
                except PermanentError as error:
                    provided.held[service.name] = Hold(REFUSED, _refusal(*key, error))
        return provided

    def _make(self, namespace: str, name: str, environment: Environment) -> bool:
        password = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
        document = auth_secrets.made(name, namespace, environment, password)
        try:
            self._kube.create(auth_secrets.SECRETS, document)
        except KubeConflict:
            return False  # it is there, whoever made it
        except InfraForgeError as error:
            error.args = (auth_secrets.without_password(str(error), auth_secrets.encoded_password(document) or ""),)
            raise error from None  # whatever caused it may quote what was sent
        return True

    def _remember(self, key: tuple[str, str]) -> None:
        self._there[key] = None
        while len(self._there) > MAX_REMEMBERED:
            self._there.popitem(last=False)


def _refusal(namespace: str, name: str, error: PermanentError) -> str:
    return (
        f'the Secret "{name}" with its password cannot be made in namespace "{namespace}": {error}; let the platform '
        "function create Secrets there, or name one of your own in values.auth.existingSecret"
    )


def _request(namespace: str, name: str, cluster: str) -> str:
    return (
        f"it runs in another cluster ({cluster}), where InfraForge makes no Secrets, and its pods wait for a password; "
        f"to make it there once: openssl rand -hex 16 | tr -d '\\n' | kubectl create secret generic {name} "
        f"-n {namespace} --from-file=password=/dev/stdin"
    )
