"""Handing an event back to the Broker."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import httpx

from shared.errors import PermanentError, TransientError

_AGAIN: Final = frozenset({401, 403, 404, 408, 409, 425, 429})
"""What passes: a Broker that is being made, a token that is being replaced."""


class BrokerRefused(PermanentError):
    """The Broker will not take that event, however often it is sent."""


class Broker:
    """The ingress of a Broker at `url`. With Knative's OIDC it asks for a token, which is in `token_file`."""

    def __init__(
        self,
        url: str | None,
        *,
        token_file: Path | None = None,
        timeout: float,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._url = url
        self._token_file = token_file
        self._http = httpx.Client(timeout=timeout, transport=transport, trust_env=False)

    def send(self, headers: Mapping[str, str], body: bytes) -> None:
        """Return when the Broker has the event; raises `BrokerRefused`, or `TransientError`."""
        if self._url is None:
            raise BrokerRefused("no Broker to send it to: set INFRAFORGE_BROKER_URL", reason="NoBroker")
        try:
            answer = self._http.post(self._url, headers={**headers, **self._authorization()}, content=body)
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

    def _authorization(self) -> dict[str, str]:
        """The token as it is now: the kubelet replaces it before it expires."""
        if self._token_file is None:
            return {}
        try:
            token = self._token_file.read_text(encoding="ascii").strip()
        except (OSError, ValueError) as error:
            raise TransientError(
                f"{self._token_file} cannot be read: {type(error).__name__}", reason="CredentialUnreadable"
            ) from None
        return {"Authorization": f"Bearer {token}"}
