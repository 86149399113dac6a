"""The disk of the cache is full: told as such, nothing half written counts, and it goes on when there is room."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .backend import Backend
from .conftest import NAME
from .seed import seed

ROOT = Path(__file__).parents[3]
MOUNT = ["unshare", "--user", "--map-root-user", "--mount"]


def run(backend: Backend, directory: Path, mode: str, disk: str | None = None) -> list[str]:
    """What each write of small_disk.py came to; on a disk of its own, of the size `disk`."""
    directory.mkdir()
    command = [sys.executable, "-m", "tests.shared.git.small_disk", str(directory), backend.url(NAME), mode]
    if disk:
        mount = f'mount -t tmpfs -o size={disk} tmpfs "$1" && shift && exec "$@"'
        command = [*MOUNT, "sh", "-c", mount, "sh", str(directory), *command]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


def can_mount() -> bool:
    """Whether this user may have a file system of its own."""
    if shutil.which("unshare") is None:
        return False
    command = [*MOUNT, "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


needs_mount = pytest.mark.skipif(not can_mount(), reason="needs unprivileged user namespaces, to mount a tmpfs")


def subjects(backend: Backend) -> list[str]:
    return backend.git(NAME, "log", "--reverse", "--format=%s", "main").splitlines()


def test_files_that_cannot_grow(backend: Backend, tmp_path: Path) -> None:
    """By a limit of the process, which kills Git by a signal."""
    seed(backend.path(NAME), 3000)
    told = run(backend, tmp_path / "disk", "limited")
    assert told == ["CacheUnavailable", "written", "written", "CacheUnavailable", "written"]
    assert subjects(backend) == ["seed", "a", "object", "b"]
    backend.git(NAME, "fsck", "--strict")


@needs_mount
def test_a_disk_that_others_fill(backend: Backend, tmp_path: Path) -> None:
    """A push goes from memory; only what has to be fetched needs room."""
    seed(backend.path(NAME), 100)
    assert run(backend, tmp_path / "disk", "filled", "400k") == ["written"] * 3
    assert subjects(backend) == ["seed", "a", "b", "c"]
    backend.git(NAME, "fsck", "--strict")


@needs_mount
def test_a_disk_that_the_cache_fills(backend: Backend, tmp_path: Path) -> None:
    """It makes room for itself: 1.2 MB are written through 400 kB, and nobody is told."""
    seed(backend.path(NAME), 100)
    assert run(backend, tmp_path / "disk", "filling", "400k") == ["written"] * 30
    assert subjects(backend) == ["seed", *(f"a/b/c/d/f{number}" for number in range(30))]
    backend.git(NAME, "fsck", "--strict")
