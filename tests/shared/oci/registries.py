"""Small registries on loopback that behave, or misbehave, as a test tells them to."""

import hashlib
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MANIFEST = json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json"}).encode()
INDEX = "application/vnd.oci.image.index.v1+json"
DIGEST = "sha256:" + hashlib.sha256(MANIFEST).hexdigest()


@dataclass(frozen=True)
class Asked:
    """A request as a registry saw it."""

    method: str
    path: str
    query: str
    headers: dict[str, str]

    @property
    def authorization(self) -> str:
        return self.headers.get("authorization", "")


@dataclass(frozen=True)
class Reply:
    """What to answer; `raw` gets to write to the socket instead."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    raw: Callable[[Callable[[bytes], object]], None] | None = None


Behaviour = Callable[[Asked], Reply]


class Registry:
    """A server on a free port of 127.0.0.1, and what it was asked."""

    def __init__(self, behaviour: Behaviour, tls: ssl.SSLContext | None = None) -> None:
        self.asked: list[Asked] = []
        self.stopping = threading.Event()
        registry = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                path, _, query = self.path.partition("?")
                headers = {key.lower(): value for key, value in self.headers.items()}
                asked = Asked(self.command, path, query, headers)
                registry.asked.append(asked)
                reply = behaviour(asked)
                try:
                    if reply.raw is not None:
                        self.close_connection = True
                        reply.raw(self.wfile.write)
                        return
                    self.send_response(reply.status)
                    for key, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
                        self.send_header(key, value)
                    self.end_headers()
                    if self.command != "HEAD":
                        self.wfile.write(reply.body)
                except ConnectionError:
                    self.close_connection = True

            do_GET = do_HEAD = answer  # noqa: N815 - http.server looks for these names

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self._server.server_address[1]}"

    @property
    def url(self) -> str:
        return f"http://{self.host}"

    @property
    def secrets(self) -> list[str]:
        """Every Authorization header that reached it."""
        return [asked.authorization for asked in self.asked if asked.authorization]

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextmanager
def serving(behaviour: Behaviour, tls: ssl.SSLContext | None = None) -> Iterator[Registry]:
    registry = Registry(behaviour, tls)
    registry.start()
    try:
        yield registry
    finally:
        registry.stop()


def manifest(asked: Asked) -> Reply:
    """A registry in which every tag exists."""
    return Reply(200, {"Docker-Content-Digest": DIGEST, "Content-Type": INDEX}, MANIFEST)


def error(status: int, code: str, **headers: str) -> Reply:
    """An error in the form of the distribution protocol."""
    body = json.dumps({"errors": [{"code": code, "message": "said the registry"}]}).encode()
    return Reply(status, {"Content-Type": "application/json", **headers}, body)


def listing(*tags: str, **headers: str) -> Reply:
    body = json.dumps({"name": "shop", "tags": list(tags)}).encode()
    return Reply(200, {"Content-Type": "application/json", **headers}, body)


def challenge(realm: str, service: str = "registry") -> Reply:
    return error(
        401,
        "UNAUTHORIZED",
        **{"WWW-Authenticate": f'Bearer realm="{realm}",service="{service}",scope="repository:x:pull"'},
    )


def token(value: str, **more: object) -> Reply:
    return Reply(200, {"Content-Type": "application/json"}, json.dumps({"token": value, **more}).encode())
