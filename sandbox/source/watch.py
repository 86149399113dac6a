"""List, then watch: client-go's reflector, as far as Knative's source needs it.

The list serves only for its resourceVersion, since Knative's source ignores the objects in it. A watch that ends goes
on from the last version that was seen; after a 410 the list starts anew, and what happened between is lost.
"""

import asyncio
import json
import logging
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

FIRST_PAUSE: Final = 0.2
LONGEST_PAUSE: Final = 5.0
"""Seconds between tries at an API server that does not answer (client-go: 0.8 to 30)."""

SHORTEST_WATCH: Final = 1.0
"""Seconds; a watch that ends sooner without an event is taken for a failure."""

_GONE: Final = 410
_TOO_MANY: Final = 429

log = logging.getLogger(__name__)

OnChange = Callable[[str, dict[str, Any]], Awaitable[object]]
"""Called with the watch event's type (ADDED, MODIFIED, DELETED) and the object; the stream waits for it."""


class _ListAnew(Exception):
    """The version that the watch would go on from is of no use any more, or something is wrong with the server."""


@dataclass
class Watch:
    """One resource in one namespace (or in all) of one API server, followed for ever by `run`.

    With a label `selector`, only the objects that it matches are followed.
    """

    client: httpx.AsyncClient
    path: str
    on_change: OnChange
    selector: str = ""
    is_open: bool = field(default=False, init=False)
    _version: str | None = field(default=None, init=False)

    async def run(self) -> None:
        """Follow; every fault of the server's or the network's is logged and waited out."""
        failures = 0
        while True:
            began, problem = time.monotonic(), await self._once()
            self.is_open = False
            if problem is None:
                failures = 0
                continue
            log.warning("watch of %s: %s", self.path, problem)
            failures = 1 if time.monotonic() - began > LONGEST_PAUSE else failures + 1
            pause = min(FIRST_PAUSE * 2 ** min(failures - 1, 10), LONGEST_PAUSE)
            await asyncio.sleep(pause)  # a server that is down is not asked at once again

    async def _once(self) -> str | None:
        """List if there is no version to go on from, then watch to the end; returns what went wrong, if anything."""
        try:
            if self._version is None:
                self._version = await self._list()
            await self._follow(self._version)
        except httpx.HTTPError as error:
            return f"{error or type(error).__name__}: trying again"
        except (_ListAnew, ValueError, LookupError, TypeError) as reason:  # the latter: answers that make no sense
            self._version = None
            return f"{reason}: listing anew; changes meanwhile are lost, as in Knative"
        return None

    async def _list(self) -> str:
        """The collection's current resourceVersion; one object is enough to learn it."""
        response = await self.client.get(self.path, params={"limit": "1"} | self._selected())
        if not response.is_success:
            raise _ListAnew(f"the list was answered {_complaint(response.status_code, response.content)}")
        version = response.json()["metadata"]["resourceVersion"]
        return str(version)

    async def _follow(self, version: str) -> None:
        """One watch request, until the server ends it."""
        seconds = random.randint(300, 600)  # noqa: S311 - client-go's spread against a thundering herd
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
            "timeoutSeconds": str(seconds),
        } | self._selected()
        started, seen = time.monotonic(), False
        async with self.client.stream("GET", self.path, params=query) as response:
            if response.status_code == _TOO_MANY:
                raise httpx.ReadError("the API server answered 429")
            if not response.is_success:
                raise _ListAnew(f"the watch was answered {_complaint(response.status_code, await response.aread())}")
            self.is_open = True
            async for change in _changes(response):
                seen = True
                await self._take(change)
        if not seen and time.monotonic() - started < SHORTEST_WATCH:
            raise _ListAnew("the watch ended at once")

    def _selected(self) -> dict[str, str]:
        return {"labelSelector": self.selector} if self.selector else {}

    async def _take(self, change: dict[str, Any]) -> None:
        kind, about = change.get("type"), change.get("object") or {}
        if kind == "ERROR":
            if about.get("code") == _GONE:
                raise _ListAnew("the version is too old (410)")
            raise _ListAnew(f"the watch said {about.get('message')!r}")
        if kind in {"ADDED", "MODIFIED", "DELETED"}:
            await self.on_change(kind, about)
        self._version = str(about["metadata"]["resourceVersion"])


async def _changes(response: httpx.Response) -> AsyncIterator[dict[str, Any]]:
    """The stream's documents, one a line. Only a newline ends one: JSON may hold other line separators."""
    rest = b""
    async for chunk in response.aiter_bytes():
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if line.strip():
                yield json.loads(line)


def _complaint(status: int, body: bytes) -> str:
    try:
        return f"{status}: {json.loads(body)['message']}"
    except (ValueError, KeyError, TypeError):
        return str(status)
