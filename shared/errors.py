"""What can go wrong, by what a function has to do about it.

::

    InfraForgeError(reason, message)
    ├── InvalidEvent                       → 400
    ├── PermanentError                     → status Stalled, 204
    │   ├── InvalidClaim
    │   └── Forbidden
    ├── Waiting                            → status Reconciling, 204; the next event or resync wakes it
    │   ├── NotBootstrapped
    │   ├── ConfirmationRequired
    │   └── InUse
    └── TransientError(retry_after)        → status Reconciling, 503 with Retry-After
        ├── GiteaUnavailable
        ├── PushRejected
        ├── KubeUnavailable
        ├── KubeConflict
        └── RegistryUnavailable

A client maps its library's exceptions to these in one place, with the cause chained. A message names the field or file
at fault and what would mend it; it never carries a credential (see `without_credentials`).
"""

import re
from urllib.parse import urlsplit, urlunsplit


class InfraForgeError(Exception):
    """The root of the tree.

    `reason` is the PascalCase constant that conditions and Events show; `str(error)` is the message for people.
    """

    def __init__(self, message: str, *, reason: str | None = None) -> None:
        super().__init__(message)
        self.reason = reason or type(self).__name__


class InvalidEvent(InfraForgeError):
    """The request is not a CloudEvent that we can read."""


class PermanentError(InfraForgeError):
    """Only a person can mend it: another try with the same input fails the same way."""


class InvalidClaim(PermanentError):
    """The claim breaks a rule that the schema could not hold."""


class Forbidden(PermanentError):
    """Somebody refused us: a missing scope, a protected branch, a pre-receive hook, RBAC."""


class Waiting(InfraForgeError):
    """Something else has to happen first, and an event will tell when it has."""


class NotBootstrapped(Waiting):
    """The platform, or this environment of it, does not exist yet."""


class ConfirmationRequired(Waiting):
    """The change would remove more than a slip should be able to: a person has to confirm it."""


class InUse(Waiting):
    """Others still need what is to go."""


class TransientError(InfraForgeError):
    """Something is down or in the way; another try in `retry_after` seconds can succeed."""

    def __init__(self, message: str, *, reason: str | None = None, retry_after: int = 5) -> None:
        super().__init__(message, reason=reason)
        self.retry_after = retry_after


class GiteaUnavailable(TransientError):
    """Gitea does not answer, or answers with a fault of its own."""


class PushRejected(TransientError):
    """Somebody else pushed first: fetch and build again on the new head."""


class KubeUnavailable(TransientError):
    """The Kubernetes API does not answer, throttles us, or answers with a fault of its own."""


class KubeConflict(TransientError):
    """The object changed since we read it: read and decide again."""


class RegistryUnavailable(TransientError):
    """A container registry does not answer, or throttles us."""


def without_credentials(url: str) -> str:
    """`url` as it may appear in a message: without userinfo, query and fragment. Never raises."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "an address that cannot be read"
    if not parts.netloc:
        return re.split(r"[?#]", url.rpartition("@")[2])[0]
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
