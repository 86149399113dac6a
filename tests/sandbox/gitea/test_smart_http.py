"""Git over HTTP beyond what the recordings hold: sizes, protocols, concurrency, a client that goes away."""

import gzip
import os
import select
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.sandbox.gitea.client import GitClient
from tests.sandbox.gitea.server import Server


@pytest.fixture(scope="module")
def token(server: Server) -> str:
    """A token, and the organization `git` that it owns."""
    token = server.token("smart")
    server.made("POST", "/orgs", {"username": "git", "visibility": "private"}, token=token)
    return token


def repository(server: Server, token: str, name: str) -> str:
    """A new repository with one commit; its address with the token in it."""
    server.made("POST", "/orgs/git/repos", {"name": name, "private": True, "auto_init": True}, token=token)
    return f"http://x:{token}@127.0.0.1:{server.port}/git/{name}.git"


def clone(git: GitClient, url: str, name: str = "w") -> Path:
    git.run("clone", "--quiet", url, name)
    return git.home / name


def test_a_large_push_and_clone_pass_through(server: Server, token: str, git: GitClient) -> None:
    """Five megabytes of noise: git probes first, sends in chunks, and every byte comes back."""
    url = repository(server, token, "large")
    work = clone(git, url)
    noise = subprocess.run(["head", "-c", "5000000", "/dev/urandom"], capture_output=True, check=True).stdout
    (work / "noise").write_bytes(noise)
    sha = git.commit(work, "noise")
    git.run("push", "--quiet", "origin", "main", cwd=work)
    again = clone(git, url, "again")
    assert git.run("rev-parse", "HEAD", cwd=again) == sha
    assert (again / "noise").read_bytes() == noise


@pytest.mark.parametrize("version", ["0", "1", "2"])
def test_every_protocol_version_fetches(server: Server, token: str, git: GitClient, version: str) -> None:
    """The Git-Protocol header reaches git; version 2 is what clients speak."""
    url = repository(server, token, f"protocol{version}")
    heads = git.run("-c", f"protocol.version={version}", "ls-remote", url, "refs/heads/*")
    assert heads.endswith("refs/heads/main")
    asked = {"Git-Protocol": f"version={version}"}
    query = {"service": "git-upload-pack"}
    answer = server.client.get(f"{url}/info/refs", params=query, headers=asked).text
    assert ("version 2" in answer) == (version == "2")


def test_shallow_and_partial_fetches(server: Server, token: str, git: GitClient) -> None:
    """Depth, filters and any commit by its identifier, as Gitea's configuration allows; a missing blob comes later."""
    url = repository(server, token, "partial")
    work = clone(git, url)
    shas = [git.commit(work, f"c{number}", file=f"{number}\n") for number in range(3)]
    git.run("tag", "v1", shas[0], cwd=work)
    git.run("push", "--quiet", "origin", "main", "v1", cwd=work)

    git.run("clone", "--quiet", "--bare", "--depth=1", url, "shallow")
    assert git.run("rev-list", "--count", "main", cwd=git.home / "shallow") == "1"
    git.run("clone", "--quiet", "--bare", "--filter=blob:none", url, "partial")
    missing = git.run("rev-list", "--objects", "--missing=print", "main", cwd=git.home / "partial")
    assert missing.count("?") == 4
    assert git.run("cat-file", "blob", f"{shas[1]}:file", cwd=git.home / "partial") == "1"
    git.run("fetch", "--quiet", "--depth=1", "origin", shas[1], cwd=git.home / "shallow")
    assert git.run("rev-parse", "FETCH_HEAD", cwd=git.home / "shallow") == shas[1]
    assert "refs/tags/v1" in git.run("ls-remote", url)


def test_compressed_requests(server: Server, token: str, git: GitClient) -> None:
    """Git compresses the body of a long negotiation: the same question, compressed or not, has the same answer."""
    url = repository(server, token, "compressed")
    question = b"0014command=ls-refs\n0000"
    headers = {"Content-Type": "application/x-git-upload-pack-request", "Git-Protocol": "version=2"}
    plain = server.client.post(f"{url}/git-upload-pack", content=question, headers=headers)
    small = server.client.post(
        f"{url}/git-upload-pack", content=gzip.compress(question), headers={**headers, "Content-Encoding": "gzip"}
    )
    assert b"refs/heads/main" in plain.content
    assert plain.content == small.content


def test_forty_pushes_at_once(server: Server, token: str, git: GitClient) -> None:
    """To forty branches of one repository, none lost and none refused."""
    url = repository(server, token, "busy")
    work = clone(git, url)

    def push(number: int) -> int:
        return git.try_run("push", "--quiet", url, f"HEAD:refs/heads/b{number}", cwd=work).returncode

    with ThreadPoolExecutor(40) as pool:
        assert list(pool.map(push, range(40))) == [0] * 40
    assert len(git.run("ls-remote", url, "refs/heads/b*").splitlines()) == 40


def test_a_push_outlives_its_client(server: Server, token: str, git: GitClient) -> None:
    """Killed while the server's hook runs, the push is finished, as one that only lost its answer is."""
    url = repository(server, token, "abandoned")
    work = clone(git, url)
    sha = git.commit(work, "change", file="1\n")
    hooks = server.data / "repositories" / "git" / "abandoned.git" / "hooks" / "pre-receive.d"
    hooks.mkdir(parents=True)
    entered, gate = git.home / "entered", git.home / "gate"
    for pipe in (entered, gate):
        subprocess.run(["mkfifo", str(pipe)], check=True)
    (hooks / "gate").write_text(f'#!/bin/sh\necho >"{entered}"\nread -r go <"{gate}"\n')
    (hooks / "gate").chmod(0o755)
    pushing = subprocess.Popen(["git", "push", "--quiet", "origin", "main"], cwd=work, env=git.environment)
    reader = os.open(entered, os.O_RDWR)  # for both, so that opening waits for nobody
    assert select.select([reader], [], [], 30)[0], "the hook did not run"
    os.close(reader)
    pushing.kill()
    pushing.wait()
    gate.write_text("go\n")
    for _ in range(200):
        if git.run("ls-remote", url, "refs/heads/main").startswith(sha):
            return
    pytest.fail("the branch did not move")


def test_a_pull_request_by_push_is_not_covered(server: Server, token: str, git: GitClient) -> None:
    """Gitea makes one from a push to `refs/for`: here it must not look as if it had."""
    url = repository(server, token, "agit")
    refused = git.try_run("push", "origin", "HEAD:refs/for/main/topic", cwd=clone(git, url))
    assert refused.returncode == 1
    assert "remote: error: the Gitea stand-in does not cover pull requests" in refused.stderr
    assert "refs/for" not in git.run("ls-remote", url)


def test_an_unknown_path_of_a_repository_is_not_served(server: Server, token: str) -> None:
    """The dumb protocol's files are not there."""
    answer = server.client.get(f"{server.url}/git/large.git/HEAD", headers={"Authorization": f"token {token}"})
    assert answer.status_code == 404
