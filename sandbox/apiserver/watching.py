"""Watches: changes as lines of JSON, from a revision on, with bookmarks."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from sandbox.apiserver.errors import bad_request, expired
from sandbox.apiserver.rendering import Renderer, dumps
from sandbox.apiserver.selectors import Matcher
from sandbox.apiserver.storage import Entry, Event, HistoryGone, Storage

_BOOKMARK_EVERY = 60.0
_BOOKMARK_BEFORE_END = 2.0
MOST_WAITING = 4096
"""Events that wait for one client. One that falls further behind is cut off, as by the real server: it goes on from the
last version it saw, or lists anew when that is too old."""
Writer = Callable[[str, Entry], bytes]


@dataclass(frozen=True)
class Watch:
    """What a client watches; `revision` is what it asked for (empty and `0` mean: first everything that is there).

    `timeout` is in seconds, `initial` is sendInitialEvents.
    """

    namespace: str
    matches: Matcher | None
    revision: str
    timeout: float
    bookmarks: bool
    initial: bool


class Watches:
    """All open watches of a server."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._queues: set[asyncio.Queue[Event | None]] = set()

    def close(self) -> None:
        """End every watch."""
        for queue in self._queues:
            if not queue.full():
                queue.put_nowait(None)

    def open(self, renderer: Renderer, watch: Watch) -> AsyncIterator[bytes]:
        """Return the watch's chunks of lines, until its time is over, the client leaves or the server closes.

        A revision that is too old gives one ERROR event with the 410; one that is no number is a 400.
        """
        if not (watch.revision or "0").isdigit():
            raise bad_request(f'resourceVersion: Invalid value: "{watch.revision}": strconv.ParseUint: invalid syntax')
        return self._lines(renderer, watch)

    async def _lines(self, renderer: Renderer, watch: Watch) -> AsyncIterator[bytes]:
        resource, write = renderer.resource, renderer.events()
        queue: asyncio.Queue[Event | None] = asyncio.Queue(MOST_WAITING + 1)

        def offer(event: Event) -> None:
            if not queue.full():
                queue.put_nowait(event if queue.qsize() < MOST_WAITING else None)

        unsubscribe = self._storage.subscribe(resource.qualified, offer)
        self._queues.add(queue)
        try:
            try:
                first = self._first(resource.qualified, watch)
            except HistoryGone as gone:
                error = expired(f"too old resource version: {watch.revision} ({gone.oldest})")
                yield dumps({"type": "ERROR", "object": error.body()})
                return
            chunk = b"".join(_line(event, watch, write) for event in first)
            if watch.initial and watch.bookmarks:
                chunk += self._bookmark(renderer, {"k8s.io/initial-events-end": "true"})
            yield chunk
            async for events in _following(queue, watch):
                chunk = b"".join(_line(event, watch, write) for event in events)
                yield chunk if events else self._bookmark(renderer, {})
        finally:
            self._queues.discard(queue)
            unsubscribe()

    def _first(self, resource: str, watch: Watch) -> list[Event]:
        """Return what the client gets at once: the present objects, or the changes since its revision."""
        if watch.revision in ("", "0"):
            entries = self._storage.entries(resource, watch.namespace)
            return [Event("ADDED", key, entry, None) for key, entry in entries]
        return self._storage.events(resource, int(watch.revision))

    def _bookmark(self, renderer: Renderer, annotations: dict[str, str]) -> bytes:
        resource = renderer.resource
        metadata: dict[str, object] = {"annotations": annotations} if annotations else {}
        metadata["resourceVersion"] = str(self._storage.revision)
        head = {"apiVersion": resource.group_version, "kind": resource.kind}
        return dumps({"type": "BOOKMARK", "object": head | {"metadata": metadata}})


async def _following(queue: asyncio.Queue[Event | None], watch: Watch) -> AsyncIterator[list[Event]]:
    """Yield events as they come, and an empty list when a bookmark is due."""
    loop = asyncio.get_running_loop()
    end = loop.time() + watch.timeout
    bookmark = min(loop.time() + _BOOKMARK_EVERY, end - _BOOKMARK_BEFORE_END)
    while (now := loop.time()) < end:
        due = watch.bookmarks and bookmark > now
        try:
            async with asyncio.timeout_at(bookmark if due else end):
                events = [await queue.get()]
        except TimeoutError:
            if due:
                yield []
                bookmark = min(loop.time() + _BOOKMARK_EVERY, end - _BOOKMARK_BEFORE_END)
            continue
        while not queue.empty():
            events.append(queue.get_nowait())
        changes = [event for event in events if event is not None]
        if changes:
            yield changes
        if len(changes) < len(events):
            return


def _line(event: Event, watch: Watch, write: Writer) -> bytes:
    """Return an event as the watch sees it; an object that leaves its selection is deleted for it."""
    if watch.namespace not in ("", event.key[0]):
        return b""
    if watch.matches is None:
        return write(event.type, event.entry)
    was = event.before is not None and watch.matches(event.before.object)
    now = event.type != "DELETED" and watch.matches(event.entry.object)
    if now:
        return write("MODIFIED" if was else "ADDED", event.entry)
    return write("DELETED", event.entry) if was else b""
