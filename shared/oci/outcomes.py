"""What became of an image: the five ways a resolution ends.

The caller decides what each means; the intent is that only `TagMissing` and `NotAllowed` hold an application back.
"""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class Resolved:
    """The tag exists. `digest` is `sha256:…` or `sha512:…` of the manifest (of the index, if it is multi-platform)."""

    reason: ClassVar[str] = "Resolved"

    digest: str


@dataclass(frozen=True)
class TagMissing:
    """The registry answered, and has no such tag; `nearest` are those it has that look most like it, nearest first."""

    reason: ClassVar[str] = "TagNotFound"

    message: str
    nearest: tuple[str, ...] = ()


@dataclass(frozen=True)
class Private:
    """The registry does not show the image to us. The cluster's own pull secrets may still fetch it."""

    reason: ClassVar[str] = "ImagePrivate"

    message: str


@dataclass(frozen=True)
class Unavailable:
    """Nothing certain was learned: the registry is down, throttles, or answers nonsense.

    `retry_after` is in seconds: asking sooner will not ask the registry.
    """

    reason: ClassVar[str] = "RegistryUnavailable"

    message: str
    retry_after: float = 0.0


@dataclass(frozen=True)
class NotAllowed:
    """This installation may not ask that registry: only another registry or another setting mends it."""

    reason: ClassVar[str] = "RegistryNotAllowed"

    message: str


Resolution = Resolved | TagMissing | Private | Unavailable | NotAllowed
