"""Gitea as ArgoCD meets it: private repositories behind `git http-backend`, and Gitea's refusals.

One server has any number of forges, each under a path of its own, so that worlds do not see each other's repositories.
"""

import base64
import os
import shutil
import subprocess
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Final
from urllib.parse import urlsplit

USER: Final = "argocd"
PASSWORD: Final = "s3cret"
_PLAIN: Final = {"Content-Type": "text/plain; charset=utf-8"}
_GIT: Final = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_TERMINAL_PROMPT": "0"}
_NOTHING: Final = "0" * 40


@dataclass
class Server:
    """Serves every repository below `root` as `/<forge>/<organization>/<name>.git`."""

    root: Path
    _server: ThreadingHTTPServer = field(init=False, repr=False)

    def __enter__(self) -> "Server":
        root = self.root

        class Handler(_Handler):
            """The handler of this server."""

            folder = root

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def forge(self, name: str) -> "Forge":
        """A forge of its own."""
        address = f"http://127.0.0.1:{self._server.server_address[1]}/{name}"
        return Forge(self.root / name, address)


@dataclass(frozen=True)
class Forge:
    """One Gitea: `endpoint` is where it listens."""

    root: Path
    endpoint: str

    def push(self, repository: str, files: Mapping[str, str], *, branch: str = "main", message: str = "change") -> None:
        """Make `files` the whole content of a branch by a new commit, in a repository that is made if need be."""
        path = self._path(repository)
        if not path.is_dir():
            subprocess.run(["git", "init", "-q", "--bare", "-b", "main", "--template=", str(path)], check=True)
        head = self._git(path, "for-each-ref", "--format=%(objectname)", f"refs/heads/{branch}")
        stream = [
            f"commit refs/heads/{branch}",
            "committer test <test@example.com> 1700000000 +0000",
            _data(message),
            *([f"from {head}"] if head else []),
            "deleteall",
            *(line for name, text in sorted(files.items()) for line in (f"M 100644 inline {name}", _data(text))),
            "",
        ]
        subprocess.run(
            ["git", "-C", str(path), "fast-import", "--quiet", "--force"],
            input="\n".join(stream).encode(),
            env=os.environ | _GIT,
            check=True,
        )

    def tag(self, repository: str, name: str) -> None:
        """Tag the head of `main`."""
        self._git(self._path(repository), "update-ref", f"refs/tags/{name}", "refs/heads/main")

    def drop(self, repository: str) -> None:
        """Delete the repository."""
        shutil.rmtree(self._path(repository))

    def _path(self, repository: str) -> Path:
        return self.root / f"{repository}.git"

    @staticmethod
    def _git(path: Path, *arguments: str) -> str:
        command = ["git", "-C", str(path), *arguments]
        return subprocess.run(command, check=True, capture_output=True, env=os.environ | _GIT).stdout.decode().strip()


class _Handler(BaseHTTPRequestHandler):
    """The CGI side of `git http-backend`, with Gitea's refusals (tests/recordings/gitea/transcript.jsonl)."""

    protocol_version = "HTTP/1.1"
    folder: Path
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._serve(b"")

    def do_POST(self) -> None:
        self._serve(self.rfile.read(int(self.headers.get("Content-Length", 0))))

    def log_message(self, format: str, *args: Any) -> None:
        """Keep quiet."""

    def _serve(self, body: bytes) -> None:
        path = urlsplit(self.path).path
        _, forge, organization, name, below = (*path.split("/", 4), "", "", "")[:5]
        if not name.endswith(".git"):
            # A raw file of a private repository is nothing to a stranger, and Helm shows no credentials.
            self._answer(404, _PLAIN, b"Not found.\n")
        elif not self._authorized():
            self._answer(401, _PLAIN | {"WWW-Authenticate": 'Basic realm="Gitea"'}, b"Unauthorized\n")
        elif not (self.folder / forge / organization / name).is_dir():
            self._answer(404, _PLAIN, b"Repository not found")
        else:
            self._backend(f"/{forge}/{organization}/{name}/{below}", body)

    def _authorized(self) -> bool:
        scheme, _, value = self.headers.get("Authorization", "").partition(" ")
        return scheme == "Basic" and base64.b64decode(value).decode() == f"{USER}:{PASSWORD}"

    def _backend(self, path: str, body: bytes) -> None:
        environment = _GIT | {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(self.folder),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "uploadpack.allowAnySHA1InWant",
            "GIT_CONFIG_VALUE_0": "true",
            "PATH_INFO": path,
            "QUERY_STRING": urlsplit(self.path).query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "REMOTE_USER": USER,
            "REMOTE_ADDR": "127.0.0.1",
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
        }
        done = subprocess.run(["git", "http-backend"], input=body, env=environment, capture_output=True, check=False)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line)
        status = int(headers.pop("Status", "200 OK").split()[0])
        self._answer(status, headers, content)

    def _answer(self, status: int, headers: Mapping[str, str], content: bytes) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def _data(text: str) -> str:
    return f"data {len(text.encode())}\n{text}"
