"""The resolver against registries that it was not written with: the sandbox's, and Debian's `docker-registry`."""

import base64
import hashlib
import json
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import httpx
import pytest

from shared.oci import (
    Credentials,
    HostPolicy,
    Private,
    Resolved,
    Resolver,
    TagMissing,
    parse,
)
from tests.shared.oci.registries import INDEX

HUNTER2 = "$2b$04$PR4yX4mPt7W.vBsyUhoE7O7sQKiMHu7Q4E.q1IKxohdL.97Wm.7Bm"
IMAGES = """
images:
  - {repository: acme/shop, tags: [v1.2.1, v1.2.3, latest]}
  - {repository: acme/secret, tags: [v1.0.0], private: true}
"""


def asking(host: str, user: str | None = None) -> Resolver:
    """A resolver whose ghcr.io is the registry at `host`."""
    auth = {} if user is None else {host: {"auth": base64.b64encode(f"{user}:hunter2".encode()).decode()}}
    return Resolver(
        policy=HostPolicy([], {"ghcr.io": f"http://{host}"}),
        credentials=Credentials.from_docker_config({"auths": auth}),
        timeout=10.0,
    )


@contextmanager
def running(command: list[str]) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=10)


@contextmanager
def sandbox_registry(folder: Path, *flags: str) -> Iterator[str]:
    """The stand-in as a process of its own."""
    images, password = folder / "images.yaml", folder / "password"
    images.write_text(IMAGES)
    password.write_text("hunter2")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{free.getsockname()[1]}"
    command = [sys.executable, "-m", "sandbox.registry", "--port", host.rpartition(":")[2], "--images", str(images)]
    with running([*command, "--password-file", str(password), *flags]) as process:
        for _ in range(500):
            try:
                httpx.get(f"http://{host}/v2/", trust_env=False)
                break
            except httpx.ConnectError:
                assert process.poll() is None, "the registry ended"
                Event().wait(0.02)
        yield host


@pytest.mark.parametrize("auth", ["none", "token"])
def test_the_sandbox_registry(auth: str, tmp_path: Path) -> None:
    shop, secret = parse("ghcr.io/acme/shop", "v1.2.3"), parse("ghcr.io/acme/secret", "v1.0.0")
    absent, missing = parse("ghcr.io/acme/absent", "v1"), parse("ghcr.io/acme/shop", "v1.2.2")
    with sandbox_registry(tmp_path, "--auth", auth) as host:
        with asking(host) as resolver:
            outcomes = resolver.resolve_all([shop, secret, absent, missing])
        assert isinstance(outcomes[shop], Resolved)
        assert isinstance(outcomes[secret], Private)
        assert isinstance(outcomes[absent], Private)
        assert outcomes[missing] == TagMissing(
            "ghcr.io/acme/shop has no tag v1.2.2; the nearest that exist: v1.2.1, v1.2.3, latest",
            ("v1.2.1", "v1.2.3", "latest"),
        )
        with asking(host, "infraforge") as resolver:
            assert isinstance(resolver.resolve(secret), Resolved)
        with asking(host, "mallory") as resolver:
            assert isinstance(resolver.resolve(secret), Private)


@contextmanager
def docker_registry(folder: Path) -> Iterator[str]:
    """Distribution 2.8, the registry that most others descend from, with one user."""
    program = shutil.which("docker-registry")
    if program is None:
        pytest.skip("the program docker-registry is not installed (Debian: apt-get install docker-registry)")
    (folder / "htpasswd").write_text(f"bob:{HUNTER2}\n")
    (folder / "config.yml").write_text(
        json.dumps(
            {
                "version": 0.1,
                "storage": {"filesystem": {"rootdirectory": str(folder / "data")}},
                "http": {"addr": "127.0.0.1:0"},
                "auth": {"htpasswd": {"realm": "test", "path": str(folder / "htpasswd")}},
            }
        )
    )
    with running([program, "serve", str(folder / "config.yml")]) as process:
        assert process.stderr is not None
        for line in process.stderr:
            found = re.search(r"listening on (127\.0\.0\.1:\d+)", line)
            if found:
                yield found[1]
                return
        pytest.fail("docker-registry ended before it listened")


def push(host: str, repository: str, *tags: str) -> str:
    """An index without manifests, under `tags`; its digest."""
    index = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": []}).encode()
    with httpx.Client(base_url=f"http://{host}", auth=("bob", "hunter2"), trust_env=False) as client:
        for tag in tags:
            url = f"/v2/{repository}/manifests/{tag}"
            client.put(url, content=index, headers={"Content-Type": INDEX}).raise_for_status()
    return "sha256:" + hashlib.sha256(index).hexdigest()


def test_docker_registry(tmp_path: Path) -> None:
    shop, missing = parse("ghcr.io/acme/shop", "v1.2.3"), parse("ghcr.io/acme/shop", "v1.2.2")
    absent = parse("ghcr.io/acme/absent", "v1")
    with docker_registry(tmp_path) as host:
        digest = push(host, "acme/shop", "v1.2.3", "v1.2.1", "latest")
        with asking(host, "bob") as resolver:
            assert resolver.resolve(shop) == Resolved(digest)
            assert resolver.resolve(missing) == TagMissing(
                "ghcr.io/acme/shop has no tag v1.2.2; the nearest that exist: v1.2.1, v1.2.3, latest",
                ("v1.2.1", "v1.2.3", "latest"),
            )
            assert resolver.resolve(absent) == TagMissing(
                "ghcr.io/acme/absent has no tag v1, nor any other: is the repository's name right?"
            )
        for user in (None, "mallory"):
            with asking(host, user) as resolver:
                assert isinstance(resolver.resolve(shop), Private)
