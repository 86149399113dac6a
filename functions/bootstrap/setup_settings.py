"""The settings of the Job that makes the functions' credentials."""

from pathlib import Path

from pydantic import Field

from shared.settings import BaseUrl, Environment, Seconds, same_as_url


class SetupSettings(Environment):
    """Read from `INFRAFORGE_*`. A Secret whose name is empty is not ours to make."""

    gitea_url: BaseUrl = Field("http://gitea-http.gitea.svc:3000", description="Gitea as claims and Git name it.")
    gitea_endpoint: BaseUrl = Field(
        default_factory=same_as_url, description="Where this process reaches that Gitea; default: gitea_url."
    )
    gitea_ca_file: Path | None = Field(
        None, description="Certificates (PEM) that an https Gitea is checked against; default: the public authorities'."
    )
    admin_dir: Path = Field(
        Path("/var/run/infraforge/admin"), description="A folder with the files username and password of an admin."
    )
    gitea_user: str = Field(
        "infraforge",
        pattern=r"^[A-Za-z0-9_](?:[-.\w]{0,38}[A-Za-z0-9_])?$",
        description="The functions' own user, made if it is missing.",
    )
    author_email: str = Field("infraforge@localhost.localdomain", description="The address of that user.")
    gitea_organization: str | None = Field(
        None, description="The organization that claims will name; its owners are looked at if it exists already."
    )
    system_namespace: str = Field("platform-system", description="Where the Secrets are.")
    gitea_secret_name: str | None = Field(None, description="The Secret for the functions' token, in its key token.")
    argocd_secret_name: str | None = Field(None, description="The Secret for ArgoCD's token, in its key token.")
    webhook_secret_name: str | None = Field(None, description="The Secret for the webhook's, in its key secret.")
    token_generation: int = Field(1, ge=0, description="A higher one than the Secrets' own mints all of them anew.")
    kubeconfig: Path | None = Field(None, description="A kubeconfig file; default: the pod's service account.")
    timeout: Seconds = Field(20.0, description="Seconds that one request may take.")
    patience: Seconds = Field(240.0, description="Seconds to wait for Gitea to answer.")
