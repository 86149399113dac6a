"""Why a container cannot be started yet, in the kubelet's own words."""

from typing import Final

CONTAINER_CREATING: Final = "ContainerCreating"
CONFIG_ERROR: Final = "CreateContainerConfigError"


class NotStartable(Exception):
    """Something that the pod names is missing; it may come, so the caller tries again.

    `reason` is what the container's `state.waiting.reason` says, `str(error)` its message.
    """

    def __init__(self, message: str, reason: str = CONFIG_ERROR) -> None:
        super().__init__(message)
        self.reason = reason
