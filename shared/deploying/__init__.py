"""The last mile: what ArgoCD makes of the files, hastened, withdrawn and told in the claim's status."""

from .ancestry import Ancestry
from .argocd import ArgoCD, Snapshot, View
from .deployer import REMOVING, Outcome
from .landscape import Place, role_of
from .last_mile import LastMile
from .rows import status_with, targets, with_deployed
from .tracking import Target

__all__ = [
    "REMOVING",
    "Ancestry",
    "ArgoCD",
    "LastMile",
    "Outcome",
    "Place",
    "Snapshot",
    "Target",
    "View",
    "role_of",
    "status_with",
    "targets",
    "with_deployed",
]
