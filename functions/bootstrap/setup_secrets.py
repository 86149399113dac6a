"""The Secrets that hold the functions' credentials: each made, or changed in its own key, and nothing else of it.

Beside the credential a Secret says in annotations by which generation it was made, and under which name Gitea knows
the token and the one before it. What has no such annotation and holds something is a person's.
"""

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

from pydantic import SecretStr

from shared.argocd import PART_OF
from shared.errors import Forbidden, KubeConflict, PermanentError
from shared.kube.client import Document, Kube, KubeNotFound, KubeRefused, Resource

T = TypeVar("T")

SECRETS: Final = Resource("v1", "secrets")
GENERATION: Final = "platform.infraforge.io/token-generation"
TOKEN: Final = "platform.infraforge.io/token-name"  # noqa: S105 - an annotation's name
PREVIOUS: Final = "platform.infraforge.io/previous-token-name"


@dataclass(frozen=True)
class Stored:
    """What a Secret says: `uid` of the object, the credential in it, and what its annotations tell of that."""

    uid: str
    version: str
    value: SecretStr | None
    generation: int | None
    token: str | None
    previous: str | None


class Vault:
    """One key of one Secret, which is read and written under our own ServiceAccount.

    Raises `KubeUnavailable`, `KubeConflict` when somebody else wrote it meanwhile, and `PermanentError` that names the
    Secret and the mend.
    """

    def __init__(self, kube: Kube, namespace: str, name: str, key: str) -> None:
        self._kube = kube
        self._namespace = namespace
        self._name = name
        self._key = key

    def __str__(self) -> str:
        return f"Secret {self._namespace}/{self._name}, key {self._key}"

    def read(self) -> Stored:
        """What is there; the Secret is made, empty, when there is none."""
        document = self._called("get", lambda: self._kube.get(SECRETS, self._namespace, self._name))
        return self._stored(document if document is not None else self._make())

    def write(self, before: Stored, value: SecretStr, annotations: Mapping[str, str | None]) -> Stored:
        """Put the credential in, provided the Secret is still the one that was read."""
        encoded = base64.b64encode(value.get_secret_value().encode()).decode()
        change = {
            "metadata": {
                "resourceVersion": before.version,
                "labels": dict(PART_OF),
                "annotations": dict(annotations),
            },
            "data": {self._key: encoded},
        }
        document = self._called("patch", lambda: self._kube.patch(SECRETS, self._namespace, self._name, change))
        if document is None:
            raise KubeConflict(f"{self} was deleted meanwhile")
        return self._stored(document)

    def _make(self) -> Document:
        metadata = {"name": self._name, "namespace": self._namespace, "labels": dict(PART_OF)}
        wanted = {"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "metadata": metadata}
        return self._called("create", lambda: self._kube.create(SECRETS, wanted))

    def _called(self, verb: str, call: Callable[[], T]) -> T:
        try:
            return call()
        except Forbidden as error:
            raise Forbidden(f"{self}: {error}; the ServiceAccount needs the verb {verb} for it") from error
        except KubeNotFound as error:
            raise PermanentError(f"{self}: {error}; see INFRAFORGE_SYSTEM_NAMESPACE") from error
        except KubeRefused as error:
            mend = "if it is immutable or of another type, delete it, and it is made anew"
            raise PermanentError(f"{self}: {error}; {mend}") from error

    def _stored(self, document: Document) -> Stored:
        metadata = document["metadata"]
        annotations = metadata.get("annotations") or {}
        generation = annotations.get(GENERATION, "")
        return Stored(
            uid=metadata["uid"],
            version=metadata["resourceVersion"],
            value=self._value((document.get("data") or {}).get(self._key)),
            generation=int(generation) if generation.isascii() and generation.isdigit() else None,
            token=annotations.get(TOKEN),
            previous=annotations.get(PREVIOUS),
        )

    def _value(self, encoded: object) -> SecretStr | None:
        """The credential as the functions read it from its file; None for one that they would not take."""
        try:
            text = base64.b64decode(str(encoded or ""), validate=True).decode().strip()
        except (binascii.Error, UnicodeDecodeError):
            return None
        return SecretStr(text) if text else None
