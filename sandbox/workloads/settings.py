"""How fast workloads live, and which never do."""

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class Settings:
    """`ready_after` and `progress_deadline` are seconds; `missing_images` are shell patterns of references.

    A Deployment's own `progressDeadlineSeconds` counts where it is shorter: nobody waits ten minutes in a sandbox.
    A digest behind a tag is not looked at. One of the images of the sandbox's own registry is among the missing ones,
    so that a claim that is accepted can end in a workload that is not well.
    """

    ready_after: float = 1.0
    progress_deadline: float = 10.0
    missing_images: tuple[str, ...] = ("*:missing", "*:missing-*", "*/infraforge/ecommerce-platform:v1.3.0-rc.1")

    def missing(self, pod: Json) -> str | None:
        """Return the first image of a pod template that cannot be pulled, or None."""
        spec = pod.get("spec") or {}
        images: Iterable[str] = (
            container.get("image", "")
            for group in ("initContainers", "containers")
            for container in spec.get(group) or ()
        )
        return next((image for image in images if self._matches(image)), None)

    def _matches(self, image: str) -> bool:
        return any(fnmatchcase(image.partition("@")[0], pattern) for pattern in self.missing_images)
