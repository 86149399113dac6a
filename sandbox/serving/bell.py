"""Rings when an object of some kinds changes: list, then watch, over the standard library alone (it starts at once)."""

import base64
import json
import logging
import ssl
import threading
from http.client import HTTPException, HTTPSConnection
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlsplit

import yaml

PATHS: Final = (
    "/apis/serving.knative.dev/v1/services",
    "/apis/eventing.knative.dev/v1/brokers",
    "/apis/eventing.knative.dev/v1/triggers",
    "/apis/sources.knative.dev/v1/apiserversources",
    "/apis/sources.knative.dev/v1/pingsources",
)
_SECONDS: Final = 600
_PAUSE: Final = 1.0
_OK: Final = 200

log = logging.getLogger(__name__)


class Bell:
    """Watches each of `paths` in a thread of its own, for objects that `selector` matches, for ever."""

    def __init__(self, kubeconfig: Path, selector: str, paths: tuple[str, ...] = PATHS) -> None:
        document = yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))
        cluster, user = document["clusters"][0]["cluster"], document["users"][0]["user"]
        authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        self._tls = ssl.create_default_context(cadata=authority)
        self._server = urlsplit(cluster["server"]).netloc
        self._headers = {"Authorization": f"Bearer {user['token']}", "Accept": "application/json"}
        self._selector = f"labelSelector={quote(selector)}"
        self._paths = paths
        self._open: set[str] = set()
        self.rung = threading.Event()

    @property
    def shut(self) -> list[str]:
        """The paths that are not watched at the moment."""
        return [path for path in self._paths if path not in self._open]

    def start(self) -> None:
        """Begin; threads end with the process."""
        for path in self._paths:
            threading.Thread(target=self._follow, args=(path,), daemon=True).start()

    def _follow(self, path: str) -> None:
        pause = threading.Event()
        while True:
            try:
                self._watch(path)
            except (OSError, HTTPException, ValueError, LookupError) as error:
                log.warning("watch of %s: %s: trying again", path, error or type(error).__name__)
            self._open.discard(path)
            pause.wait(_PAUSE)  # a server that is down is not asked at once again

    def _watch(self, path: str) -> None:
        """One list, then one watch to its end. Whatever happened before the list is looked at anyway."""
        connection = HTTPSConnection(self._server, context=self._tls, timeout=_SECONDS + 60)
        try:
            connection.request("GET", f"{path}?{self._selector}", headers=self._headers)
            answer = connection.getresponse()
            text = answer.read()
            if answer.status != _OK:
                raise ValueError(f"the list was answered {answer.status}")
            version = json.loads(text)["metadata"]["resourceVersion"]
            query = f"{self._selector}&watch=true&resourceVersion={version}&timeoutSeconds={_SECONDS}"
            connection.request("GET", f"{path}?{query}", headers=self._headers)
            answer = connection.getresponse()
            if answer.status != _OK:
                raise ValueError(f"the watch was answered {answer.status}")
            self._open.add(path)
            self.rung.set()
            while answer.readline():
                self.rung.set()
        finally:
            connection.close()
