"""A clone of `voltran` on disk, with commits as the functions make them."""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shared.git.message import Record, compose
from tests.cli.api import application, environment

KIND, NAMESPACE, NAME = "ApplicationClaim", "dev", "apps"
CLAIM = f"{KIND}/{NAMESPACE}/{NAME}"


def spec(*rows: dict[str, Any], name: str = "dev") -> dict[str, Any]:
    """Of an ApplicationClaim."""
    return environment(name) | {"applications": list(rows)}


def shop(tag: str = "v1", **more: Any) -> dict[str, Any]:
    """An application."""
    image = {"repository": "ghcr.io/infraforge/shop", "tag": tag}
    return application("shop", **more) | {"image": image}


def record(spec_: Mapping[str, Any], generation: int = 1, **fields: Any) -> Record:
    """What a commit says; `fields` are the record's own."""
    found: dict[str, Any] = {"kind": KIND, "namespace": NAMESPACE, "name": NAME, "uid": "uid-1"}
    found |= {"subject": "dev: write shop", "event_id": "event", "manager": "kubectl", "changed": f"t{generation}"}
    return Record(**{**found, "spec": spec_, "generation": generation, **fields})


@dataclass
class Clone:
    """A repository with a working copy."""

    folder: Path
    count: int = field(default=0)

    def __post_init__(self) -> None:
        self.git("init", "--quiet", "--initial-branch=main")

    @classmethod
    def made(cls, folder: Path) -> "Clone":
        """An empty one in a new directory below `folder`."""
        (folder / "voltran").mkdir()
        return cls(folder / "voltran")

    def git(self, *arguments: str, stdin: str | None = None) -> str:
        """Git as InfraForge; what it printed."""
        who = {f"GIT_{role}_{part}": "InfraForge" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")}
        plain = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.folder,
            env=os.environ | plain | who,
            input=stdin,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    def commit(self, message: Record | str, files: Mapping[str, str | None] | None = None) -> str:
        """A commit with this record or message, and these files (None removes one); its hash."""
        self.count += 1
        for name, content in (files or {"environments/counter": str(self.count)}).items():
            path = self.folder / name
            if content is None:
                path.unlink()
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(content)
        self.git("add", "--all")
        text = compose(message) if isinstance(message, Record) else message
        self.git("commit", "--quiet", "--cleanup=verbatim", "-F", "-", stdin=text)
        return self.git("rev-parse", "HEAD")
