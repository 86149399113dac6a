"""The Git cache: damaged, half-written, gone, and without room."""

import os
import resource
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.chaos import faults
from tests.chaos.proxy import Rule
from tests.chaos.scenarios.gitea import is_git, is_push
from tests.chaos.stage import Row, Stage
from tests.chaos.world import World

FUNCTION = "application"


def run(stage: Stage) -> None:
    """All of them, one after another."""
    _damaged(stage, "cache corrupted", _corrupt)
    _damaged(stage, "cache half-written", _truncate)
    deleted(stage)
    full(stage)


def _damaged(stage: Stage, name: str, damage: Callable[[Path], bool]) -> None:
    with stage.observed(name) as row:
        for _ in range(3):
            files = [path for path in stage.world.cache(FUNCTION).rglob("*") if path.is_file()]
            row.injected += sum(damage(path) for path in files)
            _edited(stage, row, 3)


def _corrupt(path: Path) -> bool:
    """Other bytes in the middle."""
    return _rewritten(path, lambda data: data[: len(data) // 2] + b"\xa5" * 16 + data[len(data) // 2 + 16 :])


def _truncate(path: Path) -> bool:
    """The second half is missing, as after a power cut."""
    return _rewritten(path, lambda data: data[: len(data) // 2])


def _rewritten(path: Path, change: Callable[[bytes], bytes]) -> bool:
    try:
        data = path.read_bytes()
        path.chmod(0o644)
        path.write_bytes(change(data))
    except OSError:  # it went meanwhile
        return False
    return True


def deleted(stage: Stage) -> None:
    """The cache goes while a fetch is under way, and while a push is."""
    with stage.observed("cache deleted in flight") as row:
        for when in (is_git, is_push) * 2:
            gate = faults.Gate()
            with stage.world.lines.gitea.doing(Rule(gate, when, limit=1)):
                row.claims |= set(stage.fleet.edit(stage.fleet.applications[:2]))
                stage.until("a request of Git's", gate.reached.is_set)
                shutil.rmtree(stage.world.cache(FUNCTION), ignore_errors=True)
                row.injected += 1
                gate.open()
            _edited(stage, row, 1)


def full(stage: Stage) -> None:
    """No byte fits any more; the statuses say so."""
    with stage.observed("cache disk full") as row:
        shutil.rmtree(stage.world.cache(FUNCTION), ignore_errors=True)
        claims = stage.fleet.applications[:3]
        with _no_room(stage.world):
            row.injected += 1
            row.claims |= set(stage.fleet.edit(claims))
            stage.until("a status that speaks of the cache", stage.says(claims, "cache"))


def _edited(stage: Stage, row: Row, count: int) -> None:
    """Edit some claims, and wait until they are in Git."""
    claims = stage.fleet.applications[:count]
    row.claims |= set(stage.fleet.edit(claims))
    stage.until("the edits in Git", stage.settled(claims), 60)


@contextmanager
def _no_room(world: World) -> Iterator[None]:
    """A full file system in place of the cache, or where nobody may mount one, a limit on what may be written."""
    folder = world.cache(FUNCTION)
    folder.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "chaos", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode == 0:
        try:
            _fill(folder / "ballast")
            yield
        finally:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)
        return
    before = {pid: resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, -1)) for pid in world.family(FUNCTION)}
    try:
        yield
    finally:
        for pid, limits in before.items():
            if Path(f"/proc/{pid}").exists():
                resource.prlimit(pid, resource.RLIMIT_FSIZE, limits)


def _fill(path: Path) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        while True:
            os.write(descriptor, b"\0" * 4096)
    except OSError:
        return
    finally:
        os.close(descriptor)
