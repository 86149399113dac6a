"""Images to digests: many at a time, and not the same ones again and again."""

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Final

import httpx

from shared.errors import Forbidden, RegistryUnavailable
from shared.oci.cache import ExpiringCache
from shared.oci.credentials import Credentials
from shared.oci.hosts import HostNotAllowed, HostPolicy
from shared.oci.inquiry import Inquiry
from shared.oci.outcomes import NotAllowed, Private, Resolution, Resolved, TagMissing, Unavailable
from shared.oci.reference import Reference
from shared.oci.tokens import Tokens
from shared.oci.wire import COOL_DOWN, Wire

MAX_RESULTS: Final = 2048
MAX_THREADS: Final = 12
MAX_MESSAGE: Final = 400
REMEMBER: Final = 30.0
REMEMBER_REFUSAL: Final = 5.0


class Resolver:
    """Asks registries for digests; for many threads.

    `timeout` bounds one exchange with a host in seconds, three times as much one image. A digest is remembered for
    half a minute, a refusal for a few seconds, and a host that is down is left alone for `cool_down` seconds.
    `transport` stands in for the network in tests; without one every connection goes through
    `shared.oci.network.PinnedTransport`.
    """

    def __init__(
        self,
        *,
        policy: HostPolicy,
        credentials: Credentials | None = None,
        transport: httpx.BaseTransport | None = None,
        timeout: float = 5.0,
        cool_down: float = COOL_DOWN,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._policy = policy
        self._transport = transport if transport is not None else pinned(policy)
        self._timeout = timeout
        self._clock = clock
        self._wire = Wire(policy, self._transport, timeout=timeout, cool_down=cool_down, clock=clock)
        self._tokens = Tokens(policy, credentials or Credentials(), self._wire, clock)
        self._results: ExpiringCache[Reference, Resolution] = ExpiringCache(MAX_RESULTS, clock)

    def __enter__(self) -> "Resolver":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def resolve(self, image: Reference, *, fresh: bool = False) -> Resolution:
        """What the registry says of `image`; `fresh` asks it even if it was asked just now. Raises nothing."""
        return self._resolve(image, fresh, self._clock() + 3 * self._timeout)

    def resolve_all(
        self, images: Iterable[Reference], *, fresh: bool = False, within: float = 30.0
    ) -> dict[Reference, Resolution]:
        """`resolve` for many at a time, in the order given; those not answered `within` seconds are `Unavailable`."""
        wanted = list(dict.fromkeys(images))
        end = self._clock() + within

        def one(image: Reference) -> Resolution:
            return self._resolve(image, fresh, min(end, self._clock() + 3 * self._timeout))

        if len(wanted) <= 1:
            return {image: one(image) for image in wanted}
        with ThreadPoolExecutor(min(MAX_THREADS, len(wanted)), thread_name_prefix="oci") as pool:
            return dict(zip(wanted, pool.map(one, wanted), strict=True))

    def _resolve(self, image: Reference, fresh: bool, end: float) -> Resolution:
        known = None if fresh else self._results.get(image)
        if known is not None:
            return known
        outcome = self._ask(image, end)
        if isinstance(outcome, Resolved):
            self._results.put(image, outcome, REMEMBER)
        elif isinstance(outcome, TagMissing | Private):
            self._results.put(image, outcome, REMEMBER_REFUSAL)
        return outcome

    def _ask(self, image: Reference, end: float) -> Resolution:
        try:
            url = self._policy.endpoint(image.registry)
            return Inquiry(self._wire, self._tokens, image, url, end).resolution()
        except HostNotAllowed as error:
            return NotAllowed(f"{image} is not resolved: {_short(error)}")
        except Forbidden as error:
            return Private(
                f"{image} is private, or does not exist: {_short(error)}. Credentials for {image.registry} would tell; "
                "the cluster's own pull secrets may still fetch it"
            )
        except RegistryUnavailable as error:
            return Unavailable(f"{image} is not resolved: {_short(error)}", error.retry_after)


def _short(error: Exception) -> str:
    """The message, within bounds: a registry may redirect us to a host of 60,000 letters."""
    text = str(error)
    return text if len(text) <= MAX_MESSAGE else text[: MAX_MESSAGE - 1] + "…"


def pinned(policy: HostPolicy) -> httpx.BaseTransport:
    """Connections to the addresses that the policy allows, and to no other."""
    from shared.oci.network import PinnedTransport  # noqa: PLC0415 - httpcore takes 0.1 s to import

    return PinnedTransport(policy)
