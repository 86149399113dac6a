"""Git repositories as ArgoCD's repo server sees them: refs are remembered for a while, commits for good.

Whoever asks for a revision "anew" gets what the repository says now; everybody else may get what was heard up to a
poll interval ago. That is why a set that was created just after a push works on the old head (recorded case
`set-created-after-push-uses-cached-head`).
"""

import hashlib
import os
import re
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx

from sandbox.argocd.credentials import Login

Listing = Mapping[str, str]
"""Path → blob id of every file of a commit."""

SHARED: Final = 1.0
"""Seconds. Longer would lose a push that came after a wish, whose own wish came before the first was consumed."""

_SHA: Final = re.compile(r"[0-9a-f]{40}")
_LENGTH: Final = 4
_KEPT: Final = "refs/kept/"
_REMEMBERED: Final = 64
_LIMIT: Final = 60.0
_REFUSALS: Final = {401: "authentication required", 403: "authorization failed", 404: "repository not found"}
"""What go-git calls the answers to its first request (plumbing/transport/http)."""


class RepositoryError(Exception):
    """The repository, or what is wanted of it, cannot be had; the text is ArgoCD's."""


@dataclass(frozen=True)
class Addresses:
    """Where repositories are: what Git holds begins with `public`, connections go to `endpoint`."""

    public: str
    endpoint: str

    def connect(self, url: str) -> str:
        """The address to connect to for the address that is written down."""
        prefix = self.public.rstrip("/") + "/"
        return self.endpoint.rstrip("/") + "/" + url[len(prefix) :] if url.startswith(prefix) else url


@dataclass
class _Repository:
    url: str
    folder: Path
    lock: threading.Lock = field(default_factory=threading.Lock)
    refs: dict[str, str] = field(default_factory=dict)
    heard: float = float("-inf")
    listings: dict[str, Listing] = field(default_factory=dict)
    fetched: int = 0


class Repositories:
    """Every repository that was asked for, below one folder. Thread-safe; methods raise `RepositoryError`."""

    def __init__(
        self,
        folder: Path,
        addresses: Addresses,
        login: Callable[[str], Login | None],
        *,
        remembered: float,
        tidy_after: int = 100,
    ) -> None:
        """`remembered` is for how many seconds refs are good enough for who does not ask anew.

        After `tidy_after` fetches a clone is rid of the commits that nobody asked for lately.
        """
        self._folder = folder
        self._addresses = addresses
        self._login = login
        self._remembered = remembered
        self._tidy_after = tidy_after
        self._client = httpx.Client(timeout=httpx.Timeout(_LIMIT, connect=5.0), trust_env=False)
        self._repositories: dict[str, _Repository] = {}
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def resolve(self, url: str, revision: str, *, anew: bool, asked: float | None = None) -> str:
        """The commit that a branch, a tag, `HEAD` or a commit's own name stands for.

        Who asks `anew`, at the monotonic time `asked` (now), gets what the repository said then or later, but not what
        it said longer ago than `SHARED`: of many who ask at about the same time one asks it for all.
        """
        if _SHA.fullmatch(revision):
            return revision
        repository = self._repository(url)
        now = time.monotonic()
        oldest = max(now if asked is None else asked, now - SHARED) if anew else now - self._remembered
        with repository.lock:
            if repository.heard < oldest:
                began = time.monotonic()
                repository.refs = self._listen(url)
                repository.heard = began
            refs = repository.refs
        wanted = revision or "HEAD"
        for name in (wanted, f"refs/{wanted}", f"refs/tags/{wanted}", f"refs/heads/{wanted}"):
            if name in refs:
                return refs.get(f"{name}^{{}}", refs[name])
        raise RepositoryError(f"unable to resolve '{revision}' to a commit SHA: revision not found")

    def listing(self, url: str, commit: str) -> Listing:
        """Every file of a commit."""
        repository = self._repository(url)
        with repository.lock:
            found = repository.listings.get(commit)
            if found is None:
                self._fetch(repository, commit)
                found = _parse_tree(self._git(repository, "ls-tree", "-r", "-z", "--full-tree", commit))
                repository.listings[commit] = found
                while len(repository.listings) > _REMEMBERED:
                    del repository.listings[next(iter(repository.listings))]
            return found

    def contents(self, url: str, blobs: Mapping[str, str]) -> dict[str, bytes]:
        """Path → content, for path → blob id of a listing that was asked for before."""
        repository = self._repository(url)
        ids = sorted(set(blobs.values()))
        output = self._git(repository, "cat-file", "--batch", stdin="\n".join(ids).encode() + b"\n") if ids else b""
        found = _parse_batch(output)
        return {path: found[blob] for path, blob in blobs.items()}

    def fetch_file(self, url: str) -> bytes:
        """A file by its address, without any credentials, as Helm fetches value files."""
        try:
            response = self._client.get(self._addresses.connect(url), follow_redirects=True)
        except (httpx.HTTPError, httpx.InvalidURL, RuntimeError) as error:
            raise RepositoryError(f"failed to fetch {url} : {error or type(error).__name__}") from error
        if not response.is_success:
            raise RepositoryError(f"failed to fetch {url} : {response.status_code} {response.reason_phrase}")
        return response.content

    def _repository(self, url: str) -> _Repository:
        with self._lock:
            if url not in self._repositories:
                name = hashlib.sha256(url.encode()).hexdigest()[:16]
                self._repositories[url] = _Repository(url, self._folder / f"{name}.git")
            return self._repositories[url]

    def _listen(self, url: str) -> dict[str, str]:
        """The repository's refs, by the first request of Git's own protocol."""
        where = f"{self._addresses.connect(url).rstrip('/')}/info/refs"
        login = self._login(url)
        headers = {"Authorization": login.header} if login else {}
        try:
            response = self._client.get(where, params={"service": "git-upload-pack"}, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL, RuntimeError) as error:
            raise RepositoryError(f'failed to list refs: Get "{url}/info/refs": {error}') from error
        if not response.is_success:
            what = _REFUSALS.get(response.status_code, f"unexpected client error: status code {response.status_code}")
            raise RepositoryError(f"failed to list refs: {what}: {response.text[:500]}")
        refs = _parse_refs(response.content)
        if not refs:
            raise RepositoryError("failed to list refs: remote repository is empty")
        return refs

    def _fetch(self, repository: _Repository, commit: str) -> None:
        if not repository.folder.is_dir():
            subprocess.run(
                ["git", "init", "--quiet", "--bare", str(repository.folder)],
                env=_environment(None),
                check=True,
                capture_output=True,
            )
        kept = f"{_KEPT}{commit}"
        if self._has(repository, kept):
            return
        url = self._addresses.connect(repository.url)
        # One commit without its history: a repository of charts or values is all that is read here.
        self._git(repository, "fetch", "--quiet", "--depth=1", "--no-tags", url, f"{commit}:{kept}")
        repository.fetched += 1
        if repository.fetched % self._tidy_after == 0:
            self._tidy(repository, {commit, *repository.listings})

    def _tidy(self, repository: _Repository, wanted: set[str]) -> None:
        names = self._git(repository, "for-each-ref", "--format=%(refname)", _KEPT).decode().split()
        gone = [name for name in names if name.removeprefix(_KEPT) not in wanted]
        self._git(repository, "update-ref", "--stdin", stdin="".join(f"delete {name}\n" for name in gone).encode())
        self._git(repository, "gc", "--quiet", "--prune=now")

    def _has(self, repository: _Repository, name: str) -> bool:
        arguments = ["git", "-C", str(repository.folder), "rev-parse", "--quiet", "--verify", name]
        return subprocess.run(arguments, env=_environment(None), capture_output=True, check=False).returncode == 0

    def _git(self, repository: _Repository, *arguments: str, stdin: bytes = b"") -> bytes:
        login = self._login(repository.url)
        try:
            done = subprocess.run(
                ["git", "-C", str(repository.folder), "-c", "gc.auto=0", *arguments],
                input=stdin,
                env=_environment(login),
                capture_output=True,
                check=False,
                timeout=_LIMIT,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise RepositoryError(f"`git {arguments[0]}` failed: {error}") from error
        if done.returncode:
            said = (
                done.stderr.decode(errors="replace").strip().replace(self._addresses.endpoint, self._addresses.public)
            )
            raise RepositoryError(f"`git {arguments[0]}` failed exit status {done.returncode}: {said}")
        return done.stdout


def _environment(login: Login | None) -> dict[str, str]:
    """Git's environment; the login stays off the command line, where everybody on the machine could read it."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GIT_CONFIG_")}
    configured = {"http.extraHeader": f"Authorization: {login.header}"} if login else {}
    numbered = {
        name: text
        for index, (key, value) in enumerate(configured.items())
        for name, text in ((f"GIT_CONFIG_KEY_{index}", key), (f"GIT_CONFIG_VALUE_{index}", value))
    }
    fixed = {"GIT_TERMINAL_PROMPT": "0", "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull}
    return inherited | fixed | {"GIT_CONFIG_COUNT": str(len(configured))} | numbered


def _parse_refs(content: bytes) -> dict[str, str]:
    """Name → commit of an `info/refs` answer (gitprotocol-http(5), version 0); peeled tags end in `^{}`."""
    refs: dict[str, str] = {}
    position = 0
    while position + _LENGTH <= len(content):
        length = int(content[position : position + _LENGTH], 16)
        line = content[position + _LENGTH : position + length].split(b"\0")[0].decode(errors="replace").strip()
        position += length or _LENGTH
        sha, _, name = line.partition(" ")
        if _SHA.fullmatch(sha) and name and name != "capabilities^{}":
            refs[name] = sha
    return refs


def _parse_tree(output: bytes) -> Listing:
    found = {}
    for entry in output.decode(errors="surrogateescape").split("\0"):
        about, _, path = entry.partition("\t")
        if path and (parts := about.split(" "))[1] == "blob":
            found[path] = parts[2]
    return found


def _parse_batch(output: bytes) -> dict[str, bytes]:
    """Blob id → content of `git cat-file --batch`."""
    found: dict[str, bytes] = {}
    position = 0
    while position < len(output):
        end = output.index(b"\n", position)
        blob, _, size = output[position:end].decode().split(" ")
        found[blob] = output[end + 1 : end + 1 + int(size)]
        position = end + 2 + int(size)
    return found
