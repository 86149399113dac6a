"""The application function's settings."""

from pathlib import Path
from typing import ClassVar

from pydantic import Field

from shared.argocd import ValueFiles
from shared.settings import Seconds, Settings


class ApplicationSettings(Settings):
    """What the application function needs beyond the settings that all share."""

    function: ClassVar[str] = "application"

    value_files: ValueFiles = Field(
        "ref", description="How ArgoCD finds values: ref (a second source), or raw (a URL; needs a public repository)."
    )
    registry_mirrors: dict[str, str] = Field(
        default_factory=dict, description="Registry host as images name it → endpoint where this process connects."
    )
    allowed_registries: tuple[str, ...] = Field(
        (), description="Registry hosts (patterns) that may be asked; empty: any on a public address."
    )
    registry_credentials_file: Path | None = Field(
        None, description="A docker config.json whose credentials are each used for their own host only."
    )
    registry_timeout: Seconds = Field(5.0, description="Seconds that one request to a registry may take.")
    registry_cool_down: Seconds = Field(10.0, description="Seconds that a registry which did not answer is left alone.")
