"""Git repositories over HTTP: revisions, what is remembered of them, and ArgoCD's words when they cannot be had."""

import base64
import contextlib
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sandbox.argocd.credentials import Login, login
from sandbox.argocd.repositories import SHARED, Addresses, Repositories, RepositoryError
from tests.sandbox.timeline.forge import PASSWORD, USER, Forge

PUBLIC = "http://gitea.test"
URL = f"{PUBLIC}/argo/files.git"
LOGIN = Login(USER, PASSWORD)

Make = Callable[..., Repositories]


@pytest.fixture
def make(forge: Forge, tmp_path: Path) -> Iterator[Make]:
    with contextlib.ExitStack() as stack:

        def made(user: Login | None = LOGIN, remembered: float = 3600.0, tidy_after: int = 100) -> Repositories:
            addresses = Addresses(PUBLIC, forge.endpoint)
            repositories = Repositories(
                tmp_path, addresses, lambda _url: user, remembered=remembered, tidy_after=tidy_after
            )
            return stack.enter_context(contextlib.closing(repositories))

        yield made


def test_what_a_revision_stands_for(make: Make, forge: Forge) -> None:
    """A branch, HEAD, a tag, a full name, and a commit's own, which nobody is asked about."""
    forge.push("argo/files", {"a": "1"})
    forge.tag("argo/files", "v1")
    repositories = make()
    first = repositories.resolve(URL, "main", anew=True)
    assert [repositories.resolve(URL, name, anew=False) for name in ("HEAD", "", "v1", "refs/heads/main")] == [
        first
    ] * 4
    forge.push("argo/files", {"a": "2"})
    second = repositories.resolve(URL, "main", anew=True)
    assert second != first
    assert repositories.resolve(URL, "v1", anew=True) == first
    assert make(None).resolve(URL, first, anew=True) == first


def test_a_head_is_remembered_for_who_does_not_ask_anew(make: Make, forge: Forge) -> None:
    """For the time that was given; recorded: set-created-after-push-uses-cached-head."""
    forge.push("argo/files", {"a": "1"})
    lasting, fleeting = make(), make(remembered=0.0)
    first = [one.resolve(URL, "main", anew=False) for one in (lasting, fleeting)]
    forge.push("argo/files", {"a": "2"})
    second = [one.resolve(URL, "main", anew=False) for one in (lasting, fleeting)]
    assert (second[0] == first[0], second[1] == first[1]) == (True, False)
    assert lasting.resolve(URL, "main", anew=True) == second[1]


def test_files_of_a_commit_stay_at_hand_when_the_repository_is_gone(make: Make, forge: Forge) -> None:
    forge.push("argo/files", {"a/b.yaml": "x: 1\n", "ü": "2", "same": "2"})
    repositories = make()
    commit = repositories.resolve(URL, "main", anew=True)
    listing = repositories.listing(URL, commit)
    forge.drop("argo/files")
    assert set(listing) == {"a/b.yaml", "ü", "same"}
    assert repositories.contents(URL, listing) == {"a/b.yaml": b"x: 1\n", "ü": b"2", "same": b"2"}
    assert make().listing(URL, commit) == listing, "another process finds it on the disk"


_UNAUTHORIZED = "failed to list refs: authentication required: Unauthorized\n"
_NOT_FOUND = "failed to list refs: repository not found: Repository not found"


@pytest.mark.parametrize(
    ("user", "url", "revision", "message", "reason"),
    [
        (None, URL, "main", _UNAUTHORIZED, "recorded: no-credentials"),
        (Login(USER, "wrong"), URL, "main", _UNAUTHORIZED, "wrong ones"),
        (LOGIN, f"{PUBLIC}/argo/none.git", "main", _NOT_FOUND, "recorded: repository-missing"),
        (LOGIN, URL, "none", "unable to resolve 'none' to a commit SHA: revision not found", "recorded"),
    ],
)
def test_messages(
    make: Make, forge: Forge, user: Login | None, url: str, revision: str, message: str, reason: str
) -> None:
    forge.push("argo/files", {"a": "1"})
    with pytest.raises(RepositoryError) as failure:
        make(user).resolve(url, revision, anew=True)
    assert str(failure.value) == message, reason


def test_a_refusal_is_not_remembered(make: Make, forge: Forge) -> None:
    repositories = make()
    with pytest.raises(RepositoryError):
        repositories.resolve(URL, "main", anew=False)
    forge.push("argo/files", {"a": "1"})
    assert repositories.resolve(URL, "main", anew=False)


def test_a_commit_that_is_not_there_is_said_without_the_endpoint(make: Make, forge: Forge) -> None:
    forge.push("argo/files", {"a": "1"})
    with pytest.raises(RepositoryError) as failure:
        make().listing(URL, "1" * 40)
    assert "`git fetch` failed exit status 128" in str(failure.value)
    assert forge.endpoint not in str(failure.value)


def test_a_raw_file_gets_no_credentials(make: Make, forge: Forge) -> None:
    """Recorded: raw-url-values-private."""
    forge.push("argo/files", {"values.yaml": "a: 1\n"})
    with pytest.raises(RepositoryError) as failure:
        make().fetch_file(f"{PUBLIC}/argo/files/raw/branch/main/values.yaml")
    assert str(failure.value) == f"failed to fetch {PUBLIC}/argo/files/raw/branch/main/values.yaml : 404 Not Found"


def test_the_longest_prefix_gives_the_login() -> None:
    """A Secret for the very repository comes before all prefixes; other Secrets give none."""

    def secret(kind: str, url: str, password: str) -> dict[str, object]:
        encode = {"url": url, "username": "u", "password": password}
        data = {key: base64.b64encode(text.encode()).decode() for key, text in encode.items()}
        return {"metadata": {"labels": {"argocd.argoproj.io/secret-type": kind}}, "data": data}

    secrets = [
        secret("repo-creds", PUBLIC, "short"),
        secret("repo-creds", f"{PUBLIC}/argo", "long"),
        secret("repository", f"{PUBLIC}/argo/own", "own"),
        secret("cluster", f"{PUBLIC}/argo/files", "no"),
    ]
    assert login(secrets, URL) == Login("u", "long")
    assert login(secrets, f"{PUBLIC}/argo/own.git") == Login("u", "own")
    assert login(secrets, f"{PUBLIC}/other/x.git") == Login("u", "short")
    assert login(secrets, "http://elsewhere.test/x.git") is None
    assert "short" not in repr(Login("u", "short"))


def test_those_who_asked_at_the_same_time_share_an_answer(make: Make, forge: Forge) -> None:
    """Who asked before the answer was asked for gets it; who asks afterwards, or asked long ago, gets a new one."""
    forge.push("argo/files", {"a": "1"})
    repositories = make()
    asked = time.monotonic()
    first = repositories.resolve(URL, "main", anew=True, asked=asked)
    forge.push("argo/files", {"a": "2"})
    assert repositories.resolve(URL, "main", anew=True, asked=asked) == first
    second = repositories.resolve(URL, "main", anew=True, asked=time.monotonic())
    assert second != first
    forge.push("argo/files", {"a": "3"})
    time.sleep(SHARED)  # what is tested is a time
    assert repositories.resolve(URL, "main", anew=True, asked=asked) not in (first, second)


def test_a_clone_does_not_grow_for_ever(make: Make, forge: Forge, tmp_path: Path) -> None:
    """What was asked for lately stays at hand, also when it came before the tidying; what was not is fetched again."""
    commits = []
    for number in range(3):
        forge.push("argo/files", {"a": str(number)})
        commits.append(make().resolve(URL, "main", anew=True))
    make().listing(URL, commits[0])
    repositories = make(tidy_after=2)
    listings = [repositories.listing(URL, commit) for commit in commits[1:]]
    (clone,) = tmp_path.glob("*.git")
    kept = subprocess.run(["git", "-C", str(clone), "for-each-ref"], capture_output=True, text=True, check=True).stdout
    assert [commit in kept for commit in commits] == [False, True, True]
    assert [repositories.contents(URL, listing)["a"] for listing in listings] == [b"1", b"2"]
    assert repositories.contents(URL, repositories.listing(URL, commits[0])) == {"a": b"0"}
