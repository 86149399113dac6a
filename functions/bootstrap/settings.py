"""The bootstrap function's settings."""

from pydantic import Field, SecretStr

from shared.argocd import ValueFiles
from shared.settings import BaseUrl, Settings, Token


class BootstrapSettings(Settings):
    """What the bootstrap function needs beyond the settings that all share."""

    argocd_token: Token | None = Field(
        None, description="A read-only Gitea token for ArgoCD; without it ArgoCD's credential is left alone."
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
    broker_url: BaseUrl | None = Field(None, description="Where webhook deliveries go on as CloudEvents.")
