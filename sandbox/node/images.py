"""Which images are InfraForge's own: `<any repository>/{application,bootstrap,platform}`, by tag or by digest."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

Json = dict[str, Any]

LABEL: Final = "app.kubernetes.io/part-of"
PART_OF: Final = "infraforge"
SELECTOR: Final = f"{LABEL}={PART_OF}"
FUNCTIONS: Final = ("application", "bootstrap", "platform")


def function_of(image: str) -> str | None:
    """The function whose image this is, or None for somebody else's."""
    repository, _, name = image.partition("@")[0].rpartition("/")
    name = name.partition(":")[0]
    return name if repository and name in FUNCTIONS else None


def is_ours(metadata: Mapping[str, Any], pod_spec: Json) -> bool:
    """Whether an object with these metadata and this pod spec is run here: it says so, and every image is ours."""
    labelled = (metadata.get("labels") or {}).get(LABEL) == PART_OF
    images = list(_images(pod_spec))
    return labelled and bool(images) and all(function_of(image) for image in images)


def _images(pod_spec: Json) -> Iterator[str]:
    for group in ("initContainers", "containers"):
        for container in pod_spec.get(group) or ():
            yield str(container.get("image") or "")
