"""The oracle: it finds each thing that it is there to find."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from shared.argocd import Layout
from shared.git.message import Record, compose
from tests.chaos.cluster import Document
from tests.chaos.ledger import Ledger
from tests.chaos.oracle import Oracle

URL = "http://gitea-http.gitea.svc:3000"
ENVIRONMENT = {"clusterType": "nonprod", "environment": "dev"}
SPEC = {**ENVIRONMENT, "services": [{"name": "rabbitmq", "type": "internal", "values": {"size": 1}}]}
FOLDER = "environments/nonprod/dev/platform/rabbitmq"


class Repository:
    """A bare repository in which every move of main is written down, and commits are made as a server's are."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", str(directory)], check=True)
        self.ledger = Ledger(directory)
        self.ledger.watch()
        self.git("config", "user.name", "Chaos")
        self.git("config", "user.email", "chaos@localhost")

    def git(self, *arguments: str, given: str = "") -> str:
        command = ["git", "-C", str(self.directory), *arguments]
        index = os.environ | {"GIT_INDEX_FILE": str(self.directory / "chaos-index")}
        done = subprocess.run(command, input=given, env=index, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def commit(self, files: Mapping[str, bytes], message: str, parent: str | None) -> str:
        """A commit with exactly these files, at which main stands then."""
        blobs = {path: self.git("hash-object", "-w", "--stdin", given=data.decode()) for path, data in files.items()}
        (self.directory / "chaos-index").unlink(missing_ok=True)
        self.git("update-index", "--index-info", given="".join(f"100644 {blobs[path]}\t{path}\n" for path in blobs))
        parents = ["-p", parent] if parent else []
        sha = self.git("commit-tree", self.git("write-tree"), *parents, given=message)
        self.git("update-ref", "refs/heads/main", sha)
        return sha


def message(generation: int, name: str = "dev-platform") -> str:
    return compose(Record("dev: write", "PlatformClaim", "services", name, "uid-1", generation, "event", SPEC))


def bootstrap() -> Document:
    clusters = [{"type": "nonprod", "environments": ["dev"]}]
    status = {
        "observedGeneration": 1,
        "phase": "Bootstrapped",
        "charts": {"revision": "c"},
        "platformCharts": {"revision": "p"},
        "clusters": clusters,
    }
    spec = {"gitea": {"url": URL, "organization": "platform"}, "clusters": clusters}
    return _document("BootstrapClaim", "platform-bootstrap", spec, status)


def platform(sha: str, **status: Any) -> Document:
    ready = {"type": "Ready", "status": "True", "reason": "Committed", "observedGeneration": 2}
    row = {"name": "rabbitmq", "state": "Committed", "path": FOLDER, "commit": sha}
    told = {"observedGeneration": 2, "conditions": [ready], "commit": {"sha": sha}, "services": [row]}
    return _document("PlatformClaim", "dev-platform", SPEC, told | status, generation=2)


def _document(kind: str, name: str, spec: Any, status: Any, generation: int = 1) -> Document:
    metadata = {"name": name, "namespace": "services", "uid": "uid-1", "generation": generation, "resourceVersion": "1"}
    api = "platform.infraforge.io/v1alpha1"
    return {"apiVersion": api, "kind": kind, "metadata": metadata, "spec": spec, "status": status}


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "voltran.git")


@pytest.fixture
def oracle(repository: Repository) -> Oracle:
    return Oracle(repository.ledger, Layout(URL, "argocd"), ("nonprod",), {}, {})


def right(oracle: Oracle) -> dict[str, bytes]:
    """The files that the claims stand for."""
    return dict(oracle.expected([bootstrap(), platform("")]))


def written(repository: Repository, oracle: Oracle) -> str:
    """Both claims in Git; the last commit."""
    files = right(oracle)
    mine = {path: data for path, data in files.items() if "rabbitmq" in path or path.endswith("-platform-appset.yaml")}
    first = repository.commit({path: data for path, data in files.items() if path not in mine}, "bootstrap", None)
    return repository.commit(files, message(2), first)


def platform_problems(oracle: Oracle, *documents: Document) -> list[str]:
    verdict = oracle.judge([bootstrap(), *documents])
    return [*verdict.git, *(one for one in verdict.statuses if one.startswith("PlatformClaim"))]


def test_the_truth_is_accepted(repository: Repository, oracle: Oracle) -> None:
    sha = written(repository, oracle)
    assert platform_problems(oracle, platform(sha)) == []
    assert oracle.lies([platform(sha)]) == []
    assert (oracle.lost(None), oracle.duplicates(None)) == ([], [])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({f"{FOLDER}/values.yaml": None}, f"{FOLDER}/values.yaml is missing"),
        ({f"{FOLDER}/values.yaml": b"size: 2\n"}, f"{FOLDER}/values.yaml has another content"),
        ({"environments/nonprod/dev/platform/old/values.yaml": b""}, "old/values.yaml is nobody's"),
    ],
    ids=["a lost file", "an older spec", "a file that nobody asked for"],
)
def test_git_differs(repository: Repository, oracle: Oracle, change: dict[str, bytes | None], said: str) -> None:
    sha = written(repository, oracle)
    files: dict[str, bytes | None] = {**right(oracle), **change}
    repository.commit({path: data for path, data in files.items() if data is not None}, "stranger", sha)
    assert any(said in one for one in oracle.judge([bootstrap(), platform(sha)]).git)


def test_foreign_files_must_stay(repository: Repository, oracle: Oracle) -> None:
    sha = written(repository, oracle)
    watched = Oracle(repository.ledger, oracle.layout, oracle.served, {}, {"README.md": "0" * 40})
    assert watched.judge([bootstrap(), platform(sha)]).git == ["README.md is missing"]


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ({"observedGeneration": 1}, "speaks of generation 1"),
        ({"commit": {"sha": "f" * 40}}, "names commit ffffffff"),
        ({"services": []}, "has rows for rabbitmq"),
        (
            {"conditions": [{"type": "Ready", "status": "False", "reason": "Held", "message": "why"}]},
            "is not Ready: Held",
        ),
    ],
    ids=["an old generation", "a commit that is not", "a row too few", "not Ready"],
)
def test_untrue_statuses(repository: Repository, oracle: Oracle, status: Any, said: str) -> None:
    sha = written(repository, oracle)
    (problem,) = platform_problems(oracle, platform(sha, **status))
    assert said in problem


def test_a_row_names_the_last_commit_that_changed_its_files(repository: Repository, oracle: Oracle) -> None:
    sha = written(repository, oracle)
    other = platform(sha)
    other["status"]["services"][0]["commit"] = repository.git("rev-parse", f"{sha}~1")
    (problem,) = platform_problems(oracle, other)
    assert f"its files changed last in {sha[:8]}" in problem


def test_a_status_that_is_ready_too_early_lies(repository: Repository, oracle: Oracle) -> None:
    written(repository, oracle)
    assert "is not in main" in oracle.lies([platform("f" * 40)])[0]


def test_a_commit_that_is_taken_back_is_lost(repository: Repository, oracle: Oracle) -> None:
    sha = written(repository, oracle)
    oracle.ledger.read()
    repository.commit(right(oracle), message(3), repository.git("rev-parse", f"{sha}~1"))
    oracle.ledger.read()
    assert [one for one in oracle.lost(None) if sha[:8] in one]


def test_an_older_generation_over_a_newer_one_is_a_loss(repository: Repository, oracle: Oracle) -> None:
    sha = written(repository, oracle)
    repository.commit({**right(oracle), f"{FOLDER}/values.yaml": b"size: 0\n"}, message(1), sha)
    oracle.ledger.read()
    assert ["puts PlatformClaim/services/dev-platform back to generation 1" in one for one in oracle.lost(None)] == [
        True
    ]


def test_duplicates_are_found(repository: Repository, oracle: Oracle) -> None:
    sha = written(repository, oracle)
    empty = repository.commit(right(oracle), message(2), sha)
    oracle.ledger.read()
    found = oracle.duplicates(None)
    assert f"{empty[:8]} of PlatformClaim/services/dev-platform changes nothing" in found
    assert f"{empty[:8]} does for PlatformClaim/services/dev-platform what {sha[:8]} had done" in found
