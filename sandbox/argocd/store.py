"""The cluster as it is known here: a list and a watch for each kind of interest, in a thread of its own."""

import contextlib
import json
import logging
import random
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any, Final

import httpx

from sandbox.argocd.api import Api, ApiError, Json, Kind, complaint

OnChange = Callable[[Kind, Json | None, Json | None], None]
"""Called with the kind and the object before and after; before is None for a new one, after for one that is gone."""

Key = tuple[str, str]

_FIRST_PAUSE: Final = 0.2
_LONGEST_PAUSE: Final = 5.0
_GONE: Final = 410
_SYNC_LIMIT: Final = 10.0

log = logging.getLogger(__name__)


class Store:
    """The objects of the kinds that somebody asked to `follow`. Thread-safe; what it returns is not to be changed."""

    def __init__(self, api: Api, on_change: OnChange) -> None:
        self._api = api
        self._on_change = on_change
        self._watches: dict[tuple[str, str, str], Watch] = {}
        self._lock = threading.Lock()

    def follow(self, kind: Kind, namespace: str | None = None, labels: str = "") -> "Watch":
        """Begin to watch a kind (in one namespace, with the given labels) unless it is; waits for the first list.

        Raises `ApiError` when that does not come: what is not known must not be taken for absent.
        """
        with self._lock:
            watch = self._watches.get((kind.group, kind.kind, labels))
            if watch is None:
                watch = Watch(self._api, kind, kind.path(namespace), labels, self._on_change)
                self._watches[kind.group, kind.kind, labels] = watch
                watch.start()
        if not watch.synced.wait(_SYNC_LIMIT):
            raise ApiError(0, f"there is no list of {watch.path} after {_SYNC_LIMIT:.0f} s")
        return watch

    def get(self, kind: Kind, namespace: str, name: str) -> Json | None:
        """An object of a followed kind."""
        watch = self._watches.get((kind.group, kind.kind, ""))
        return watch.get((namespace, name)) if watch else None

    def objects(self, kind: Kind, labels: str = "") -> list[Json]:
        """Every object of a followed kind."""
        watch = self._watches.get((kind.group, kind.kind, labels))
        return watch.objects() if watch else []

    def put(self, kind: Kind, written: Json) -> None:
        """Take over what the API server answered to a write, so that the next look is not behind it."""
        if watch := self._watches.get((kind.group, kind.kind, "")):
            watch.put(written)

    def drop(self, kind: Kind, namespace: str, name: str, uid: str) -> None:
        """Take over that an object was deleted, so that the next look does not see it any more."""
        if watch := self._watches.get((kind.group, kind.kind, "")):
            watch.drop((namespace, name), uid)

    def followed(self) -> list[Kind]:
        """The kinds of which every object is watched."""
        with self._lock:
            return [watch.kind for (_, _, labels), watch in self._watches.items() if not labels]

    def shut(self) -> list[str]:
        """The paths whose watch is not open."""
        with self._lock:
            return [watch.path for watch in self._watches.values() if not watch.is_open]

    def stop(self) -> None:
        """End every watch, and wait until it has ended."""
        with self._lock:
            watches = list(self._watches.values())
        for watch in watches:
            watch.stop()
        for watch in watches:
            watch.thread.join(_SYNC_LIMIT)


class Watch:
    """One kind, followed until told to stop."""

    def __init__(self, api: Api, kind: Kind, path: str, labels: str, on_change: OnChange) -> None:
        self.kind = kind
        self.path = path
        self.is_open = False
        self.synced = threading.Event()
        self._stopping = threading.Event()
        self.thread = threading.Thread(target=self._run, name=f"watch {kind.plural}", daemon=True)
        self._api = api
        self._query = {"labelSelector": labels} if labels else {}
        self._on_change = on_change
        self._objects: dict[Key, Json] = {}
        self._line: socket.socket | None = None
        self._reached = 0  # the resourceVersion up to which the watch has told
        self._seen: dict[Key, Json] = {}  # as the watch told it, which what was written here may be ahead of
        self._lock = threading.Lock()

    def start(self) -> None:
        """Begin."""
        self.thread.start()

    def stop(self) -> None:
        """Tell it to end. What is being read is cut: closing a connection wakes nobody who waits for its next byte."""
        self._stopping.set()
        line = self._line
        if line is not None:
            with contextlib.suppress(OSError):  # the server was first
                line.shutdown(socket.SHUT_RDWR)

    def get(self, key: Key) -> Json | None:
        """One object."""
        return self._objects.get(key)

    def objects(self) -> list[Json]:
        """All objects."""
        with self._lock:
            return list(self._objects.values())

    def put(self, written: Json) -> None:
        """Take a newer version over.

        An unknown object is taken only if the watch is not as far as that: else it was told already that it is gone.
        """
        with self._lock:
            key = _key(written)
            known = self._objects.get(key)
            if _version(written) > (self._reached if known is None else _version(known)):
                self._objects[key] = {"apiVersion": self.kind.api_version, "kind": self.kind.kind} | written

    def drop(self, key: Key, uid: str) -> None:
        """Forget an object; another one of that name stays."""
        with self._lock:
            if key in self._objects and self._objects[key]["metadata"]["uid"] == uid:
                del self._objects[key]

    def _run(self) -> None:
        failures, told = 0, ""
        while not self._stopping.is_set():
            try:
                self._follow(self._list())
                failures, told = 0, ""
            except (httpx.HTTPError, ApiError, ValueError, LookupError, TypeError, RuntimeError) as error:
                if self._stopping.is_set():
                    return
                failures = 1 if self.is_open else failures + 1
                if (problem := str(error) or type(error).__name__) != told:
                    log.warning("watch of %s: %s", self.path, problem)
                told = problem
            self.is_open = False
            self._stopping.wait(min(_FIRST_PAUSE * 2 ** max(failures - 1, 0), _LONGEST_PAUSE) if failures else 0)

    def _list(self) -> str:
        document = self._api.list(self.path, self._query)
        found: dict[Key, Json] = {}
        for item in document.get("items") or []:
            found[_key(item)] = {"apiVersion": self.kind.api_version, "kind": self.kind.kind} | item
        with self._lock:
            before, self._seen, self._objects = self._seen, dict(found), found
            self._reached = int(document["metadata"]["resourceVersion"])
        self.synced.set()
        for key in before.keys() | found.keys():
            old, new = before.get(key), found.get(key)
            if old is None or new is None or _version(old) != _version(new):
                self._on_change(self.kind, old, new)
        return str(document["metadata"]["resourceVersion"])

    def _follow(self, version: str) -> None:
        while not self._stopping.is_set():
            seconds = random.randint(300, 600)  # noqa: S311 - client-go's spread against a thundering herd
            query = {
                "watch": "true",
                "allowWatchBookmarks": "true",
                "resourceVersion": version,
                "timeoutSeconds": str(seconds),
            }
            with self._api.stream(self.path, self._query | query) as response:
                if not response.is_success:
                    raise ApiError(response.status_code, complaint(response.status_code, response.read()))
                self._line = response.extensions["network_stream"].get_extra_info("socket")
                if self._stopping.is_set():
                    return
                self.is_open = True
                for event in _events(response):
                    version = self._take(event)

    def _take(self, event: Json) -> str:
        change, item = event["type"], event["object"]
        if change == "ERROR":
            raise ApiError(int(item.get("code", _GONE)), str(item.get("message")))
        version = str(item["metadata"]["resourceVersion"])
        with self._lock:
            self._reached = max(self._reached, int(version))
        if change == "BOOKMARK":
            return version
        key = _key(item)
        with self._lock:
            old, known = self._seen.get(key), self._objects.get(key)
            if change == "DELETED":
                self._seen.pop(key, None)
                self._objects.pop(key, None)
            else:
                self._seen[key] = item
                if known is None or _version(item) > _version(known):
                    self._objects[key] = item
        self._on_change(self.kind, old, None if change == "DELETED" else item)
        return version


def _events(response: Any) -> Iterator[Json]:
    """The stream's documents, one a line. Only a newline ends one: JSON may hold other line separators."""
    rest = b""
    for chunk in response.iter_bytes():
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if line.strip():
                yield json.loads(line)


def _key(item: Json) -> Key:
    metadata = item["metadata"]
    return metadata.get("namespace", ""), metadata["name"]


def _version(item: Json) -> int:
    """The resourceVersion as the number that it is in etcd and here; only compared within one kind of one server."""
    return int(item["metadata"]["resourceVersion"])
