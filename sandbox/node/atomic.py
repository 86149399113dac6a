"""Replacing a folder's files all at once, as the kubelet does (k8s.io/kubernetes, pkg/volume/util/atomic_writer.go).

The files lie in a folder of their own, the symbolic link `..data` leads there, and each visible name is a link through
`..data`. One renaming of that link changes them all, so a reader never sees some of the old and some of the new.
"""

import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from sandbox.node.errors import CONTAINER_CREATING, NotStartable

_DATA: Final = "..data"
_OWNER: Final = 0o700


@dataclass(frozen=True)
class File:
    """A file's content and its mode, of which the owner's bits count here: the machine has other users."""

    content: bytes
    mode: int = 0o644


Payload = Mapping[str, File]
"""Files by their path below the volume."""


def write(folder: Path, payload: Payload) -> bool:
    """Make `folder` hold exactly `payload`; False when it did already.

    Raises `NotStartable` for a path that leads out of it.
    """
    for path in payload:
        _check(path)
    folder.mkdir(mode=_OWNER, parents=True, exist_ok=True)
    link = folder / _DATA
    before = link.resolve() if link.is_symlink() else None
    if before is not None and _held(before) == {path: (file.content, _mode(file)) for path, file in payload.items()}:
        return False
    fresh = Path(tempfile.mkdtemp(prefix="..", dir=folder))
    for path, file in payload.items():
        _write(fresh / path, file)
    temporary = folder / "..data_tmp"
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(fresh.name)
    temporary.replace(link)
    _show(folder, {PurePosixPath(path).parts[0] for path in payload})
    if before is not None and before.parent == folder.resolve():
        shutil.rmtree(before, ignore_errors=True)
    return True


def _check(path: str) -> None:
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or parts[0].startswith(".."):
        raise NotStartable(f"invalid path: {path!r} must stay below the volume", CONTAINER_CREATING)


def _mode(file: File) -> int:
    return (file.mode | 0o400) & _OWNER


def _write(path: Path, file: File) -> None:
    path.parent.mkdir(mode=_OWNER, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as handle:
        handle.write(file.content)
    path.chmod(_mode(file))


def _held(folder: Path) -> dict[str, tuple[bytes, int]]:
    try:
        return {
            path.relative_to(folder).as_posix(): (path.read_bytes(), path.stat().st_mode & 0o777)
            for path in folder.rglob("*")
            if path.is_file()
        }
    except OSError:
        return {}


def _show(folder: Path, names: set[str]) -> None:
    for name in names:
        link = folder / name
        if not link.is_symlink():
            link.symlink_to(f"{_DATA}/{name}")
    for link in folder.iterdir():
        if link.is_symlink() and link.name != _DATA and link.name not in names:
            link.unlink()
