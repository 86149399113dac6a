"""The last mile: what ArgoCD makes of the files, hastened, withdrawn and told in the claim's status."""

from .ancestry import Ancestry
from .argocd import ArgoCD
from .deployer import Outcome
from .landscape import Landscape, Place
from .last_mile import LastMile
from .tracking import Target, overall

__all__ = ["Ancestry", "ArgoCD", "Landscape", "LastMile", "Outcome", "Place", "Target", "overall"]
