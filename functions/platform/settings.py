"""The platform function's settings."""

from typing import ClassVar

from pydantic import Field

from shared.argocd import ValueFiles
from shared.settings import Settings


class PlatformSettings(Settings):
    """What the platform function needs beyond the settings that all share."""

    function: ClassVar[str] = "platform"

    value_files: ValueFiles = Field(
        "ref", description="How ArgoCD finds values: ref (a second source), or raw (a URL; needs a public repository)."
    )
