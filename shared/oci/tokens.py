"""The bearer-token flow: a challenge (401) leads to a token service, whose token opens one repository for reading.

Protocol: https://distribution.github.io/distribution/spec/auth/token/. The challenge is the registry's word, and a
registry may be anybody's: it can name any token service, but gets us to show our credentials to none except its own.
"""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import httpx
from pydantic import SecretStr

from shared.errors import Forbidden, RegistryUnavailable
from shared.oci.cache import ExpiringCache
from shared.oci.credentials import Credentials
from shared.oci.hosts import Authority, HostPolicy
from shared.oci.wire import Wire

MAX_TOKENS: Final = 1024
MAX_TOKEN: Final = 16 * 1024
MAX_ANSWER: Final = 64 * 1024
MAX_CHALLENGE: Final = 4096
DEFAULT_LIFE: Final = 60.0
MAX_LIFE: Final = 3600.0
MARGIN: Final = 10.0

_PARAMETER: Final = re.compile(r'([A-Za-z_]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')
_TOKEN: Final = re.compile(r"[\x21-\x7e]+")
_OK: Final = 200
_REFUSALS: Final = frozenset({401, 403})


@dataclass(frozen=True)
class Challenge:
    """How a registry wants us to prove who we are (RFC 9110, WWW-Authenticate)."""

    scheme: str
    realm: str
    service: str

    @classmethod
    def parse(cls, header: str) -> "Challenge | None":
        """The Bearer challenge in `header`, else a Basic one, else None."""
        text = header[:MAX_CHALLENGE]
        for scheme in ("bearer", "basic"):
            found = re.search(rf"(?:^|,)\s*{scheme}(?:\s+|$)", text, re.IGNORECASE)
            if found:
                pairs = {
                    key.lower(): re.sub(r"\\(.)", r"\1", quoted) or plain
                    for key, quoted, plain in reversed(_PARAMETER.findall(text[found.end() :]))
                }
                return cls(scheme, pairs.get("realm", ""), pairs.get("service", ""))
        return None


class Tokens:
    """Authorization headers for (registry, repository), fetched when asked for and remembered until they expire."""

    def __init__(
        self,
        policy: HostPolicy,
        credentials: Credentials,
        wire: Wire,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._policy = policy
        self._credentials = credentials
        self._wire = wire
        self._remembered: ExpiringCache[tuple[Authority, str], SecretStr] = ExpiringCache(MAX_TOKENS, clock)

    def remembered(self, registry: Authority, repository: str) -> SecretStr | None:
        """The header's value that worked a short while ago, if there is one."""
        return self._remembered.get((registry, repository))

    def forget(self, registry: Authority, repository: str) -> None:
        """Drop a header that does not work any more."""
        self._remembered.discard((registry, repository))

    def obtain(self, registry: Authority, repository: str, header: str, *, end: float) -> SecretStr:
        """The header's value that answers the challenge `header` of `registry`, by the time `end` on the clock.

        Raises `Forbidden` if there is no way in for us, `HostNotAllowed` if the token service is out of bounds, and
        `RegistryUnavailable`.
        """
        challenge = Challenge.parse(header)
        if challenge is None:
            raise Forbidden(f"{registry} does not let us in, nor does it say how to ask")
        if challenge.scheme == "basic":
            login = self._credentials.login(registry)
            if login is None:
                raise Forbidden(f"{registry} wants a user name and password, and none is configured for it")
            value, life = login.basic(), DEFAULT_LIFE
        else:
            value, life = self._fetch(registry, repository, challenge, end)
        if life > MARGIN:
            self._remembered.put((registry, repository), value, life - MARGIN)
        return value

    def _fetch(self, registry: Authority, repository: str, challenge: Challenge, end: float) -> tuple[SecretStr, float]:
        """Token and seconds of its life, from the realm."""
        try:
            realm = httpx.URL(challenge.realm)
        except httpx.InvalidURL as error:
            raise RegistryUnavailable(f"{registry} names a token service whose address does not parse") from error
        where = Authority.of(realm)
        login = self._credentials.login(registry) if self._policy.trusts(registry, where) else None
        # The scope is ours, whatever the challenge says: a token for reading this repository is all we ever ask for.
        query = {"scope": f"repository:{repository}:pull"}
        if challenge.service:
            query["service"] = challenge.service
        answer = self._wire.send(
            "GET",
            realm.copy_merge_params(query).copy_with(fragment=None),
            end=end,
            limit=MAX_ANSWER,
            authorization=None if login is None else login.basic(),
            redirects=0,
        )
        if answer.status in _REFUSALS:
            shown = "without credentials" if login is None else "for the configured credentials"
            raise Forbidden(f"{where} gives no token for {registry}/{repository} {shown}")
        found = answer.json()
        token = found.get("token") or found.get("access_token")
        if answer.status != _OK or not isinstance(token, str) or not _TOKEN.fullmatch(token) or len(token) > MAX_TOKEN:
            raise RegistryUnavailable(f"{where} answers {answer.status} without a token")
        return SecretStr(f"Bearer {token}"), _life(found.get("expires_in"))


def _life(seconds: object) -> float:
    """The token's `expires_in`: 60 s if it does not say, and never more than an hour."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not seconds > 0:
        return DEFAULT_LIFE
    return min(float(seconds), MAX_LIFE) if seconds < MAX_LIFE else MAX_LIFE
