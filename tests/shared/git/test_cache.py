"""The cache is only a cache: whatever happens to it costs a fetch and nothing else."""

from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import SecretStr

from shared.git import Author, Remote, Repository, cache

from .backend import Backend
from .conftest import NAME, TOKEN, Opener
from .damage import DAMAGES
from .seed import seed

SERVICES = "environments/nonprod/env000/platform"


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    """Where the cache under test is."""
    return tmp_path / "caches" / "cache"


def write(repository: Repository, name: str) -> None:
    with repository.transaction() as transaction:
        transaction.commit({f"{SERVICES}/{name}": {"values.yaml": b"1"}}, f"{name}\n")
        transaction.push()


def check(backend: Backend, *names: str) -> None:
    backend.git(NAME, "fsck", "--strict", "--full")
    assert backend.git(NAME, "ls-tree", "--name-only", f"main:{SERVICES}").splitlines() == sorted(["postgres", *names])


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_damage_between_transactions(
    backend: Backend, opened: Opener, damaged: Path, damage: Callable[[Path], None]
) -> None:
    """Once when the cache believes to be up to date, once when somebody else has pushed."""
    seed(backend.path(NAME), 3)
    repository = opened()
    write(repository, "one")
    damage(damaged)
    write(repository, "two")
    write(opened("other"), "other")
    damage(damaged)
    write(repository, "three")
    write(repository, "four")
    check(backend, "one", "two", "three", "four", "other")


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_damage_within_a_transaction(
    backend: Backend, opened: Opener, damaged: Path, damage: Callable[[Path], None]
) -> None:
    """What was prepared lives in memory, so the same commits are pushed from a fresh cache."""
    seed(backend.path(NAME), 3)
    repository = opened()
    write(repository, "one")
    with repository.transaction() as transaction:
        damage(damaged)
        transaction.commit({f"{SERVICES}/two": {"values.yaml": b"1"}}, "two\n")
        transaction.push()
        sha = transaction.commit({f"{SERVICES}/three": {"values.yaml": b"1"}}, "three\n")
        damage(damaged)
        transaction.push()
    assert backend.git(NAME, "rev-parse", "main") == sha
    write(repository, "four")
    check(backend, "one", "two", "three", "four")


def test_a_cache_of_another_repository_is_not_believed(backend: Backend, tmp_path: Path) -> None:
    backend.create("infraforge/charts")
    for name in (NAME, "infraforge/charts"):
        repository = Repository(
            tmp_path / "c", Remote(backend.url(name)), token=lambda: SecretStr(TOKEN), author=Author("a", "b")
        )
        with repository.transaction() as transaction:
            assert transaction.names() == ()
            transaction.commit({name: b"1"}, "a\n")
            transaction.push()


def test_it_does_not_grow_for_ever(backend: Backend, opened: Opener, damaged: Path) -> None:
    """Once there are more packs than Git likes to search, the cache is made anew at the next transaction."""
    seed(backend.path(NAME), 3)
    repository = opened()
    write(repository, "one")
    packs = damaged / "objects" / "pack"
    for number in range(cache.MAX_PACKS):
        (packs / f"tmp_pack_{number}").write_text("left by a fetch that was killed")
    write(repository, "two")
    assert len(list(packs.iterdir())) < 10
    loose = damaged / "objects" / "17"
    loose.mkdir(exist_ok=True)
    for number in range(cache.MAX_LOOSE // 256 + 1):
        (loose / f"{number:038x}").write_text("")
    write(repository, "three")
    assert not loose.exists() or len(list(loose.iterdir())) < 3
    check(backend, "one", "two", "three")
    assert sorted(path.name for path in damaged.parent.iterdir()) == ["cache", "cache.lock"]


def fetched(directory: Path) -> int:
    """Objects that came from the server."""
    packs = (directory / "objects" / "pack").glob("*.pack")
    return sum(int.from_bytes(path.read_bytes()[8:12], "big") for path in packs)


def test_cost_does_not_grow_with_the_repository(backend: Backend, opened: Opener, tmp_path: Path) -> None:
    """A claim's change, counted and not timed: from an empty cache, a warm one, and one whose head moved."""
    costs = []
    for size in (100, 3000):
        name = f"infraforge/of-{size}"
        backend.create(name)
        seed(backend.path(name), size)
        cost: list[tuple[int, int]] = []
        for number, label in enumerate(("cold", "warm", "warm")):
            backend.exchanges.clear()
            with opened(f"{size}", name=name).transaction() as transaction:
                edit = {
                    f"environments/nonprod/env000/applications/app-{n}/values.yaml": b"%d" % number for n in range(5)
                }
                transaction.commit(edit, f"{label}\n")
                transaction.push()
            cost.append((sum(e.sent for e in backend.exchanges), sum(e.received for e in backend.exchanges)))
        costs.append((fetched(tmp_path / "caches" / f"{size}"), cost))
    (small_objects, small), (large_objects, large) = costs
    # 3,000 applications are 29 environments more: their names and nothing below them.
    assert large_objects - small_objects <= 40
    assert large[0][0] - small[0][0] < 5000
    for (_, (sent, received)), (_, (more_sent, more_received)) in zip(
        enumerate(small[1:]), enumerate(large[1:]), strict=True
    ):
        assert abs(more_sent - sent) < 50
        assert abs(more_received - received) < 2500, "trees on the way hold 30 names instead of one"
