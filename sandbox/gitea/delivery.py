"""Webhook deliveries as Gitea makes them: once, in order, one after another, five seconds at most for each.

Nothing is retried and a restart forgets what was waiting. Gitea's default of refusing every address inside the network
would make a sandbox useless: here loopback is allowed, and `hosts` can allow more. It is Gitea's ALLOWED_HOST_LIST (in
`[security]` since 1.27, in `[webhook]` before): `loopback`, `private`, `external`, `*`, or globs of host names.
"""

import asyncio
import contextlib
import hashlib
import hmac
import ipaddress
import json
import logging
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import urlencode, urlsplit

from sandbox.gitea.plumbing import GitFailed
from sandbox.gitea.store import Hook, Store, now

Build = Callable[[], Awaitable[dict[str, Any]]]
TIMEOUT = 5.0
_log = logging.getLogger(__name__)


class HostRefused(Exception):
    """The receiver's address is not one of the allowed."""


@dataclass(frozen=True)
class _Event:
    """An event and the hooks that want it; `due` is on the event loop's clock."""

    due: float
    hooks: Sequence[Hook]
    name: str
    build: Build


class Deliveries:
    """The queue and the one task that empties it; `delay` (from the event to its delivery) and `timeout` in seconds."""

    def __init__(self, store: Store, *, delay: float, hosts: str, timeout: float = TIMEOUT) -> None:
        self._store = store
        self._timeout = timeout
        self._delay = delay
        self._hosts = [host.strip().lower() for host in hosts.split(",") if host.strip()]
        self._queue: asyncio.Queue[_Event] = asyncio.Queue()

    def submit(self, hooks: Sequence[Hook], event: str, build: Build) -> None:
        """Queue an event; `build` makes its payload when its turn comes."""
        self._queue.put_nowait(_Event(asyncio.get_running_loop().time() + self._delay, hooks, event, build))

    async def idle(self) -> None:
        """Wait until everything queued so far is delivered or dropped."""
        await self._queue.join()

    async def run(self) -> None:
        """Deliver until cancelled."""
        event = await self._queue.get()
        import httpx  # noqa: PLC0415  # a quarter of a second that a start should not pay, nor a sandbox without hooks

        limits = httpx.Limits(max_keepalive_connections=4)
        async with httpx.AsyncClient(timeout=self._timeout, limits=limits, trust_env=False) as client:
            while True:
                try:
                    await self._tell(client, event)
                finally:
                    self._queue.task_done()
                event = await self._queue.get()

    async def _tell(self, client: Any, event: _Event) -> None:
        """Deliver one event to its hooks, one after another."""
        await asyncio.sleep(event.due - asyncio.get_running_loop().time())  # Gitea's own delay
        try:
            body = json.dumps(await event.build(), indent=2, ensure_ascii=False)
        except (GitFailed, OSError, LookupError) as error:  # the repository is gone already
            _log.warning("%s event dropped: %s", event.name, error)
            return
        for hook in event.hooks:
            await self._deliver(client, hook, event.name, _escape(body).encode())

    async def _deliver(self, client: Any, hook: Hook, event: str, payload: bytes) -> None:
        """One POST; whatever comes of it is logged and forgotten."""
        import httpx  # noqa: PLC0415  # imported by run before this

        if self._store.hooks.get(hook.id) is None:
            return
        form = hook.content_type == "form"
        body = urlencode({"payload": payload}).encode() if form else payload
        try:
            request = httpx.Request("POST", hook.url, headers=headers_of(hook, event, payload), content=body)
            async with asyncio.timeout(self._timeout):
                await self._check_host(hook.url)
                response = await client.send(request, stream=True)
                await response.aclose()
            _log.info("hook %d: %s delivered, %d", hook.id, event, response.status_code)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, OSError, ValueError, HostRefused) as error:
            _log.warning("hook %d: %s not delivered: %s", hook.id, event, type(error).__name__)
        if current := self._store.hooks.get(hook.id):
            self._store.hooks.put(replace(current, updated=now()))

    async def _check_host(self, url: str) -> None:
        parts = urlsplit(url)
        name = (parts.hostname or "").lower()
        if any(host == "*" or fnmatchcase(name, host) for host in self._hosts):
            return
        for *_, address in await asyncio.get_running_loop().getaddrinfo(name, parts.port or 80):
            ip = ipaddress.ip_address(str(address[0]).partition("%")[0])
            kind = "loopback" if ip.is_loopback else "private" if ip.is_private else "external"
            if kind not in self._hosts:
                raise HostRefused(kind)


def headers_of(hook: Hook, event: str, payload: bytes) -> dict[str, str]:
    """Gitea's headers with its Gogs and GitHub twins; the signature is there, and empty, without a secret."""
    delivery = str(uuid.uuid4())
    target = "organization" if hook.organization else "repository"
    sha256, sha1 = (
        hmac.new(hook.secret.encode(), payload, algorithm).hexdigest() if hook.secret else ""
        for algorithm in (hashlib.sha256, hashlib.sha1)
    )
    headers = {"User-Agent": "Go-http-client/1.1"}
    if hook.authorization_header:
        headers["Authorization"] = hook.authorization_header
    form = hook.content_type == "form"
    headers["Content-Type"] = "application/x-www-form-urlencoded" if form else "application/json"
    for twin in ("GitHub", "Gitea", "Gogs"):
        headers |= {f"X-{twin}-Delivery": delivery, f"X-{twin}-Event": event, f"X-{twin}-Event-Type": event}
        if twin != "Gogs":
            headers[f"X-{twin}-Hook-Installation-Target-Type"] = target
        if twin != "GitHub":
            headers[f"X-{twin}-Signature"] = sha256
    headers |= {"X-Hub-Signature": f"sha1={sha1}", "X-Hub-Signature-256": f"sha256={sha256}"}
    return headers | {"Accept-Encoding": "gzip"}


def _escape(body: str) -> str:
    """Go's encoder escapes these, wherever they stand."""
    for character in "<>&\u2028\u2029":
        body = body.replace(character, f"\\u{ord(character):04x}")
    return body


@contextlib.asynccontextmanager
async def running(deliveries: Deliveries) -> Any:
    """Deliver while the block runs."""
    task = asyncio.create_task(deliveries.run())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
