"""Gitea's webhook: registered for the organization, received here, handed to the Broker.

Gitea delivers once, in order, and waits 5 s at most, so nothing is done here but to check the signature.
"""

import hashlib
import hmac
import re
import threading
import time
from collections.abc import Callable
from typing import Final

import httpx
from flask import Request, Response
from pydantic import SecretStr
from werkzeug.datastructures import Headers

from functions.bootstrap.desired import hook_fingerprint
from shared import events
from shared.errors import InvalidEvent, TransientError
from shared.gitea import Gitea
from shared.secret import Source
from shared.web import Unauthorized

PATH: Final = "/webhooks/gitea"
EVENTS: Final = frozenset({"push", "delete", "repository"})
HAND_OVER_SECONDS: Final = 4.0
"""Less than the 5 s after which Gitea gives a delivery up."""
CHANGEOVER_SECONDS: Final = 600.0
"""Longer than a resync (3 min) and the kubelet's refresh of a file (1.5 min) take together."""


def register(gitea: Gitea, organization: str, base_url: str, secret: SecretStr) -> str:
    """Make sure that exactly one active webhook of the organization comes to us with this secret; returns its URL.

    Gitea neither shows nor changes a hook's secret, so the URL carries a fingerprint of it: a hook of ours with
    another one is replaced, the new before the old. Hooks that lead elsewhere are not ours.
    """
    url = f"{base_url}{PATH}?fingerprint={hook_fingerprint(secret)}"
    ours = [hook for hook in gitea.hooks(organization) if hook.url.partition("?")[0] == f"{base_url}{PATH}"]
    good = [hook for hook in ours if hook.url == url and hook.active and hook.events >= EVENTS]
    if not good:
        gitea.create_hook(organization, url, secret, EVENTS)
    for hook in ours:
        if hook not in good[:1]:
            gitea.delete_hook(organization, hook)
    return url


def unregister(gitea: Gitea, organization: str, base_url: str) -> None:
    """Remove the organization's webhooks that come to us."""
    for hook in list(gitea.hooks(organization)):
        if hook.url.partition("?")[0] == f"{base_url}{PATH}":
            gitea.delete_hook(organization, hook)


class Changeover:
    """The secret that counts, and for a while the one before it, if this process has seen that one. Thread-safe.

    Between the change of the secret and the next resync, which registers the webhook anew, Gitea signs with the old
    one; what it delivers then it never delivers again.
    """

    def __init__(self, secret: Source, clock: Callable[[], float]) -> None:
        self._secret = secret
        self._clock = clock
        self._lock = threading.Lock()
        self._now: bytes | None = None
        self._before: tuple[bytes, float] | None = None

    def accepted(self) -> list[bytes]:
        """Those that a delivery may be signed with; none that is empty. Raises `TransientError` for want of any."""
        now = self._secret().get_secret_value().encode()
        with self._lock:
            if self._now is not None and self._now != now:
                self._before = self._now, self._clock() + CHANGEOVER_SECONDS
            self._now = now
            if self._before is not None and self._clock() >= self._before[1]:
                self._before = None
            return [secret for secret in (now, *(self._before or ())[:1]) if secret]


class Receiver:
    """Takes deliveries at `POST /webhooks/gitea`.

    `secret` is asked anew for every delivery. What was signed with the one before is taken for `CHANGEOVER_SECONDS`.
    """

    def __init__(
        self,
        *,
        secret: Source | None,
        broker_url: str | None,
        broker_token: Source | None = None,
        source: str,
        transport: httpx.BaseTransport | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._secrets = Changeover(secret, clock) if secret is not None else None
        self._broker_url = broker_url
        self._broker_token = broker_token
        self._source = source
        self._http = httpx.Client(timeout=HAND_OVER_SECONDS, transport=transport, trust_env=False)

    def __call__(self, request: Request, body: bytes) -> Response:
        """202 when the Broker has the delivery. Raises `Unauthorized`, `InvalidEvent` or `TransientError`."""
        self._verify(request.headers, body)
        event = request.headers.get("X-Gitea-Event", "")
        delivery = request.headers.get("X-Gitea-Delivery", "")
        if not re.fullmatch(r"[a-z_]{1,40}", event) or not re.fullmatch(r"[0-9A-Za-z-]{1,64}", delivery):
            raise InvalidEvent("not a delivery of Gitea's: X-Gitea-Event and X-Gitea-Delivery are missing or malformed")
        if self._broker_url is None:
            raise TransientError("no Broker to hand the delivery to: set INFRAFORGE_BROKER_URL", reason="NoBroker")
        headers, content = events.delivery(self._source, event, delivery, body)
        if self._broker_token is not None:  # with Knative's OIDC the Broker asks who we are
            headers["Authorization"] = f"Bearer {self._broker_token().get_secret_value()}"
        try:
            answer = self._http.post(self._broker_url, headers=headers, content=content)
        except httpx.HTTPError as error:
            raise TransientError(
                f"the Broker does not answer: {type(error).__name__}", reason="BrokerUnavailable"
            ) from error
        if not answer.is_success:
            raise TransientError(f"the Broker answered {answer.status_code}", reason="BrokerUnavailable")
        return Response(status=202)

    def _verify(self, headers: Headers, body: bytes) -> None:
        """The bare hex HMAC-SHA256 of the body; Gitea sends the header empty when a hook has no secret."""
        given = headers.get("X-Gitea-Signature", "").encode("utf-8", "replace")
        secrets = self._secrets.accepted() if self._secrets is not None else []
        if not secrets:
            raise Unauthorized("no webhook secret is configured here: set INFRAFORGE_WEBHOOK_SECRET_FILE")
        if not given:
            raise Unauthorized("the delivery has no signature: give the webhook its secret")
        signatures = [hmac.new(secret, body, hashlib.sha256).hexdigest().encode() for secret in secrets]
        if not any(hmac.compare_digest(expected, given) for expected in signatures):
            raise Unauthorized("the signature does not match: the webhook has another secret")
