"""The bootstrap function's settings."""

from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field, SecretStr

from shared.argocd import ValueFiles
from shared.secret import Secret
from shared.settings import BaseUrl, Settings, Token, instead_of


class BootstrapSettings(Settings):
    """What the bootstrap function needs beyond the settings that all share."""

    function: ClassVar[str] = "bootstrap"

    argocd_token: Token | None = Field(
        None, description="A read-only Gitea token for ArgoCD; without it ArgoCD's credential is left alone."
    )
    argocd_token_file: Annotated[Path | None, instead_of("argocd_token")] = Field(
        None, description="Instead of argocd_token: a file with it, read whenever it is used."
    )
    value_files: ValueFiles = Field(
        "ref", description="How ArgoCD finds values: ref (a second source), or raw (a URL; needs a public repository)."
    )
    chart_registries: tuple[str, ...] = Field(
        (), description="OCI registries, without scheme, from which projects may take charts."
    )
    denied_kinds: tuple[str, ...] = Field(
        (
            *("LimitRange", "ResourceQuota", "*.rbac.authorization.k8s.io", "*.platform.infraforge.io"),
            *(f"{kind}.argoproj.io" for kind in ("Application", "ApplicationSet", "AppProject")),
        ),
        description="Kinds, as Kind.group, that no application's chart may bring: who may work in a namespace, how "
        "much may be in it and what is deployed elsewhere is said by claims.",
    )
    webhook_url: BaseUrl | None = Field(
        None, description="This function's address as Gitea reaches it; without it no webhook is registered."
    )
    webhook_secret: SecretStr | None = Field(None, description="The secret that signs Gitea's deliveries.")
    webhook_secret_file: Annotated[Path | None, instead_of("webhook_secret")] = Field(
        None, description="Instead of webhook_secret: a file with it, read whenever it is used."
    )
    broker_url: BaseUrl | None = Field(None, description="Where webhook deliveries go on as CloudEvents.")
    broker_token_file: Path | None = Field(
        None, description="A file with a token for the Broker's audience, where Knative's OIDC is on."
    )

    @property
    def argocd_secret(self) -> Secret | None:
        """The token that ArgoCD gets."""
        return _secret("INFRAFORGE_ARGOCD_TOKEN", self.argocd_token, self.argocd_token_file)

    @property
    def broker_token(self) -> Secret | None:
        """The token for the Broker; None where it asks for none."""
        return _secret("INFRAFORGE_BROKER_TOKEN", None, self.broker_token_file)

    @property
    def signing_secret(self) -> Secret | None:
        """What signs Gitea's deliveries."""
        return _secret("INFRAFORGE_WEBHOOK_SECRET", self.webhook_secret, self.webhook_secret_file, is_token=False)


def _secret(variable: str, value: SecretStr | None, file: Path | None, *, is_token: bool = True) -> Secret | None:
    return Secret(variable, value, file, is_token) if value is not None or file is not None else None
