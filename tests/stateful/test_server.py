"""The server in memory holds what Git would hold."""

import subprocess
from pathlib import Path

from tests.stateful.cluster import KINDS
from tests.stateful.specs import STEPS
from tests.stateful.world import FUNCTIONS, GITEA_URL, ORGANIZATION, SYSTEM, World


def test_git_reads_it(tmp_path: Path) -> None:
    """`git fsck` finds every object whole, and `git log` the same history and files."""
    world = World()
    spec = {
        "gitea": {"url": GITEA_URL, "organization": ORGANIZATION},
        "clusters": [{"type": "nonprod", "environments": ["dev"]}],
    }
    world.cluster.create_claim("BootstrapClaim", SYSTEM, "platform", spec)
    for function in FUNCTIONS:
        world.ping(function, 0)
    world.stranger(lambda git: git.commit({"environments/nonprod/dev/x": b"theirs\n"}, "Theirs"))
    bare = world.voltran
    assert bare is not None
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(tmp_path)], check=True)
    bare.export(tmp_path)

    def git(*arguments: str) -> list[str]:
        command = ["git", "-C", str(tmp_path), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()

    git("fsck", "--strict")
    assert [one.sha for one in bare.history()] == git("log", "--format=%H", "main")
    assert sorted(bare.files()) == sorted(git("ls-tree", "-r", "--name-only", "main"))
    changed = bare.last_change("environments/nonprod/dev")
    assert [changed.sha if changed else None] == git(
        "log", "-1", "--format=%H", "main", "--", "environments/nonprod/dev"
    )


def test_a_process_can_be_killed_at_every_step_of_every_kind() -> None:
    """A new step is a new place to be killed at."""
    for kind in KINDS.values():
        assert {*kind.steps_of_work, *kind.steps_of_removal} <= set(STEPS)
