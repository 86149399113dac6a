"""What a BootstrapClaim must not ask of this installation. Pure."""

from shared.argocd import OWN_PROJECTS, RESERVED_PROJECTS
from shared.claims import BootstrapClaim
from shared.errors import InvalidClaim
from shared.settings import Settings


def check(claim: BootstrapClaim, settings: Settings) -> None:
    """Raise `InvalidClaim` when the claim is not where operators write, or names what is not this installation's."""
    if claim.metadata.namespace != settings.system_namespace:
        raise InvalidClaim(
            f'metadata.namespace: a BootstrapClaim lives in "{settings.system_namespace}", where only the '
            "platform's operators write: create it there",
            reason="NamespaceNotAllowed",
        )
    if claim.spec.gitea.url.rstrip("/") != settings.gitea_url:
        raise InvalidClaim(
            f"spec.gitea.url: this installation works with {settings.gitea_url} and gives its token to no other: "
            "name that address, or install InfraForge with another one",
            reason="GiteaNotAllowed",
        )
    for index, cluster in enumerate(claim.spec.clusters):
        if cluster.type in RESERVED_PROJECTS or cluster.type.startswith(OWN_PROJECTS):
            raise InvalidClaim(
                f'spec.clusters[{index}].type: "{cluster.type}" is, or may become, the name of an AppProject that is '
                "no cluster type's: choose another name",
                reason="NameReserved",
            )
