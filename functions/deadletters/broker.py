"""Handing an event back to the Broker."""

from collections.abc import Mapping
from typing import Final

import httpx

from shared.errors import PermanentError, TransientError
from shared.secret import Source

_AGAIN: Final = frozenset({401, 403, 404, 408, 409, 425, 429})
"""What passes: a Broker that is being made, a token that is being replaced."""


class BrokerRefused(PermanentError):
    """The Broker will not take that event, however often it is sent."""


class Broker:
    """The ingress of a Broker at `url`. Where it asks for identities (OIDC), `token` says what ours is by now."""

    def __init__(
        self,
        url: str | None,
        *,
        token: Source | None = None,
        timeout: float,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._url = url
        self._token = token
        self._http = httpx.Client(timeout=timeout, transport=transport, trust_env=False)

    def send(self, headers: Mapping[str, str], body: bytes) -> None:
        """Return when the Broker has the event; raises `BrokerRefused`, or `TransientError`."""
        if self._url is None:
            raise BrokerRefused("no Broker to send it to: set INFRAFORGE_BROKER_URL", reason="NoBroker")
        own = {"Authorization": f"Bearer {self._token().get_secret_value()}"} if self._token is not None else {}
        try:
            answer = self._http.post(self._url, headers={**headers, **own}, content=body)
        except httpx.HTTPError as error:
            raise TransientError(
                f"the Broker does not answer: {type(error).__name__}", reason="BrokerUnavailable"
            ) from error
        if answer.is_success:
            return
        said = f"the Broker answered {answer.status_code}"
        if answer.is_server_error or answer.status_code in _AGAIN:
            raise TransientError(said, reason="BrokerUnavailable")
        raise BrokerRefused(said)
