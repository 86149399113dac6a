"""The last mile: what ArgoCD makes of the files, hastened, withdrawn and told in the claim's status."""

from .ancestry import Ancestry
from .argocd import ArgoCD
from .deployer import Deployer, Outcome
from .landscape import Landscape, Place
from .tracking import Target, overall
from .withdrawal import Withdrawal

__all__ = ["Ancestry", "ArgoCD", "Deployer", "Landscape", "Outcome", "Place", "Target", "Withdrawal", "overall"]
