"""A chart of strangers as files that Helm's engine may be given: unpacked within bounds, and with nothing to fetch.

Helm follows a `$ref` of a values.schema.json to any address and any file of this machine. ArgoCD may do so where it
runs; the functions, which hold credentials and stand inside the network, may not.
"""

import gzip
import io
import json
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any, Final

MAX_FILES: Final = 2000
MAX_BYTES: Final = 12 * 1024 * 1024
"""Of one chart with everything in it, unpacked."""
MAX_NESTED: Final = 3
SCHEMA: Final = "values.schema.json"

_VENDORED: Final = "charts"
_REFERENCES: Final = frozenset({"$ref", "$dynamicRef", "$recursiveRef"})
_KNOWN: Final = frozenset(
    f"{scheme}://json-schema.org/{draft}"
    for scheme in ("http", "https")
    for draft in (
        *("schema", "draft-04/schema", "draft-06/schema", "draft-07/schema"),
        *("draft/2019-09/schema", "draft/2020-12/schema"),
    )
)
"""The languages of schemas that Helm's validator holds itself."""


class Unfit(Exception):
    """The chart cannot be looked at here. That says nothing of what ArgoCD makes of it."""


def unpack(archive: bytes) -> dict[str, bytes]:
    """Path below the chart's folder → content of a chart's `.tgz`.

    Raises `Unfit` for what is none, for links, for paths that lead out of it, and beyond `MAX_FILES` or `MAX_BYTES`.
    """
    files: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=_Bounded(archive), mode="r|") as members:
            for member in members:
                if member.isdir():
                    continue
                if not member.isreg():
                    raise Unfit(f"the archive holds a link or a device, {member.name[:80]!r}")
                source = members.extractfile(member)
                if source is not None:
                    files[_below(member.name)] = source.read()
                if len(files) > MAX_FILES:
                    raise Unfit(f"the archive holds more than {MAX_FILES} files")
    except (tarfile.TarError, OSError, EOFError, zlib.error, ValueError) as error:
        raise Unfit("the archive is damaged, or none") from error
    if "Chart.yaml" not in files:
        raise Unfit("the archive holds no chart")
    return files


def harmless(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The chart with its archived dependencies unpacked, and without schemas that refer to other documents.

    Raises `Unfit` as `unpack` does.
    """
    found = dict(_expanded(files, MAX_NESTED))
    if len(found) > MAX_FILES or sum(map(len, found.values())) > MAX_BYTES:
        raise Unfit(f"the chart is larger than {MAX_BYTES >> 20} MiB or has more than {MAX_FILES} files")
    return {path: data for path, data in found.items() if not _is_schema(path) or is_self_contained(data)}


def is_self_contained(schema: bytes) -> bool:
    """Whether a values.schema.json refers to nothing but itself. What is no JSON refers to nothing."""
    try:
        document = json.loads(schema.decode(), object_pairs_hook=_unique)
    except _Ambiguous:
        return False
    except (ValueError, RecursionError):
        return True  # for Helm to refuse
    return _refers_to_itself(document)


class _Bounded(io.RawIOBase):
    """What a gzip archive unpacks to, up to a limit for everything in it: tar's own headers can ask for gigabytes."""

    def __init__(self, archive: bytes) -> None:
        self._source = gzip.GzipFile(fileobj=io.BytesIO(archive))
        self._left = MAX_BYTES + MAX_FILES * 1024

    def read(self, size: int = -1) -> bytes:
        """The next bytes. Raises `Unfit` beyond the limit."""
        wanted = self._left + 1 if size < 0 else min(size, self._left + 1)
        data = self._source.read(wanted)
        self._left -= len(data)
        if self._left < 0:
            raise Unfit(f"the archive unpacks to more than {MAX_BYTES >> 20} MiB")
        return data


class _Ambiguous(Exception):
    """A key stands twice, and readers may differ about which one counts."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Ambiguous
    return found


def _below(name: str) -> str:
    """The path below the archive's one folder."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or len(path.parts) < 2:  # noqa: PLR2004 - folder, file
        raise Unfit(f"the archive holds {name[:80]!r}, which is not below its folder")
    return "/".join(path.parts[1:])


def _expanded(files: Mapping[str, bytes], depth: int) -> Iterator[tuple[str, bytes]]:
    """The files, with each archive in a `charts` folder as a folder of the archive's name."""
    for path, data in files.items():
        parts = PurePosixPath(path).parts
        if not (len(parts) > 1 and parts[-2] == _VENDORED and path.endswith(".tgz")) or parts[-1][0] in "._":
            yield path, data
            continue
        if not depth:
            raise Unfit("its dependencies are archived too deep within each other")
        for inner, content in _expanded(unpack(data), depth - 1):
            yield f"{path.removesuffix('.tgz')}/{inner}", content


def _is_schema(path: str) -> bool:
    return PurePosixPath(path).name == SCHEMA


def _refers_to_itself(node: Any) -> bool:
    level = [node]
    while level:
        following: list[Any] = []
        for one in level:
            if isinstance(one, dict):
                if not all(_is_own(key, value) for key, value in one.items()):
                    return False
                following += one.values()
            elif isinstance(one, list):
                following += one
        level = following
    return True


def _is_own(key: str, value: Any) -> bool:
    if key in _REFERENCES:
        return not isinstance(value, str) or value.startswith("#")
    if key == "$schema":
        return not isinstance(value, str) or value.rstrip("#") in _KNOWN
    return True
