"""A `voltran` as the functions would have left it, in a clone, and claims to plan against it."""

import hashlib
import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from cli.manifests import Manifest
from cli.plan.command import exit_code
from cli.plan.document import document
from cli.plan.planning import plan
from cli.plan.surroundings import Folders, Gitea, Sites, Surroundings
from cli.plan.wishes import wishes
from sandbox.supervisor.components import GITEA_URL
from shared.git.message import Record, compose
from tests.cli.conftest import Infraforge

Document = dict[str, Any]
API_VERSION = "platform.infraforge.io/v1alpha1"


def claim(kind: str, namespace: str, name: str, spec: Mapping[str, Any]) -> Document:
    """Any claim."""
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "spec": dict(spec)}


def bootstrap(*environments: str) -> Document:
    """The platform, with these environments of the type nonprod."""
    clusters = [{"type": "nonprod", "environments": list(environments or ("dev", "qa"))}]
    spec = {"gitea": {"url": GITEA_URL, "organization": "platform"}, "clusters": clusters}
    return claim("BootstrapClaim", "platform-system", "platform", spec)


def application(name: str, tag: str = "v1.0.0", **more: Any) -> Document:
    """One application of a claim."""
    image = {"repository": f"ghcr.io/infraforge/{name}", "tag": tag}
    return {"name": name, "chart": {"name": "web-service"}, "image": image, "values": {"replicas": 2}} | more


def applications(*rows: Document, name: str = "apps", environment: str = "dev", **more: Any) -> Document:
    """An ApplicationClaim of the environment dev."""
    spec = {"clusterType": "nonprod", "environment": environment, "applications": list(rows)} | more
    return claim("ApplicationClaim", "dev", name, spec)


def services(*rows: Document, name: str = "services") -> Document:
    """A PlatformClaim of the environment dev."""
    spec = {"clusterType": "nonprod", "environment": "dev", "services": list(rows)}
    return claim("PlatformClaim", "dev", name, spec)


@dataclass(frozen=True)
class Repository:
    """A clone with commits as the functions make them."""

    folder: Path

    @classmethod
    def made(cls, folder: Path, *claims: Document) -> "Repository":
        """With everything that these claims come to, a commit each."""
        folder.mkdir(parents=True)
        repository = cls(folder)
        repository.git("init", "--quiet", "--initial-branch=main")
        for one in claims:
            repository.add(one, repository.files_of(one, *claims[: claims.index(one)]))
        return repository

    def files_of(self, last: Document, *before: Document) -> Mapping[str, bytes]:
        """The whole tree after these claims were written."""
        manifests = [Manifest(one, "test") for one in (*before, last)]
        with Surroundings.of(None, Sites(no_gitea, Folders(self.folder)), GITEA_URL) as around:
            found, faults, _ = wishes(manifests, None, around.standing, "default")
            assert not faults
            for number, wish in enumerate(found):
                played = around.rehearsal.play(wish.kind, wish.document(number))
                assert played.stopped is None, played.stopped
            return around.rehearsal.shelf.tree("platform").files

    def add(self, one: Document, files: Mapping[str, bytes | None]) -> str:
        """A commit of a claim's."""
        metadata = one["metadata"]
        record = Record("write", one["kind"], metadata["namespace"], metadata["name"], "uid", 1, "event", one["spec"])
        return self.commit(files, compose(record))

    def commit(self, files: Mapping[str, bytes | None], message: str = "by hand") -> str:
        """A commit with these files, without those that are None; the commit's hash."""
        for name, content in files.items():
            path = self.folder / name
            if content is None:
                path.unlink()
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")

    def git(self, *arguments: str) -> str:
        """A git command that must succeed; what it printed."""
        identity = ["-c", "user.name=Ann", "-c", "user.email=ann@example.com", "-c", "commit.gpgsign=false"]
        environment = os.environ | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        done = subprocess.run(
            ["git", *identity, *arguments],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    def fingerprint(self) -> str:
        """A hash of every file in the clone, Git's own among them."""
        digest = hashlib.sha256()
        for path in sorted(one for one in self.folder.rglob("*") if one.is_file()):
            digest.update(f"{path}\0".encode() + path.read_bytes())
        return digest.hexdigest()


def written(folder: Path, documents: Sequence[Document] | str) -> str:
    """A file with claims; its path."""
    file = folder / "claims.yaml"
    file.write_text(documents if isinstance(documents, str) else yaml.safe_dump_all(documents))
    return str(file)


def no_gitea(_: str | None) -> Gitea:
    """For plans that need none."""
    raise AssertionError("nobody asks for a Gitea here")


class Planner:
    """The command, on one clone."""

    def __init__(self, infraforge: Infraforge, repository: Repository, folder: Path) -> None:
        self.infraforge = infraforge
        self.repository = repository
        self.folder = folder

    def run(self, given: Any, *arguments: str) -> "subprocess.CompletedProcess[str]":
        file = written(self.folder, given)
        return self.infraforge("plan", "-f", file, "--voltran", str(self.repository.folder), *arguments)

    def json(self, given: Any, code: int, *more: str, charts: Path | None = None) -> Any:
        """As `-o json` prints it, without a process of its own."""
        report = plan(
            [written(self.folder, given), *more], None, Sites(no_gitea, Folders(self.repository.folder, charts)), None
        )
        assert exit_code(report) == code, report
        return json.loads(json.dumps(document(report, code)))

    def one(self, given: Any, code: int) -> Any:
        """The plan of the one claim that there is."""
        (found,) = self.json(given, code)["claims"]
        return found
