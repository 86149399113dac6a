"""A person at Gitea, with the credentials that a sandbox has for people: clones, edits, pushes, and uses its API."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.e2e.repository import run_git

NAME, MAIL = "Jo Doe", "jo@example.com"


@dataclass(frozen=True)
class Person:
    """With one clone, of `voltran` if nothing else is said."""

    clone: Path
    gitea: Any
    repository: str = "voltran"

    @property
    def author(self) -> str:
        """As commits name it."""
        return f"{NAME} <{MAIL}>"

    def start(self) -> None:
        """Clone afresh."""
        shutil.rmtree(self.clone, ignore_errors=True)
        url = self.gitea["url"].replace("://", f"://{self.gitea['user']}:{self.gitea['password']}@", 1)
        _done(run_git("clone", "-q", f"{url}/{self.gitea['organization']}/{self.repository}.git", str(self.clone)))

    def read(self, path: str) -> str:
        """A file's text."""
        return (self.clone / path).read_text(encoding="utf-8")

    def write(self, path: str, text: str) -> None:
        """A file in the working copy."""
        file = self.clone / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def commit(self, subject: str) -> str:
        """Commit everything; the commit."""
        self.git("add", "-A")
        self.git("commit", "-q", "-m", subject)
        return self.git("rev-parse", "HEAD")

    def push(self, *options: str) -> None:
        """Push `main`."""
        self.git("push", "-q", *options, "origin", "HEAD:main")

    def git(self, *arguments: str) -> str:
        """Git in the clone; what it printed."""
        who = {name: value for role in ("AUTHOR", "COMMITTER") for name, value in _identity(role).items()}
        return _done(run_git("-C", str(self.clone), *arguments, env=who))

    def api(self, method: str, path: str, body: Any = None) -> Any:
        """A request to Gitea's API, which must succeed."""
        login = (self.gitea["user"], self.gitea["password"])
        answer = httpx.request(method, f"{self.gitea['url']}/api/v1{path}", auth=login, json=body, timeout=30)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text[:300]}"
        return answer.json() if answer.content else None


def _identity(role: str) -> dict[str, str]:
    return {f"GIT_{role}_NAME": NAME, f"GIT_{role}_EMAIL": MAIL}


def _done(done: Any) -> str:
    assert done.returncode == 0, done.stderr
    return str(done.stdout).strip()
