"""The faults, by what they are done to. Each is a function that is given the stage."""

from collections.abc import Callable, Mapping
from typing import Final

from tests.chaos.scenarios import cache, events, gitea, kills, kubernetes, pauses, registry
from tests.chaos.stage import Stage

ALL: Final[Mapping[str, Callable[[Stage], None]]] = {
    "events": events.run,
    "kills": kills.run,
    "gitea": gitea.run,
    "kubernetes": kubernetes.run,
    "registry": registry.run,
    "cache": cache.run,
    "pauses": pauses.run,
}
