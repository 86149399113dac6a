"""What a person chooses about a sandbox, and what is kept of it between two starts."""

import json
from dataclasses import asdict, dataclass, field
from typing import Final, Literal, Self

from sandbox.supervisor.directory import DataDirectory, write_private

EventSource = Literal["sandbox", "external"]
ArgoCD = Literal["sandbox", "external", "off"]
Chart = Literal["sandbox", "external"]

RESYNC_INTERVAL: Final = 180
"""Seconds between two pings by which every function looks at everything again."""


@dataclass(frozen=True)
class Options:
    """Which parts are the sandbox's own (None) and which are real; never a credential, since it is written down."""

    kubeconfig: str | None = None
    gitea_url: str | None = None
    registry: str | None = None
    event_source: EventSource = "sandbox"
    gitea_push_delay: str | None = None
    resync_interval: int = RESYNC_INTERVAL
    argocd: ArgoCD = "sandbox"
    chart: Chart = "sandbox"
    audit_log: str | None = None
    organization: str = "platform"

    def arguments(self) -> list[str]:
        """The options as `infraforge up` takes them; those that are as by default are left out."""
        default = Options()
        return [
            word
            for name, value in asdict(self).items()
            if value != getattr(default, name) and name != "organization"
            for word in (f"--{name.replace('_', '-')}", str(value))
        ]


@dataclass(frozen=True)
class Record:
    """The sandbox as it was last started: its options, and the port of each component (chosen once)."""

    options: Options = field(default_factory=Options)
    ports: dict[str, int] = field(default_factory=dict)

    @classmethod
    def load(cls, directory: DataDirectory) -> Self:
        """What the directory says, or a fresh record when it says nothing (readable)."""
        try:
            document = json.loads(directory.record.read_text(encoding="utf-8"))
            return cls(Options(**document["options"]), dict(document["ports"]))
        except (OSError, ValueError, KeyError, TypeError):
            return cls()

    def save(self, directory: DataDirectory) -> None:
        """Write the record down."""
        write_private(directory.record, json.dumps(asdict(self), indent=2) + "\n")
