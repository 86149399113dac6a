"""Folders of other commits than the head's, read whole and within limits."""

import subprocess

import pytest

from shared.errors import PushRejected
from shared.git import Contents, Limits

from .backend import Backend
from .conftest import NAME, Opener

LIMITS = Limits(entries=50, size=100_000)
CHART = {"Chart.yaml": b"name: a\n", "templates/deep/er/a.yaml": b"a: 1\n", "charts/library/Chart.yaml": b"name: l\n"}


def publish(opened: Opener, files: dict[str, bytes], tag: str | None = None) -> str:
    with opened("writer").transaction() as git:
        sha = git.commit(dict(files), "charts\n")
        assert sha is not None
        if tag:
            git.create_tag(tag, sha)
        git.push()
        return sha


def chart(folder: str = "shop") -> dict[str, bytes]:
    return {f"{folder}/{path}": data for path, data in CHART.items()}


def test_a_folder_at_a_tag_that_main_has_left_behind(backend: Backend, opened: Opener) -> None:
    """A cache that never saw that commit fetches what it needs of it; the second time nothing."""
    publish(opened, chart() | {"other/Chart.yaml": b"name: o\n"}, tag="embedded-1")
    publish(opened, {"shop/Chart.yaml": b"name: new\n"})
    repository = opened("reader")

    with repository.transaction() as git:
        commit = git.tags()["embedded-1"]
        assert git.folders(commit, ["shop"], LIMITS) == {"shop": Contents(CHART)}
    backend.exchanges.clear()
    with repository.transaction() as git:
        assert git.folders(commit, ["shop"], LIMITS) == {"shop": Contents(CHART)}

    assert [exchange.service for exchange in backend.exchanges] == ["info/upload"]


def test_the_names_at_a_tag(opened: Opener) -> None:
    before = publish(opened, chart(), tag="embedded-1")
    publish(opened, {"new/Chart.yaml": b"name: new\n"})

    with opened("reader").transaction() as git:
        assert git.names(commit=before) == ("shop",)
        assert git.names("shop", before) == ("Chart.yaml", "charts", "templates")
        assert git.names("new", before) == ()
        assert git.names() == ("new", "shop")


def test_many_folders_cost_what_one_costs(backend: Backend, opened: Opener) -> None:
    one = publish(opened, {path: data for number in range(8) for path, data in chart(f"chart{number}").items()})

    def requests(cache: str, folders: list[str]) -> int:
        backend.exchanges.clear()
        with opened(cache).transaction() as git:
            assert git.folders(one, folders, LIMITS).keys() == set(folders)
        return len(backend.exchanges)

    assert requests("a", ["chart0"]) == requests("b", [f"chart{number}" for number in range(8)])


def test_what_is_no_folder_is_not_found(opened: Opener) -> None:
    head = publish(opened, chart())

    with opened().transaction() as git:
        found = git.folders(head, ["shop", "none", "shop/Chart.yaml", "shop/none/more", "shop/templates"], LIMITS)

    assert found == {
        "shop": Contents(CHART),
        "shop/templates": Contents({"deep/er/a.yaml": b"a: 1\n"}),
    }


def test_links_and_submodules_are_named_and_not_followed(backend: Backend, opened: Opener) -> None:
    stream = (
        b"commit refs/heads/main\ncommitter x <x@example.com> 1700000000 +0000\ndata 1\nx\n"
        b"M 100755 inline shop/run\ndata 1\n1\n"
        b"M 120000 inline shop/templates\ndata 9\n../../etc\n"
        b"M 160000 " + b"1" * 40 + b" shop/charts/other\n"
    )
    subprocess.run(["git", "-C", str(backend.path(NAME)), "fast-import", "--quiet"], input=stream, check=True)

    with opened().transaction() as git:
        assert git.head is not None
        found = git.folders(git.head, ["shop"], LIMITS)

    assert found == {"shop": Contents({"run": b"1"}, ("charts/other", "templates"))}


@pytest.mark.parametrize(
    ("files", "excess"),
    [
        ({f"big/{number}": b"1" for number in range(51)}, "it holds more than 50 entries"),
        ({f"big/{number}/a": b"1" for number in range(26)}, "it holds more than 50 entries"),
        ({"big/a": bytes(60_000), "big/b": bytes(60_001)}, "it holds more than 100000 bytes"),
    ],
)
def test_too_much_is_not_read(opened: Opener, files: dict[str, bytes], excess: str) -> None:
    """And its neighbour is."""
    head = publish(opened, chart() | files)

    with opened().transaction() as git:
        found = git.folders(head, ["big", "shop"], LIMITS)

    assert found == {"shop": Contents(CHART), "big": Contents(excess=excess)}


def test_a_commit_that_the_remote_does_not_have(opened: Opener) -> None:
    publish(opened, chart())

    with opened().transaction() as git:
        with pytest.raises(PushRejected):
            git.folders("1" * 40, ["shop"], LIMITS)
        with pytest.raises(ValueError, match="no commit"):
            git.folders("main", ["shop"], LIMITS)
        with pytest.raises(ValueError, match="empty"):
            git.folders(git.head or "", ["shop//a"], LIMITS)


def test_a_damaged_object_is_fetched_again(backend: Backend, opened: Opener) -> None:
    head = publish(opened, chart(), tag="embedded-1")
    repository = opened("reader")
    with repository.transaction() as git:
        git.folders(head, ["shop"], LIMITS)
    for pack in sorted((backend.root.parent / "caches" / "reader" / "objects" / "pack").glob("*.pack")):
        pack.chmod(0o644)
        pack.write_bytes(pack.read_bytes()[:40])

    with repository.transaction() as git:
        assert git.folders(head, ["shop"], LIMITS) == {"shop": Contents(CHART)}
