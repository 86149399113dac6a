"""A Git server with an organization's chart repositories."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from pydantic import SecretStr

from shared.git import Author, Remote, Repository
from tests.shared.git.backend import Backend

TOKEN = "canary-5f1c0b9d27e64a83"
ORGANIZATION = "acme"
CHART = {
    "Chart.yaml": b"apiVersion: v2\nname: small\nversion: 1.0.0\n",
    "values.yaml": b"replicas: 1\n",
    "values.schema.json": b'{"additionalProperties": false, "properties": {"replicas": {"maximum": 100}, "image": {}}}',
    "templates/a.yaml": b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {n: '{{ .Values.replicas }}'}\n",
}

Publish = Callable[..., str]


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[Backend]:
    root = tmp_path / "server"
    root.mkdir()
    with Backend(root, TOKEN) as running:
        for name in ("charts", "platform-charts"):
            running.create(f"{ORGANIZATION}/{name}")
        yield running


@pytest.fixture
def repository(backend: Backend, tmp_path: Path) -> Callable[[str, str], Repository]:
    """As `shared.wiring` makes them."""

    def build(organization: str, name: str) -> Repository:
        return Repository(
            tmp_path / "caches" / organization / f"{name}.git",
            Remote(backend.url(f"{organization}/{name}")),
            token=lambda: SecretStr(TOKEN),
            author=Author("InfraForge", "infraforge@example.com"),
        )

    return build


@pytest.fixture
def publish(backend: Backend, tmp_path: Path) -> Publish:
    """Push folders of charts to one of the repositories, and tag the commit."""

    def push(folders: Mapping[str, Mapping[str, bytes]], tag: str | None = None, name: str = "charts") -> str:
        writer = Repository(
            tmp_path / "caches" / "writer" / f"{name}.git",
            Remote(backend.url(f"{ORGANIZATION}/{name}")),
            token=lambda: SecretStr(TOKEN),
            author=Author("A team", "team@example.com"),
        )
        with writer.transaction() as git:
            sha = git.commit(dict(folders), "charts\n") or git.head
            assert sha is not None
            if tag:
                git.create_tag(tag, sha)
            git.push()
            return sha

    return push
