"""What a transaction does to a real repository over smart HTTP."""

import os
import subprocess

import pytest

from shared.errors import PushRejected
from shared.git.paths import Edits

from .backend import Backend
from .conftest import NAME, Opener
from .seed import seed

APPS = "environments/nonprod/env000/applications"


def log(backend: Backend, pattern: str = "%s") -> list[str]:
    return backend.git(NAME, "log", "--reverse", f"--format={pattern}", "main").splitlines()


def files(backend: Backend, revision: str = "main") -> dict[str, str]:
    listing = backend.git(NAME, "-c", "core.quotePath=false", "ls-tree", "-r", revision)
    return {line.split("\t")[1]: line.split()[0] for line in listing.splitlines()}


def test_an_empty_repository_is_begun(backend: Backend, opened: Opener) -> None:
    repository = opened()
    with repository.transaction() as transaction:
        assert transaction.head is None
        assert transaction.names() == ()
        assert transaction.read("a") is None
        assert transaction.commit({"a": None, "b": {}}, "nothing\n") is None
        sha = transaction.commit({"a/b.yaml": b"1"}, "one\n")
        transaction.push()
        assert sha == transaction.head == backend.git(NAME, "rev-parse", "main")
    with repository.transaction() as transaction:
        assert transaction.head == sha
        assert transaction.read("a/b.yaml") == b"1"


def test_two_that_begin_an_empty_repository(backend: Backend, opened: Opener) -> None:
    """The branch must still be absent: the second is rejected, not merged and not forced."""
    with opened("a").transaction() as first, opened("b").transaction() as second:
        first.commit({"a": b"1"}, "a\n")
        second.commit({"b": b"1"}, "b\n")
        first.push()
        with pytest.raises(PushRejected):
            second.push()
    assert list(files(backend)) == ["a"]


def test_a_no_op_costs_one_request(backend: Backend, opened: Opener) -> None:
    """Neither a commit nor a push, and with a warm cache no fetch: the listing of references is all."""
    seed(backend.path(NAME), 30)
    repository = opened()
    edits: Edits = {APPS: {"one/values.yaml": b"a: 1\n"}, "appsets/nonprod/apps/env000-appset.yaml": b"x\n"}
    with repository.transaction() as transaction:
        transaction.commit(edits, "first\n")
        transaction.push()
    for cache, expected in (("cache", ["info/upload"]), ("other", ["info/upload", "info/upload", "upload"])):
        backend.exchanges.clear()
        with opened(cache).transaction() as transaction:
            assert transaction.commit(edits, "again\n") is None
            transaction.push()
        assert expected == [exchange.service for exchange in backend.exchanges]
    assert log(backend) == ["seed", "first"]


def test_a_change_costs_two_requests_when_warm(backend: Backend, opened: Opener) -> None:
    seed(backend.path(NAME), 30)
    repository = opened()
    for number in range(3):
        backend.exchanges.clear()
        with repository.transaction() as transaction:
            transaction.commit({APPS: {"one/values.yaml": b"a: %d\n" % number}}, "change\n")
            transaction.push()
    assert [exchange.service for exchange in backend.exchanges] == ["info/upload", "receive"]
    backend.git(NAME, "fsck", "--strict", "--full")


def test_an_edit_changes_its_paths_and_nothing_else(backend: Backend, opened: Opener) -> None:
    """A file written, a folder replaced as a whole, a file and a folder removed; a folder left empty goes too."""
    seed(backend.path(NAME), 3)
    before = files(backend)
    edits: Edits = {
        APPS: {"new/values.yaml": b"1", "new/deep/er.yaml": b"2"},
        "appsets/nonprod/apps/env000-appset.yaml": b"changed",
        "root-apps/nonprod/apps-rootapp.yaml": None,
        "appsets/nonprod/platform": None,
        "never/was/here": None,
    }
    with opened().transaction() as transaction:
        transaction.commit(edits, "change\n")
        assert transaction.names(APPS) == ("new",)
        assert transaction.names("root-apps") == ()
        transaction.push()
    kept = {path for path in before if "/platform/postgres/" in path or path.startswith("appsets/nonprod/apps/")}
    assert files(backend).keys() == kept | {f"{APPS}/new/values.yaml", f"{APPS}/new/deep/er.yaml"}
    assert backend.git(NAME, "show", "main:appsets/nonprod/apps/env000-appset.yaml") == "changed"
    backend.git(NAME, "fsck", "--strict", "--full")


def test_a_deep_neighbour_is_kept_though_it_was_never_fetched(backend: Backend, opened: Opener) -> None:
    """A service is replaced below the depth that the cache holds; the other services are neither read nor lost."""
    seed(backend.path(NAME), 3)
    folder = "environments/nonprod/env000/platform"
    for name in ("redis", "kafka"):
        with opened(name).transaction() as transaction:
            transaction.commit({f"{folder}/{name}": {"values.yaml": name.encode()}}, f"{name}\n")
            transaction.push()
    with opened("reader").transaction() as transaction:
        assert transaction.names(folder) == ("kafka", "postgres", "redis")
        assert transaction.read(f"{folder}/postgres/values.yaml") == b"size: 0Gi\n"
        assert transaction.read(f"{folder}/postgres") is None
        assert transaction.read(f"{folder}/postgres/values.yaml/x") is None
        assert transaction.names(f"{folder}/postgres/values.yaml") == ()
    backend.git(NAME, "fsck", "--strict", "--full")


def test_commits_of_one_transaction_stack_and_share_a_push(backend: Backend, opened: Opener) -> None:
    with opened().transaction() as transaction:
        first = transaction.commit({"a": b"1"}, "one\n")
        assert transaction.commit({"a": b"1"}, "nothing\n") is None
        second = transaction.commit({"b": b"1"}, "two\n")
        assert transaction.tip == second
        assert transaction.read("a") == b"1"
        assert transaction.names() == ("a", "b")
        transaction.push()
    assert log(backend, "%H %s") == [f"{first} one", f"{second} two"]
    assert sum(exchange.service == "receive" for exchange in backend.exchanges) == 1


def test_one_transaction_may_push_twice(backend: Backend, opened: Opener) -> None:
    with opened().transaction() as transaction:
        transaction.commit({"a": b"1"}, "one\n")
        transaction.push()
        transaction.commit({"a": b"2"}, "two\n")
        transaction.push()
        transaction.push()
    assert log(backend) == ["one", "two"]


def test_what_an_edit_would_change(backend: Backend, opened: Opener) -> None:
    """By the names that the edits use, without preparing anything."""
    with opened().transaction() as transaction:
        transaction.commit({"a/b": b"1", "c/d": b"1", "e": b"1"}, "one\n")
        same: Edits = {"a": {"b": b"1"}, "c/d": b"1", "f": None, "g/h": {}, "e/i": None}
        assert transaction.changed(same) == frozenset()
        assert transaction.changed({**same, "c/d": b"2", "j": {"k": b"1"}, "e/i": b"1"}) == {"c/d", "j", "e/i"}
        assert transaction.changed({"a": {"b": b"1", "c": b"1"}, "e": None}) == {"a", "e"}
        transaction.push()
    assert log(backend) == ["one"]


def test_an_unchanged_neighbour_is_not_sent_again(backend: Backend, opened: Opener) -> None:
    """A claim of many applications of which one changed: the rest is known to be there."""
    repository = opened()
    apps = {f"app-{n}/values.yaml": os.urandom(2000) for n in range(50)}
    for _ in range(2):
        backend.exchanges.clear()
        apps["app-7/values.yaml"] = os.urandom(2000)
        with repository.transaction() as transaction:
            transaction.commit({APPS: apps}, "change\n")
            transaction.push()
    assert sum(exchange.received for exchange in backend.exchanges) < 8000


def test_who_and_when(backend: Backend, opened: Opener) -> None:
    with opened().transaction() as transaction:
        transaction.commit({"a": b"1"}, "Ünï\n\nbody\n")
        transaction.push()
    who = "InfraForge <infraforge@example.com> 2026-03-01T12:30:00+00:00"
    assert log(backend, "%an <%ae> %aI|%cn <%ce> %cI|%s|%b") == [f"{who}|{who}|Ünï|body"]


def test_names_in_every_script_and_binary_content(backend: Backend, opened: Opener) -> None:
    paths = {"ünï/文件.yaml": bytes(range(256)), "a b/ c ": b"", "😀": b"\r\n"}
    with opened("a").transaction() as transaction:
        transaction.commit(paths, "names\n")
        transaction.push()
    assert files(backend).keys() == paths.keys()
    with opened("b").transaction() as transaction:
        assert transaction.names("ünï") == ("文件.yaml",)
        assert {path: transaction.read(path) for path in paths} == paths


def test_what_others_keep_there_is_kept(backend: Backend, opened: Opener) -> None:
    """Names that are no UTF-8, executables, links and submodules beside our paths survive our commits."""
    stream = b"""commit refs/heads/main
committer x <x@example.com> 1700000000 +0000
data 1
x
M 100644 inline "mine/\\377\\376"
data 1
1
M 100755 inline mine/run.sh
data 1
1
M 120000 inline mine/link
data 6
run.sh
M 160000 1111111111111111111111111111111111111111 mine/module
"""
    subprocess.run(["git", "-C", str(backend.path(NAME)), "fast-import", "--quiet"], input=stream, check=True)
    before = files(backend)
    with opened().transaction() as transaction:
        assert transaction.names("mine") == ("link", "module", "run.sh", "\udcff\udcfe")
        assert [transaction.read(f"mine/{name}") for name in ("link", "module", "run.sh")] == [None, None, b"1"]
        transaction.commit({"mine/ours": b"2"}, "ours\n")
        transaction.push()
    assert files(backend) == before | {"mine/ours": "100644"}


def test_a_file_in_the_way_gives_way_to_content_only(backend: Backend, opened: Opener) -> None:
    with opened().transaction() as transaction:
        transaction.commit({"a": b"file", "b": {"c": b"1"}}, "one\n")
        assert transaction.commit({"a/x": None, "a/y/z": {}}, "removes nothing\n") is None
        transaction.commit({"a/x": b"1", "b": b"file"}, "two\n")
        transaction.push()
    assert files(backend).keys() == {"a/x", "b"}


def test_everything_can_be_removed(backend: Backend, opened: Opener) -> None:
    with opened().transaction() as transaction:
        transaction.commit({"a/b/c": b"1"}, "one\n")
        transaction.commit({"a": None}, "two\n")
        assert transaction.commit({"a": None}, "three\n") is None
        transaction.push()
    with opened().transaction() as transaction:
        assert transaction.names() == ()
        assert transaction.commit({"a": None}, "four\n") is None
    assert log(backend) == ["one", "two"]


def test_tags_are_pushed_with_their_commit(backend: Backend, opened: Opener) -> None:
    with opened("a").transaction() as transaction:
        sha = transaction.commit({"Chart.yaml": b"1"}, "charts\n")
        assert sha
        transaction.create_tag("charts/1f2e", sha)
        assert transaction.tags() == {"charts/1f2e": sha}
        transaction.push()
    assert backend.git(NAME, "rev-parse", "refs/tags/charts/1f2e") == sha
    with opened("b").transaction() as transaction:
        assert transaction.tags() == {"charts/1f2e": sha}
        transaction.create_tag("charts/1f2e", sha)
        backend.exchanges.clear()
        transaction.push()
        assert backend.exchanges == []
        transaction.create_tag("later", sha)
        transaction.push()
    assert backend.git(NAME, "rev-parse", "refs/tags/later") == sha


def test_a_tag_of_a_person_counts_by_its_commit(backend: Backend, opened: Opener) -> None:
    seed(backend.path(NAME), 1)
    backend.git(NAME, "-c", "user.name=x", "-c", "user.email=x", "tag", "-a", "-m", "x", "v1", "main")
    with opened().transaction() as transaction:
        assert transaction.tags() == {"v1": transaction.head}


def test_a_tag_never_moves(backend: Backend, opened: Opener) -> None:
    with opened("a").transaction() as first, opened("b").transaction() as second:
        mine = first.commit({"a": b"1"}, "a\n")
        other = second.commit({"b": b"1"}, "b\n")
        assert mine
        assert other
        second.create_tag("v1", other)
        first.create_tag("v1", mine)
        first.push()
        with pytest.raises(PushRejected):
            second.push()
    assert backend.git(NAME, "rev-parse", "v1") == mine
    with opened("b").transaction() as transaction:
        new = transaction.commit({"c": b"1"}, "c\n")
        assert new
        with pytest.raises(ValueError, match="names another commit"):
            transaction.create_tag("v1", new)
        with pytest.raises(ValueError, match="not of this transaction"):
            transaction.create_tag("v2", other)


@pytest.mark.parametrize("name", ["", "a b", "a..b", "-a", "a.lock", "a/.b", "a~1", "a^", "a:b", "a@{b", "a.", "*"])
def test_a_tag_has_a_name_that_git_takes(opened: Opener, name: str) -> None:
    with opened().transaction() as transaction:
        sha = transaction.commit({"a": b"1"}, "a\n")
        assert sha
        with pytest.raises(ValueError, match=r"no name for a tag|cannot be written"):
            transaction.create_tag(name, sha)


def test_another_branch_is_not_ours(backend: Backend, opened: Opener) -> None:
    """A repository that has branches, but not this one, is empty for us."""
    seed(backend.path(NAME), 1)
    backend.git(NAME, "branch", "-m", "main", "other")
    with opened().transaction() as transaction:
        assert transaction.head is None
        transaction.commit({"a": b"1"}, "a\n")
        transaction.push()
    assert list(files(backend)) == ["a"]
