"""A real Git server over smart HTTP: bare repositories behind `git http-backend`, with a record of every request."""

import base64
import gzip
import os
import ssl
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

# What Gitea sets for every repository it serves.
GITEA_CONFIG = {
    "http.receivepack": "true",
    "uploadpack.allowFilter": "true",
    "uploadpack.allowAnySHA1InWant": "true",
    "gc.auto": "0",
}


@dataclass(frozen=True)
class Exchange:
    """One HTTP request and its answer: bytes of the bodies as they travelled, and objects in the pack it sent."""

    method: str
    target: str
    status: int
    received: int
    sent: int
    objects: int

    @property
    def service(self) -> str:
        """`info/upload`, `info/receive`, `upload` or `receive`."""
        prefix = "info/" if "/info/refs" in self.target else ""
        return prefix + ("receive" if "receive-pack" in self.target else "upload")


# Looks at method and target; an answer (status, body) replaces Git's.
Fault = Callable[[str, str], tuple[int, str] | None]


@dataclass
class Backend:
    """Serves every repository under `root`; `with Backend(root, token) as backend: …`."""

    root: Path
    token: str
    exchanges: list[Exchange] = field(default_factory=list)
    fault: Fault | None = None
    # Called with the target after Git has done its work and before its answer is sent: True drops the answer.
    lose_answer: Callable[[str], bool] | None = None
    tls: ssl.SSLContext | None = None
    search_path: str = field(default_factory=lambda: os.environ["PATH"])
    _server: ThreadingHTTPServer = field(init=False, repr=False)

    def __enter__(self) -> "Backend":
        backend = self

        class Handler(_Handler):
            """The handler of this backend."""

            owner = backend

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        if self.tls is not None:
            self._server.socket = self.tls.wrap_socket(self._server.socket, server_side=True)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def url(self, name: str) -> str:
        """Where a client finds the repository."""
        scheme = "https" if self.tls is not None else "http"
        return f"{scheme}://127.0.0.1:{self._server.server_address[1]}/{name}.git"

    def path(self, name: str) -> Path:
        """The bare repository itself."""
        return self.root / f"{name}.git"

    def create(self, name: str, config: dict[str, str] | None = None) -> Path:
        """Make an empty repository with Gitea's settings, or with `config` instead."""
        path = self.path(name)
        subprocess.run(["git", "init", "-q", "--bare", "-b", "main", "--template=", str(path)], check=True)
        with (path / "config").open("a") as settings:
            for key, value in (GITEA_CONFIG if config is None else config).items():
                section, _, name = key.partition(".")
                settings.write(f"[{section}]\n\t{name} = {value}\n")
        return path

    def git(self, name: str, *arguments: str) -> str:
        """Run Git inside the repository, as its operator would."""
        command = ["git", "-C", str(self.path(name)), *arguments]
        return subprocess.run(command, check=True, capture_output=True).stdout.decode(errors="replace").strip()


class _Handler(BaseHTTPRequestHandler):
    """The CGI side of `git http-backend`."""

    protocol_version = "HTTP/1.1"
    owner: Backend
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._serve(b"")

    def do_POST(self) -> None:
        self._serve(self._body())

    def log_message(self, format: str, *args: Any) -> None:
        """Keep quiet: the exchanges are recorded."""

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        chunks = []
        while size := int(self.rfile.readline(), 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def _authorized(self) -> bool:
        scheme, _, value = self.headers.get("Authorization", "").partition(" ")
        if scheme == "Basic":
            return base64.b64decode(value).decode().partition(":")[2] == self.owner.token
        return scheme in {"token", "Bearer"} and value == self.owner.token

    def _serve(self, body: bytes) -> None:
        planned = self.owner.fault(self.command, self.path) if self.owner.fault else None
        if planned:
            self._answer(planned[0], {"Content-Type": "text/plain"}, planned[1].encode(), len(body))
        elif not self._authorized():
            headers = {"WWW-Authenticate": 'Basic realm="Gitea"', "Content-Type": "text/plain"}
            self._answer(401, headers, b"Failed to authenticate user\n", len(body))
        else:
            self._backend(body)

    def _backend(self, body: bytes) -> None:
        url = urlsplit(self.path)
        plain = gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body
        environment = {
            "PATH": self.owner.search_path,
            "GIT_PROJECT_ROOT": str(self.owner.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "PATH_INFO": url.path,
            "QUERY_STRING": url.query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(plain)),
            "REMOTE_USER": "platform",
            "REMOTE_ADDR": "127.0.0.1",
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
        }
        done = subprocess.run(["git", "http-backend"], input=plain, env=environment, capture_output=True, check=False)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line)
        status = int(headers.pop("Status", "200 OK").split()[0])
        if self.owner.lose_answer and self.owner.lose_answer(self.path):
            self.close_connection = True
            return
        self._answer(status, headers, content, len(body))

    def _answer(self, status: int, headers: dict[str, str], content: bytes, received: int) -> None:
        _, found, pack = content.partition(b"PACK\0\0\0\2")
        objects = int.from_bytes(pack[:4], "big") if found else 0
        self.owner.exchanges.append(Exchange(self.command, self.path, status, received, len(content), objects))
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
