"""Who sends events: the tokens that Knative adds when its sender identity (OIDC) is on.

A Trigger, and the Subscription below it, has a ServiceAccount of its own (`status.auth.serviceAccountName`, which
begins as the Trigger's name does) and sends that account's token as a Bearer JWT, made for the audience that the
Trigger's subscriber and dead-letter sink name (knative/eventing: pkg/auth). The API server signs it; its discovery
document names the issuer, its JWKS has the keys (kubernetes.io/docs, "Service account issuer
discovery").
"""

import fnmatch
import logging
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from shared.errors import PermanentError, TransientError
from shared.kube.client import Document, Kube
from shared.settings import Serving
from shared.web import Unauthorized, Verify, WrongSender

if TYPE_CHECKING:
    from jwt import PyJWK

DISCOVERY: Final = "/.well-known/openid-configuration"
KEYS: Final = "/openid/v1/jwks"
REFETCH_SECONDS: Final = 60.0
"""A key that nobody knows is asked for so often at most: anybody can name one."""
PAUSE_SECONDS: Final = 2.0
"""Between two tries to get the keys, while the API server does not give them."""
MAX_AGE_SECONDS: Final = 3600.0
"""After so long the keys are fetched again, so that one that was withdrawn is forgotten."""
LEEWAY_SECONDS: Final = 10.0
"""That clocks may differ by."""
MAX_TOKEN: Final = 16 * 1024

_BEARER = re.compile(r"[Bb]earer +([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)")
_ALGORITHMS: Final = {"RSA": "RS256", "EC P-256": "ES256"}
"""By type and curve of the key."""
_REQUIRED: Final = ("exp", "iss", "aud", "sub")
_BAD: Final = "the request carries no token that is good here: is the sender's audience this function's?"
_STRANGER: Final = "the token is good, and its subject may not send events here"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Keys:
    """The issuer, and its keys by their ids; fetched at `moment`."""

    issuer: str
    by_id: "Mapping[str, tuple[str, PyJWK]]"
    moment: float


def senders(settings: Serving, kube: Kube) -> Verify | None:
    """What checks the senders of events; None where no audience is set, and everybody may send."""
    if settings.sender_audience is None:
        return None
    subjects = settings.sender_subjects or (f"system:serviceaccount:{settings.system_namespace}:infraforge-*",)
    return Senders(kube.look_up, settings.sender_audience, subjects, issuer=settings.sender_issuer)


class Senders:
    """Checks the token of a request. Thread-safe.

    `look_up` gives the API server's document at a path. A subject matches one of `subjects`, shell patterns.
    """

    def __init__(
        self,
        look_up: Callable[[str], Document],
        audience: str,
        subjects: Sequence[str],
        *,
        issuer: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._look_up = look_up
        self._audience = audience
        self._subjects = tuple(subjects)
        self._issuer = issuer
        self._clock = clock
        self._keys: _Keys | None = None
        self._failed = float("-inf")
        self._lock = threading.Lock()

    def __call__(self, authorization: str) -> None:
        """Return if the `Authorization` header proves one of the subjects.

        Raises `Unauthorized` for no token or a bad one, `WrongSender` for another's, and `TransientError` when the keys
        cannot be had.
        """
        import jwt  # noqa: PLC0415 - a tenth of a second of a cold start, and only where identities are checked

        token = _BEARER.fullmatch(authorization) if len(authorization) <= MAX_TOKEN else None
        if token is None:
            raise Unauthorized(_BAD)
        try:
            keys, algorithm, key = self._key(jwt.get_unverified_header(token[1]))
            claims = jwt.decode(
                token[1],
                key,
                algorithms=[algorithm],  # the key's, and never the token's
                audience=self._audience,
                issuer=self._issuer or keys.issuer,
                leeway=LEEWAY_SECONDS,
                options={"require": list(_REQUIRED)},
            )
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as error:
            log.warning("a token was refused: %s", type(error).__name__)
            raise Unauthorized(_BAD) from error
        subject = claims["sub"]
        if not any(fnmatch.fnmatchcase(subject, pattern) for pattern in self._subjects):
            log.warning("a sender was refused: %.200s", subject)
            raise WrongSender(_STRANGER)

    def _key(self, header: Mapping[str, Any]) -> "tuple[_Keys, str, PyJWK]":
        """The key that the token's header names; ValueError when there is none, or it is for something else."""
        kid = header.get("kid")
        if not isinstance(kid, str) or "crit" in header:
            raise ValueError("no key is named, or an extension that is not understood")
        keys = self._current(kid)
        found = keys.by_id.get(kid)
        if found is None:
            raise ValueError("nobody knows the key")
        algorithm, key = found
        if header.get("alg") != algorithm:
            raise ValueError("the key is not for that algorithm")
        return keys, algorithm, key

    def _current(self, kid: str) -> _Keys:
        """The keys, fetched again where that may find `kid`."""
        keys = self._keys
        if keys is not None and self._is_enough(keys, kid):
            return keys
        with self._lock:
            keys = self._keys
            if keys is not None and self._is_enough(keys, kid):
                return keys  # somebody fetched them while we waited
            if self._clock() - self._failed < PAUSE_SECONDS:
                return self._or_else(keys, kid, "the Kubernetes API did not give its keys a moment ago")
            try:
                self._keys = self._fetched()
            except (TransientError, PermanentError) as error:  # RBAC may forbid it, too
                self._failed = self._clock()
                log.warning("no keys to check senders with: %s: %s", error.reason, error)
                return self._or_else(keys, kid, "the Kubernetes API does not give its keys")
            return self._keys

    def _is_enough(self, keys: _Keys, kid: str) -> bool:
        age = self._clock() - keys.moment
        return age < (MAX_AGE_SECONDS if kid in keys.by_id else REFETCH_SECONDS)

    def _or_else(self, keys: _Keys | None, kid: str, message: str) -> _Keys:
        """The old keys, if they have that one."""
        if keys is None or kid not in keys.by_id:
            raise TransientError(message, reason="KeysUnavailable")
        return keys

    def _fetched(self) -> _Keys:
        issuer = self._issuer or self._look_up(DISCOVERY).get("issuer")
        if not isinstance(issuer, str) or not issuer:
            raise TransientError("the Kubernetes API names no issuer: set INFRAFORGE_SENDER_ISSUER", reason="NoIssuer")
        listed = self._look_up(KEYS).get("keys")
        usable = [_usable(one) for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
        return _Keys(issuer, dict(one for one in usable if one is not None), self._clock())


def _usable(key: dict[str, Any]) -> "tuple[str, tuple[str, PyJWK]] | None":
    """Id, algorithm and key, of a public key that signatures are checked with; None for any other."""
    import jwt  # noqa: PLC0415 - keys are read where identities are checked, and nowhere else

    algorithm = _ALGORITHMS.get(f"{key.get('kty')} {key.get('crv', '')}".strip())
    kid = key.get("kid")
    if algorithm is None or not isinstance(kid, str) or not kid:
        return None
    if key.get("use", "sig") != "sig" or key.get("alg", algorithm) != algorithm:
        return None
    try:
        return kid, (algorithm, jwt.PyJWK.from_dict(key, algorithm=algorithm))
    except (jwt.PyJWTError, ValueError, TypeError):
        return None
