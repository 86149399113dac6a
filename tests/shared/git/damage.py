"""Everything that may have happened to a cache."""

import shutil
from pathlib import Path


def spoil(path: Path, content: bytes) -> None:
    """Overwrite a read-only file in its place."""
    path.chmod(0o644)
    path.write_bytes(content)


def delete(directory: Path) -> None:
    shutil.rmtree(directory)


def become_a_file(directory: Path) -> None:
    shutil.rmtree(directory)
    directory.write_text("not a folder")


def become_empty(directory: Path) -> None:
    shutil.rmtree(directory)
    directory.mkdir()


def lose_objects(directory: Path) -> None:
    shutil.rmtree(directory / "objects")
    (directory / "objects").mkdir()


def lose_packs(directory: Path) -> None:
    for path in (directory / "objects" / "pack").iterdir():
        path.unlink()


def lose_indexes(directory: Path) -> None:
    for path in (directory / "objects" / "pack").glob("*.idx"):
        path.unlink()


def truncate_packs(directory: Path) -> None:
    for path in (directory / "objects" / "pack").glob("*.pack"):
        spoil(path, path.read_bytes()[:40])


def flip_packs(directory: Path) -> None:
    for path in (directory / "objects" / "pack").glob("*.pack"):
        data = bytearray(path.read_bytes())
        data[12:-20] = bytes(byte ^ 0xFF for byte in data[12:-20])
        spoil(path, bytes(data))


def zero_packs(directory: Path) -> None:
    for path in (directory / "objects" / "pack").glob("*.pack"):
        spoil(path, bytes(path.stat().st_size))


def truncate_loose(directory: Path) -> None:
    for path in (directory / "objects").glob("[0-9a-f][0-9a-f]/*"):
        spoil(path, b"")


def swap_loose(directory: Path) -> None:
    """Whole, but not what their names say."""
    paths = sorted((directory / "objects").glob("[0-9a-f][0-9a-f]/*"))
    contents = [path.read_bytes() for path in paths]
    for path, content in zip(paths, contents[1:] + contents[:1], strict=True):
        spoil(path, content)


def lose_shallow(directory: Path) -> None:
    (directory / "shallow").unlink(missing_ok=True)


def leave_locks(directory: Path) -> None:
    for name in ("shallow.lock", "config.lock", "HEAD.lock", "packed-refs.lock", "refs/cache/head.lock"):
        (directory / name).write_text("")


def spoil_head(directory: Path) -> None:
    (directory / "refs/cache/head").write_bytes(b"\xff\xfe garbage")


def point_head_nowhere(directory: Path) -> None:
    (directory / "refs/cache/head").write_text("1" * 40 + "\n")


def lose_head(directory: Path) -> None:
    (directory / "HEAD").unlink(missing_ok=True)  # a push does not need it


def spoil_config(directory: Path) -> None:
    (directory / "config").write_text("[[[")


def be_of_another_version(directory: Path) -> None:
    (directory / "infraforge").write_text("format 0\n")


DAMAGES = [
    delete,
    become_a_file,
    become_empty,
    lose_objects,
    lose_packs,
    lose_indexes,
    truncate_packs,
    flip_packs,
    zero_packs,
    truncate_loose,
    swap_loose,
    lose_shallow,
    leave_locks,
    spoil_head,
    point_head_nowhere,
    lose_head,
    spoil_config,
    be_of_another_version,
]
