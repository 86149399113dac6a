"""The settings that all three functions share. Nothing else reads the environment."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from shared.errors import PermanentError


def _base_url(value: str) -> str:
    if not value.startswith(("http://", "https://")) or "@" in value:
        raise ValueError("must be an http:// or https:// URL without user and password")
    return value.rstrip("/")


BaseUrl = Annotated[str, AfterValidator(_base_url)]


class Settings(BaseSettings):
    """Read from `INFRAFORGE_*` once, in a function's `main.py`, and passed down.

    `gitea_url` is the address that claims say and Git holds; `gitea_endpoint` is where this process connects.
    """

    model_config = SettingsConfigDict(env_prefix="INFRAFORGE_", frozen=True, extra="ignore")

    gitea_url: BaseUrl = Field("http://gitea-http.gitea.svc:3000", description="Gitea as claims and Git name it.")
    gitea_endpoint: BaseUrl = Field("", description="Where this process reaches that Gitea; default: gitea_url.")
    gitea_token: SecretStr = Field(description="Token with write:organization, write:repository and read:user.")
    kubeconfig: Path | None = Field(None, description="A kubeconfig file; default: the pod's service account.")
    cache_dir: Path = Field(Path("/var/cache/infraforge"), description="Where the bare Git caches live.")
    cluster_types: frozenset[str] = Field(frozenset(), description="The types this installation serves; empty: all.")
    environment_namespaces: dict[str, frozenset[str]] = Field(
        default_factory=dict, description="Which namespaces may claim an environment; one not listed: any namespace."
    )
    system_namespace: str = Field("platform-system", description="Where BootstrapClaims live.")
    argocd_namespace: str = Field("argocd", description="Where ArgoCD looks for its objects.")
    author_name: str = Field("InfraForge", description="The author of commits.")
    author_email: str = Field("infraforge@localhost.localdomain", description="The author's address.")
    body_limit: int = Field(2 * 1024 * 1024, description="The largest request body, in bytes.")
    timeout: float = Field(20.0, description="Seconds that one request to a dependency may take.")

    @model_validator(mode="before")
    @classmethod
    def _endpoint_defaults_to_url(cls, values: dict[str, object]) -> dict[str, object]:
        return (
            values
            if values.get("gitea_endpoint")
            else values | {"gitea_endpoint": values.get("gitea_url") or cls.model_fields["gitea_url"].default}
        )

    @classmethod
    def from_environment(cls) -> Self:
        """The settings of this process; a wrong one is named together with its mend, without its value."""
        try:
            return cls()
        except ValidationError as error:
            lines = [
                f"INFRAFORGE_{'_'.join(map(str, one['loc'])).upper()}: {one['msg']}"
                for one in error.errors(include_input=False, include_url=False)
            ]
        except SettingsError as error:  # a value that should be JSON and is not; the message names the field only
            lines = [str(error)]
        raise PermanentError("; ".join(lines), reason="InvalidSettings")

    def serves(self, cluster_type: str) -> bool:
        """Whether this installation writes and deploys that cluster type."""
        return not self.cluster_types or cluster_type in self.cluster_types
