"""A pod's volumes as folders of this machine, and the paths below them that containers know by another name."""

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sandbox.node import atomic
from sandbox.node.api import Objects
from sandbox.node.errors import NotStartable
from sandbox.node.payloads import Payloads
from sandbox.node.pod import Pod
from sandbox.node.tokens import Tokens

Json = dict[str, Any]

_ACCESS: Final = "kube-api-access"
_LOCK: Final = "lock"
_PRIVATE: Final = 0o700


class Mounts:
    """The volumes of one pod below `root`. Several processes may refresh the same ones."""

    def __init__(self, pod: Pod, root: Path, api: Objects, now: Callable[[], float] = time.time) -> None:
        self._pod = pod
        self._root = root
        self._payloads = Payloads(pod, api, Tokens(pod, root / "tokens", api, now))
        self._automounts = False

    def refresh(self) -> list[str]:
        """Make every folder hold what its volume holds by now; returns the names of the volumes that changed.

        Call it before the pod's first container starts, and again whenever something may have changed (the node does).
        Raises `NotStartable` naming the volume, and `ApiError`.
        """
        with self._locked():
            changed = [volume["name"] for volume in self._pod.spec.get("volumes") or () if self._write(volume)]
            self._automounts = self._payloads.automounts()
            if self._automounts and atomic.write(self._root / _ACCESS, self._payloads.access()):
                changed.append(_ACCESS)
        return changed

    @property
    def kubeconfig(self) -> Path | None:
        """A kubeconfig with the account's token, as of the last refresh; None when the pod gets none."""
        return self._root / _ACCESS / "kubeconfig" if self._automounts else None

    def folder(self, volume: str) -> Path:
        """The folder of a volume."""
        return self._root / "volumes" / volume

    def translated(self, container: Json, text: str) -> str:
        """`text`, with the folder in place of the mount path that it begins with, if it does."""
        for place, folder in self.places(container):
            if text == place or text.startswith(f"{place}/"):
                return f"{folder}{text[len(place) :]}"
        return text

    def places(self, container: Json) -> list[tuple[str, Path]]:
        """Mount path and folder of each of a container's mounts, the longest path first."""
        found = []
        for mount in container.get("volumeMounts") or ():
            folder = self.folder(mount["name"])
            if mount.get("subPath"):
                folder /= str(mount["subPath"])
            found.append((str(mount["mountPath"]).rstrip("/"), folder))
        return sorted(found, key=lambda one: -len(one[0]))

    def _write(self, volume: Json) -> bool:
        folder = self.folder(volume["name"])
        try:
            payload = self._payloads.of(volume)
            if payload is None:
                folder.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
                return False
            return atomic.write(folder, payload)
        except NotStartable as error:
            text = f'MountVolume.SetUp failed for volume "{volume["name"]}" : {error}'
            raise NotStartable(text, error.reason) from error

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Read and write as one: else an older reading could be written over a newer one."""
        self._root.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
        with (self._root / _LOCK).open("w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield


def used_at(root: Path) -> float:
    """When a pod's volumes were last refreshed, in seconds since the epoch; infinity when that cannot be told."""
    try:
        return (root / _LOCK).stat().st_mtime
    except OSError:
        return float("inf")
